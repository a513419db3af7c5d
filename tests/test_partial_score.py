"""Scores against references of one slice, of bodies alone and of discs alone."""

import json

import numpy as np
import pytest
from boxes import bodies

from spider2d.evaluation import partial_score


def test_shifted_numbers_are_found_in_order():
    score = partial_score.score_bodies(bodies(1, 2, 3), bodies(3, 4, 5))
    assert score == {
        "bodies": 3,
        "found": 3,
        "recall": 1.0,
        "in_order": True,
        "numbers_right": False,
        "extra_below": 0,
        "merged_neighbours": 0,
    }


def test_numbers_are_right_when_every_body_found_bears_its_own():
    assert partial_score.score_bodies(bodies(1, 2, 3), bodies(1, 2, 3))["numbers_right"]
    assert partial_score.score_bodies(bodies(1, 2, 3), bodies(0, 2, 3))["numbers_right"]  # one was missed
    assert not partial_score.score_bodies(bodies(1, 2, 3), bodies(1, 2, 4))["numbers_right"]
    assert not partial_score.score_bodies(bodies(1, 2, 3), bodies(0, 0, 0))["numbers_right"]


def test_vertebrae_below_the_lowest_body_are_counted_discs_are_not():
    score = partial_score.score_bodies(bodies(0, 0, 1, 2), bodies(201, 1, 2, 3))
    assert score["extra_below"] == 1 and not score["numbers_right"]
    assert json.loads(json.dumps(score)) == score
    on_the_sacrum = partial_score.score_bodies(bodies(26, 1, 2), bodies(1, 2, 3))
    assert on_the_sacrum["extra_below"] == 1
    assert partial_score.score_bodies(bodies(1, 2), bodies(1, 2))["extra_below"] == 0


def test_two_bodies_in_one_prediction_are_merged():
    score = partial_score.score_bodies(bodies(1, 2, 3), bodies(1, 1, 2))
    assert score["merged_neighbours"] == 1 and score["found"] == 2 and not score["in_order"]


def test_a_disc_or_canal_over_two_bodies_merges_no_vertebrae():
    assert partial_score.score_bodies(bodies(1, 2), bodies(201, 201))["merged_neighbours"] == 0
    assert partial_score.score_bodies(bodies(1, 2), bodies(100, 100))["merged_neighbours"] == 0
    assert partial_score.score_bodies(bodies(1, 2), bodies(3, 3))["merged_neighbours"] == 1


def test_wrong_order_is_told():
    assert not partial_score.score_bodies(bodies(1, 2, 3), bodies(2, 1, 3))["in_order"]
    assert not partial_score.score_bodies(bodies(1, 2, 3), bodies(0, 0, 0))["in_order"]  # nothing found


def test_sacral_body_does_not_count_and_a_disc_finds_no_body():
    score = partial_score.score_bodies(bodies(26, 1), bodies(1, 201))
    assert score["bodies"] == 1 and score["found"] == 0 and score["recall"] == 0


def test_discs_by_best_match():
    reference, prediction = bodies(201, 202), bodies(203, 1)
    score = partial_score.score_discs(reference, prediction)
    assert score == {"discs": 2, "found": 1, "dice": 0.5}


@pytest.mark.parametrize(("pixel_mm", "mid_region"), [(2.5, True), (2.0, False)])
def test_slice_is_mid_region_by_area(pixel_mm, mid_region):
    reference = bodies(1, 2, 3, 4)  # 80 pixels each: 500 or 320 mm2
    score = partial_score.score_slice(reference, np.zeros_like(reference), (1.0, pixel_mm, pixel_mm))
    assert (score["pooled_dice"], score["instance_dice"], score["mid_region"]) == (0, 0, mid_region)
    assert score["missed_slice"] and not score["false_finding"]


def test_slice_dice_half_right():
    reference, prediction = bodies(1, 2), bodies(5, 0)
    score = partial_score.score_slice(reference, prediction, (1.0, 1.0, 1.0))
    assert score["pooled_dice"] == pytest.approx(2 / 3) and score["instance_dice"] == 0.5


def test_a_slice_without_a_reference_has_no_dice_whatever_is_found():
    for prediction in (bodies(0, 0), bodies(1, 0), bodies(100, 201)):
        score = partial_score.score_slice(bodies(0, 0), prediction, (1.0, 1.0, 1.0))
        assert np.isnan([score["pooled_dice"], score["instance_dice"]]).all()
        assert score["false_finding"] == bool((prediction == 1).any()) and not score["missed_slice"]
