import numpy as np
from load_script import load_script

real_pictures = load_script("experiments/real_pictures.py")


def test_counts_are_described_by_sequence():
    rows = [
        {"series": "1_t1", "found": 7, "expected": 7},
        {"series": "2_t1", "found": 5, "expected": 7},
        {"series": "2_t2_SPACE", "found": 8, "expected": 7},
    ]
    t1, space, together = real_pictures.describe(rows)
    assert t1.startswith("t1") and "1/2 (50.0 %), exact 1, mean -1.00" in t1
    assert "1/1 (100.0 %), exact 0, mean +1.00" in space
    assert "2/3 (66.7 %)" in together


def test_only_vertebrae_are_counted():
    assert real_pictures.count_vertebrae(np.array([[0, 1, 7, 100], [201, 205, 1, 2]])) == 3
