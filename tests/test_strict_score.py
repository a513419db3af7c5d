import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_arrays import SPACING_XYZ, random_labels, spine, volume

from spider2d.errors import ScoreError
from spider2d.evaluation.case_score import score_pair
from spider2d.evaluation.instance_score import INSTANCE_METRICS

ANGLE = math.radians(20)
OBLIQUE = (
    *(math.cos(ANGLE), -math.sin(ANGLE), 0.0),
    *(math.sin(ANGLE), math.cos(ANGLE), 0.0),
    *(0.0, 0.0, 1.0),
)


def instance(score, **wanted):
    found = [i for i in score.instances if all(getattr(i, key) == value for key, value in wanted.items())]
    assert len(found) == 1, wanted
    return found[0]


def test_identical_masks_are_perfect():
    score = score_pair(volume(spine()), volume(spine()), "7_t2")
    for structure, count in (("vertebra", 2), ("disc", 1), ("canal", 1), ("overall", 4)):
        strict = {name.removeprefix(f"{structure}_"): v for name, v in score.strict.items()}
        for metric in ("dice", "surface_dice_1mm", "detection_rate", "precision", "f1", "panoptic_quality"):
            assert strict[metric] == 1, (structure, metric)
        for metric in ("asd_mm", "hd95_mm", "volume_difference_ml", "extra_count"):
            assert strict[metric] == 0, (structure, metric)
        assert strict["reference_count"] == strict["detected_count"] == count
    assert score.notes == ()


def test_a_shift_by_one_voxel_on_paper():
    """A disc of 2 x 5 x 3 voxels shifted by one voxel along y, i.e. 0.5 mm: 24 of 30 voxels are shared."""
    prediction = np.zeros_like(spine())
    prediction[7:9, 4:9, 2:5] = 201
    score = score_pair(volume(spine()), volume(prediction))
    disc = instance(score, structure="disc")
    assert disc.dice == pytest.approx(2 * 24 / 60)
    assert disc.iou == pytest.approx(24 / 36)
    # Two voxels thick: all 30 are border voxels. In each direction 6 of them lie 0.5 mm away, 24 coincide.
    assert disc.asd_mm == pytest.approx(6 * 0.5 / 30)
    assert disc.hd95_mm == pytest.approx(0.5)
    assert disc.surface_dice_1mm == 1
    assert score.strict["disc_panoptic_quality"] == pytest.approx(24 / 36)
    assert score.strict["disc_asd_mm"] == pytest.approx(0.1)
    assert score.strict["disc_hd95_mm"] == pytest.approx(0.5)
    assert disc.reference_volume_ml == pytest.approx(30 * 4 * 0.5 * 0.8 / 1000)
    assert disc.volume_difference_ml == 0


def test_panoptic_quality_needs_an_iou_above_one_half():
    """Shifted by one of its two rows, the disc shares 15 of 30 voxels: IoU 1 / 3, Dice 1 / 2."""
    prediction = np.where(spine() == 201, np.uint16(201), 0)
    strict = score_pair(volume(spine()), volume(np.roll(prediction, 1, axis=0))).strict
    assert strict["disc_dice"] == 0.5
    assert strict["disc_f1"] == 1
    assert strict["disc_panoptic_quality"] == 0


def test_true_spacing_unlike_the_official_figure():
    """A shift by one slice (x, the last array axis) is 4 mm; the official program takes 0.8 mm for it."""
    reference = np.zeros((9, 9, 9), dtype=np.uint8)
    reference[2:4, 2:4, 2:4], reference[6:8, 6:8, 2:4] = 1, 201
    score = score_pair(volume(reference), volume(np.roll(reference, 1, axis=2)))
    # 2 x 2 x 2 voxels, all of them border: half of them coincide, half lie one slice away.
    assert score.strict["vertebra_asd_mm"] == pytest.approx(2.0)
    assert score.official.values["ASDVertebrae"] == pytest.approx(0.4)


def test_oblique_directions_change_nothing():
    prediction = np.roll(spine(), 1, axis=1)
    plain = score_pair(volume(spine()), volume(prediction))
    oblique = score_pair(volume(spine(), OBLIQUE), volume(prediction, OBLIQUE))
    assert oblique.strict == plain.strict
    assert oblique.official == plain.official


def test_missed_structures_have_dice_zero():
    prediction = spine()
    prediction[prediction == 2] = 0
    score = score_pair(volume(spine()), volume(prediction))
    missed = instance(score, reference_label=2)
    assert (missed.status, missed.prediction_label, missed.dice, missed.surface_dice_1mm) == (
        "missed",
        None,
        0,
        0,
    )
    assert math.isnan(missed.asd_mm)
    assert math.isnan(missed.volume_difference_percent)
    assert score.strict["vertebra_dice"] == 0.5
    assert score.strict["vertebra_detection_rate"] == 0.5
    assert score.strict["vertebra_asd_mm"] == 0
    assert score.strict["vertebra_f1"] == pytest.approx(2 / 3)
    assert score.strict["vertebra_panoptic_quality"] == pytest.approx(1 / 1.5)
    assert score.strict["vertebra_semantic_dice"] == pytest.approx(2 * 75 / (150 + 75))


def test_extra_instances_are_counted():
    prediction = spine()
    prediction[20:22, 3:8, 2:5] = 8
    score = score_pair(volume(spine()), volume(prediction))
    extra = instance(score, status="extra")
    assert (extra.prediction_label, extra.reference_label) == (8, None)
    assert extra.prediction_volume_ml == pytest.approx(30 * 1.6 / 1000)
    assert score.strict["vertebra_dice"] == 1
    assert score.strict["vertebra_extra_count"] == 1
    assert score.strict["vertebra_precision"] == pytest.approx(2 / 3)
    assert score.strict["vertebra_panoptic_quality"] == pytest.approx(2 / 2.5)
    assert score.strict["overall_precision"] == pytest.approx(4 / 5)


def test_a_merged_pair_is_one_detected_and_one_missed():
    prediction = spine()
    prediction[prediction == 2] = 1
    score = score_pair(volume(spine()), volume(prediction))
    assert score.strict["vertebra_detected_count"] == 1
    assert score.strict["vertebra_dice"] == pytest.approx(2 * 75 / (75 + 150) / 2)
    assert score.strict["vertebra_semantic_dice"] == 1
    merged = instance(score, reference_label=1)  # twice as large as the reference of 75 voxels
    assert merged.volume_difference_percent == pytest.approx(100)
    assert merged.volume_difference_ml == pytest.approx(75 * 1.6 / 1000)
    assert score.official.values["DetectionRateVertebrae"] == 1  # the official matching is not one-to-one


def test_other_classes_never_match():
    prediction = spine()
    prediction[prediction == 201] = 2
    score = score_pair(volume(spine()), volume(prediction))
    assert instance(score, reference_label=201).status == "missed"
    assert math.isnan(score.strict["disc_precision"])
    assert score.official.structures[-1].prediction_label == 2


def test_a_tiny_overlap_is_no_match():
    prediction = np.zeros_like(spine())
    prediction[2:3, 3:4, 2:3] = 1
    score = score_pair(volume(spine()), volume(prediction))
    assert instance(score, reference_label=1).dice == 0
    assert score.strict["vertebra_extra_count"] == 1


def test_empty_masks_are_scored():
    empty = np.zeros_like(spine())
    nothing_predicted = score_pair(volume(spine()), volume(empty)).strict
    assert nothing_predicted["overall_dice"] == nothing_predicted["overall_f1"] == 0
    nothing_there = score_pair(volume(empty), volume(spine())).strict
    assert math.isnan(nothing_there["overall_dice"])
    assert nothing_there["overall_precision"] == 0
    both = score_pair(volume(empty), volume(empty)).strict
    assert all(math.isnan(v) for name, v in both.items() if not name.endswith("_count"))


def test_incomplete_vertebrae_are_vertebrae():
    """100 + number is how the IIS baseline marks a vertebra cut by the field of view."""
    prediction = spine()
    prediction[prediction == 2] = 102
    assert score_pair(volume(spine()), volume(prediction)).strict["vertebra_dice"] == 1


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (volume(spine()[:-1]), "size"),
        (volume(spine(), spacing=(4.0, 0.5, 0.79)), "spacing"),
        (volume(spine(), direction=OBLIQUE), "direction"),
    ],
)
def test_differing_grids_are_refused(other, named):
    with pytest.raises(ScoreError, match=f"grids of reference and prediction differ: .*{named}"):
        score_pair(volume(spine()), other)


def test_rounded_grids_are_accepted():
    rounded = volume(spine(), spacing=tuple(float(np.float32(value)) for value in SPACING_XYZ))
    assert score_pair(volume(spine()), rounded).strict["overall_dice"] == 1


def assert_same_scores(a, b):
    assert a.strict == pytest.approx(b.strict, abs=1e-12, nan_ok=True)
    assert a.official.values == pytest.approx(b.official.values, abs=1e-12, nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(0, 3)] * 3), st.tuples(*[st.booleans()] * 3))
@settings(max_examples=15, deadline=None)
def test_translation_and_flips_change_nothing(seed, shift, flips):
    rng = np.random.default_rng(seed)
    masks = [np.pad(random_labels(rng), 4) for _ in range(2)]
    moved = [
        np.flip(np.roll(mask, shift, (0, 1, 2)), [axis for axis in range(3) if flips[axis]]) for mask in masks
    ]
    assert_same_scores(score_pair(*map(volume, masks)), score_pair(*map(volume, moved)))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_numbers_of_predicted_instances_are_free(seed):
    rng = np.random.default_rng(seed)
    reference, prediction = random_labels(rng), random_labels(rng)
    other_numbers = np.arange(226, dtype=np.uint8)
    other_numbers[[1, 2, 3, 201, 202]] = 4, 7, 25, 203, 225  # same order: the official rule breaks ties by it
    renumbered = other_numbers[prediction]
    original = score_pair(volume(reference), volume(prediction))
    assert_same_scores(original, score_pair(volume(reference), volume(renumbered)))


def test_digest_depends_on_the_reference_only():
    prediction = np.roll(spine(), 1, axis=0)
    digest = score_pair(volume(spine()), volume(prediction)).reference_digest
    assert score_pair(volume(spine()), volume(spine())).reference_digest == digest
    changed = spine()
    changed[0, 0, 0] = 1
    assert score_pair(volume(changed), volume(prediction)).reference_digest != digest


def test_instances_list_all_metrics():
    found = score_pair(volume(spine()), volume(spine())).instances[0]
    assert set(INSTANCE_METRICS) < set(asdict(found))
    assert "dice" in INSTANCE_METRICS
    assert "status" not in INSTANCE_METRICS
