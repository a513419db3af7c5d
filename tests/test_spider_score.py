import json
import math
from pathlib import Path

import numpy as np
import pytest

from spider2d.data.volume import read_mask
from spider2d.evaluation.matching import count_overlap
from spider2d.evaluation.spider_score import OFFICIAL_NAMES, spider_score

CASES = Path(__file__).parent / "data" / "official_score_cases"
NAMES = sorted(path.parent.name for path in CASES.glob("*/expected.json"))


def score_case(name):
    reference = read_mask(CASES / name / "reference.mha")
    prediction = read_mask(CASES / name / "prediction.mha")
    overlap = count_overlap(reference.array_zyx, prediction.array_zyx)
    return spider_score(overlap, reference.geometry.spacing_xyz_mm)


def expected_figures(name):
    return json.loads((CASES / name / "expected.json").read_text())["official"]


def test_all_official_cases_are_here():
    assert len(NAMES) == 14


@pytest.mark.parametrize("name", [name for name in NAMES if name != "no_disc_in_reference"])
def test_equals_the_official_program(name):
    expected = expected_figures(name)
    values = score_case(name).values
    assert list(values) == list(OFFICIAL_NAMES) == list(expected)
    for figure, value in expected.items():
        if value is None:
            assert math.isnan(values[figure]), figure
        else:
            assert values[figure] == pytest.approx(value, abs=1e-9, rel=0), figure


def test_division_by_zero_becomes_not_available():
    assert expected_figures("no_disc_in_reference") == {"error": "ZeroDivisionError"}
    score = score_case("no_disc_in_reference")
    assert all(math.isnan(value) for value in score.values.values())
    assert "divides by zero" in score.note
    assert "no disc in the reference" in score.note


@pytest.mark.parametrize(
    ("labels", "absent"), [([0], "vertebra and no disc"), ([201], "no vertebra"), ([100, 200], "vertebra")]
)
def test_references_without_vertebra_or_disc(labels, absent):
    reference = np.array(labels, dtype=np.uint8).reshape(1, 1, -1)
    score = spider_score(count_overlap(reference, reference), (1.0, 1.0, 1.0))
    assert absent in score.note
    assert all(math.isnan(value) for value in score.values.values())


def test_every_missing_figure_is_explained():
    assert score_case("perturbed_lps").note == ""
    assert "no canal" in score_case("no_canal_in_reference").note
    assert score_case("vertebra_below_threshold").note == "ASD not available: nothing predicted over label 3"
    assert "DiceScoreDiscs not available" in score_case("empty_prediction").note


def test_structures_name_their_match():
    matches = {s.reference_label: s.prediction_label for s in score_case("relabelled").structures}
    assert matches == {1: 9, 2: 7, 3: 12, 4: 5, 100: 100, 201: 208, 202: 201, 203: 205, 204: 203}


def test_spacing_is_applied_in_the_programs_order():
    """Two one-voxel objects one step apart along z are x-spacing apart, as in the program."""
    reference = np.zeros((5, 5, 5), dtype=np.uint8)
    reference[1:3, 2, 2], reference[4, 4, 4] = 1, 201
    prediction = np.zeros_like(reference)
    prediction[2:4, 2, 2], prediction[4, 4, 4] = 1, 201
    score = spider_score(count_overlap(reference, prediction), (3.0, 2.0, 0.5))
    # Distances 3, 0 and 0, 3 mm: x-spacing although the step is along z.
    assert score.values["ASDVertebrae"] == pytest.approx(1.5)


def test_equal_overlaps_go_to_the_lower_label():
    reference = np.array([[[1, 1, 201]]], dtype=np.uint8)
    prediction = np.array([[[9, 4, 201]]], dtype=np.uint8)
    structures = spider_score(count_overlap(reference, prediction), (1.0, 1.0, 1.0)).structures
    assert structures[0].prediction_label == 4


def test_threshold_is_inclusive():
    """Dice exactly 0.1 = 2 * 1 / (1 + 19) is detected; 2 * 1 / (1 + 20) is not."""
    reference = np.zeros((1, 1, 30), dtype=np.uint8)
    reference[0, 0, 0], reference[0, 0, 29] = 1, 201
    for size, rate in ((19, 1.0), (20, 0.0)):
        prediction = np.zeros_like(reference)
        prediction[0, 0, :size] = 1
        values = spider_score(count_overlap(reference, prediction), (1.0, 1.0, 1.0)).values
        assert values["DetectionRateVertebrae"] == rate
