import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_arrays import random_labels, spine, volume

from spider2d.errors import ScoreError
from spider2d.evaluation.case_score import score_pair
from spider2d.evaluation.matching import count_overlap, match_one_to_one


def test_unknown_labels_are_listed_and_left_out():
    reference, prediction = spine(), spine()
    reference[20:22, 3:8, 2:5] = 200
    prediction[20:22, 3:8, 2:5] = 60
    score = score_pair(volume(reference), volume(prediction))
    assert [i.status for i in score.instances if i.structure == "unknown"] == ["not_scored", "not_scored"]
    assert score.strict == score_pair(volume(spine()), volume(spine())).strict
    assert "[200]" in score.notes[0]
    assert "[60]" in score.notes[1]


def grey_values(first, n):
    """A spine with ``n`` more values, one voxel each, on its empty rows."""
    labels = spine()
    labels[19:].flat[:n] = np.arange(first, first + n)
    return labels


def test_many_unknown_labels_are_named_in_part():
    (note,) = score_pair(volume(spine()), volume(grey_values(26, 30))).notes
    assert note.startswith("30 labels unknown to SPIDER in the prediction")
    assert note.endswith(": [26, 27, 28, 29, 30, 31, 32, 33, 34, 35, ...]")
    (note,) = score_pair(volume(spine()), volume(grey_values(230, 2))).notes
    assert note.endswith(": [230, 231]")


def test_an_image_is_no_label_file():
    with pytest.raises(ScoreError, match=r"the prediction holds 31 values that are no .* \[26, 27,"):
        score_pair(volume(spine()), volume(grey_values(26, 31)))
    with pytest.raises(ScoreError, match="the reference holds 31 values .* Give a label file"):
        score_pair(volume(grey_values(26, 31)), volume(spine()))


@pytest.mark.parametrize("label", [-55, 70000])
def test_values_that_are_no_labels_are_refused(label):
    prediction = spine().astype(np.int32)
    prediction[0, 0, 0] = label
    with pytest.raises(ScoreError, match=f"the prediction holds the label value {label}"):
        score_pair(volume(spine()), volume(prediction))


def test_arrays_that_are_not_integer_are_refused():
    with pytest.raises(ValueError, match="integer"):
        count_overlap(spine().astype(np.float32), spine())


def test_one_to_one_matching_is_optimal():
    # Taking the best pair first (0.9) would leave 0.0 for the other row: 0.9 < 0.8 + 0.7.
    assert match_one_to_one(np.array([[0.9, 0.8], [0.7, 0.0]]), 0.1) == [(0, 1), (1, 0)]
    assert match_one_to_one(np.array([[0.05, 0.0], [0.0, 0.6]]), 0.1) == [(1, 1)]
    assert match_one_to_one(np.empty((0, 3)), 0.1) == []


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_overlap_counts_equal_brute_force(seed):
    rng = np.random.default_rng(seed)
    reference, prediction = random_labels(rng), random_labels(rng)
    overlap = count_overlap(reference, prediction)
    dice = overlap.dice()
    for r, a in enumerate(overlap.reference_labels):
        for p, b in enumerate(overlap.prediction_labels):
            shared = np.sum((reference == a) & (prediction == b))
            assert dice[r, p] == 2 * shared / (np.sum(reference == a) + np.sum(prediction == b))
            crops = overlap.crop_pair(r, p)
            assert [mask.sum() for mask in crops] == [np.sum(reference == a), np.sum(prediction == b)]
