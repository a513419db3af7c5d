"""Instances from class maps: toy spines of boxes with a known answer, phantoms, degraded maps, odd input."""

import numpy as np
import pytest
from broken_maps import add_false_sacrum, drop_canal, miss_disc
from toy_spine import FINE, THICK, assert_recovered, dice_by_label, toy_spine

from spider2d.data.phantom.degrade import degrade_labels
from spider2d.data.phantom.series import make_series
from spider2d.data.phantom.variants import VARIANTS
from spider2d.errors import VolumeError
from spider2d.inference.instances import label_instances
from spider2d.labels import CANAL, CANAL_LABEL, DISC, IGNORE_CLASS, VERTEBRA, classes_of_labels


@pytest.mark.parametrize("spacing", [THICK, FINE])
def test_toy_spine_with_touching_joints_is_recovered(spacing):
    reference = toy_spine(spacing)
    result = label_instances(classes_of_labels(reference), spacing)
    assert_recovered(reference, result.labels_sra, 0.98)
    assert result.labels_sra.dtype == np.uint8
    assert not result.topmost_incomplete
    assert result.notes == []


def test_bodies_and_discs_of_boxes_are_exact():
    reference = toy_spine(THICK, bodies_only=True)
    np.testing.assert_array_equal(label_instances(classes_of_labels(reference), THICK).labels_sra, reference)


def test_bridge_between_two_bodies_is_cut_at_the_disc():
    reference = toy_spine(THICK)
    classes = classes_of_labels(reference)
    front = np.flatnonzero((reference == 2).any(axis=(0, 1)))[:5]
    bridge = np.zeros(classes.shape, dtype=bool)
    rows = np.flatnonzero((reference == 203).any(axis=(0, 2)))  # the disc below vertebra 3
    bridge[2:6, rows[0] : rows[-1] + 1, front[0] : front[-1] + 1] = True
    classes[bridge] = VERTEBRA
    labels = label_instances(classes, THICK).labels_sra
    assert_recovered(reference, labels, 0.95)
    upper = np.count_nonzero(labels[bridge] == 3) / np.count_nonzero(bridge)
    assert 0.3 < upper < 0.7  # the disc's middle plane halves the bridge
    assert np.isin(labels[bridge], (2, 3)).all()


@pytest.mark.parametrize("missing", [(202,), (201,), (205,), (202, 203, 204), (201, 202, 203, 204, 205)])
def test_vertebrae_without_discs_between_are_separated(missing):
    reference = toy_spine(THICK)
    reference[np.isin(reference, missing)] = 0
    result = label_instances(classes_of_labels(reference), THICK)
    assert_recovered(reference, result.labels_sra, 0.97)
    inner = [disc for disc in missing if disc > 201]
    assert len(result.notes) == len(inner)


def test_disc_taken_for_vertebra_does_not_merge_two_vertebrae():
    reference = toy_spine(THICK)
    classes = miss_disc(classes_of_labels(reference), reference, 3)
    labels = label_instances(classes, THICK).labels_sra
    both = np.where(reference == 203, 0, reference)
    assert_recovered(both, np.where(reference == 203, 0, labels), 0.97)
    halves = labels[reference == 203]
    assert 0.3 < np.mean(halves == 3) < 0.7
    assert 0.3 < np.mean(halves == 2) < 0.7


def test_missing_canal_changes_little():
    reference = toy_spine(THICK)
    labels = label_instances(drop_canal(classes_of_labels(reference), reference), THICK).labels_sra
    assert_recovered(np.where(reference == CANAL_LABEL, 0, reference), labels, 0.97)


def test_left_right_flip_flips_the_answer():
    reference = make_series(3, "t2", variant="slipped_vertebra").labels_sra
    spacing = (4.0, 0.75, 0.75)
    classes = classes_of_labels(reference)
    labels = label_instances(classes, spacing).labels_sra
    flipped = label_instances(classes[::-1], spacing).labels_sra[::-1]
    assert np.mean(labels[classes > 0] == flipped[classes > 0]) > 0.9995


def test_same_input_same_output():
    reference = toy_spine(FINE, n=4)
    classes = classes_of_labels(reference)
    before = classes.copy()
    first = label_instances(classes, FINE).labels_sra
    np.testing.assert_array_equal(first, label_instances(classes, FINE).labels_sra)
    np.testing.assert_array_equal(classes, before)


def test_false_islands_are_dropped_and_fragments_kept():
    reference = toy_spine(THICK)
    classes = classes_of_labels(reference)
    far = (slice(1, 2), slice(60, 66), slice(100, 105))  # 109 mm3 of "vertebra" 25 mm beside everything
    classes[far] = VERTEBRA
    classes[7:9, 30:33, 2:4] = DISC
    classes[13:15, 90:94, 5:8] = CANAL
    gap = (reference == 3) & (
        np.arange(classes.shape[2]) == np.flatnonzero((reference == 3).any(axis=(0, 1)))[-12]
    )
    classes[gap] = 0  # the tip of a spinous process comes off
    labels = label_instances(classes, THICK).labels_sra
    assert not labels[far].any()
    assert not labels[7:9, 30:33, 2:4].any()
    assert not labels[13:15, 90:94, 5:8].any()
    assert_recovered(np.where(gap, 0, reference), labels, 0.98)


def test_canal_in_two_pieces_is_one_object():
    reference = toy_spine(THICK)
    rows = np.arange(reference.shape[1])[None, :, None]
    reference[(reference == CANAL_LABEL) & (rows > 80) & (rows < 88)] = 0
    assert_recovered(reference, label_instances(classes_of_labels(reference), THICK).labels_sra, 0.98)


@pytest.mark.parametrize("height_mm", [4.0, 12.0])
def test_sacrum_taken_for_vertebra_is_no_new_level(height_mm):
    reference = toy_spine(THICK)
    classes = add_false_sacrum(classes_of_labels(reference), reference, THICK, height_mm)
    assert np.count_nonzero(classes == VERTEBRA) > np.count_nonzero(classes_of_labels(reference) == VERTEBRA)
    assert_recovered(reference, label_instances(classes, THICK).labels_sra, 0.95)


def test_empty_map_gives_an_empty_answer_with_a_note():
    result = label_instances(np.zeros((5, 7, 9), dtype=np.uint8), THICK)
    assert result.labels_sra.shape == (5, 7, 9)
    assert not result.labels_sra.any()
    assert len(result.notes) == 1


def test_canal_alone_is_labelled():
    reference = toy_spine(THICK)
    canal = np.where(reference == CANAL_LABEL, reference, 0)
    np.testing.assert_array_equal(label_instances(classes_of_labels(canal), THICK).labels_sra, canal)


def test_discs_alone_are_numbered_from_the_bottom():
    reference = toy_spine(THICK)
    discs = np.where(reference > 200, reference, 0)
    np.testing.assert_array_equal(label_instances(classes_of_labels(discs), THICK).labels_sra, discs)


def test_one_vertebra_alone_is_number_one():
    reference = toy_spine(THICK, n=1, bodies_only=True)
    alone = np.where(reference == 1, reference, 0)
    np.testing.assert_array_equal(label_instances(classes_of_labels(alone), THICK).labels_sra, alone)


@pytest.mark.parametrize("beside_slices", [0, 3])
def test_single_slice(beside_slices):
    reference = toy_spine(THICK)
    middle = len(reference) // 2 + beside_slices
    image = reference[middle : middle + 1]
    assert_recovered(image, label_instances(classes_of_labels(image), THICK).labels_sra, 0.95)


def test_ignored_voxels_count_as_background():
    reference = toy_spine(THICK, n=3)
    classes = classes_of_labels(reference)
    ignored = classes.copy()
    ignored[classes == 0] = IGNORE_CLASS
    expected = label_instances(classes, THICK).labels_sra
    np.testing.assert_array_equal(label_instances(ignored, THICK).labels_sra, expected)


def test_wrong_shapes_are_refused():
    classes = np.ones((3, 4, 5), dtype=np.uint8)
    with pytest.raises(VolumeError, match="three positive spacings"):
        label_instances(classes[0], THICK)
    with pytest.raises(VolumeError, match="three positive spacings"):
        label_instances(classes, (1.0, 0.0, 1.0))
    with pytest.raises(VolumeError, match=r"need shape \(2, 3, 4, 5\)"):
        label_instances(classes, THICK, np.zeros((2, 3, 4, 4)))


@pytest.mark.parametrize("seed", range(12))
def test_any_class_map_gives_labels_of_the_same_classes(seed):
    rng = np.random.default_rng(seed)
    shape, spacing = rng.integers(1, (12, 40, 40)), tuple(rng.uniform(0.3, 5, 3))
    density = rng.choice([0.001, 0.05, 1.0])
    classes = (rng.integers(0, 4, shape) * (rng.random(shape) < density)).astype(np.uint8)
    offsets = rng.normal(0, 10, (2, *shape)).astype(np.float16) if seed % 2 else None
    labels = label_instances(classes, spacing, offsets).labels_sra
    np.testing.assert_array_equal(classes_of_labels(labels)[labels > 0], classes[labels > 0])


def offsets_to_centres(labels: np.ndarray, spacing: tuple) -> np.ndarray:
    """Return what a perfect network would predict: in-plane vectors (mm) to the instances' centroids."""
    offsets = np.zeros((2, *labels.shape), dtype=np.float16)
    for label in range(1, int(labels[labels < CANAL_LABEL].max()) + 1):
        index = np.argwhere(labels == label)
        towards = (index.mean(axis=0) - index)[:, 1:] * np.array(spacing[1:])
        offsets[:, *index.T] = towards.T
    return offsets


def test_offsets_of_a_network_settle_the_joints():
    series = make_series(5, "t2", variant="slipped_vertebra")
    reference, spacing = series.labels_sra, series.spacing_sra_mm
    classes = classes_of_labels(reference)
    alone = dice_by_label(reference, label_instances(classes, spacing).labels_sra)
    offsets = offsets_to_centres(reference, spacing)
    helped = dice_by_label(reference, label_instances(classes, spacing, offsets).labels_sra)
    assert min(helped.values()) > 0.995 > min(alone.values())
    useless = np.random.default_rng(0).normal(0, 40, offsets.shape).astype(np.float16)
    assert (
        min(dice_by_label(reference, label_instances(classes, spacing, useless).labels_sra).values()) > 0.85
    )


GRIDS = (
    ((19, 400, 300), (3.3, 0.7, 0.7)),
    ((15, 321, 257), (4.4, 0.9, 0.8)),
    ((70, 300, 240), (0.9, 0.95, 0.9)),
)


@pytest.mark.parametrize(("number", "variant"), list(enumerate(VARIANTS)))
def test_phantom_is_recovered_in_every_variant(number, variant):
    shape, spacing = GRIDS[number % 3]
    sequence = "t2_SPACE" if spacing[0] < 2 else "t2"
    series = make_series(50 + number, sequence, shape, spacing, variant)
    reference = series.labels_sra
    result = label_instances(classes_of_labels(reference), spacing)
    assert_recovered(reference, result.labels_sra, 0.955)
    assert np.mean(list(dice_by_label(reference, result.labels_sra).values())) > 0.985
    if variant == "cut_top":
        assert result.topmost_incomplete
    degraded, held = degrade_labels(reference, spacing, seed=number)
    labels = label_instances(degraded, spacing).labels_sra
    assert_recovered(held, labels, 0.95)
    assert np.mean(list(dice_by_label(held, labels).values())) > 0.98


def test_bones_without_a_body_in_many_slices_are_no_vertebrae():
    classes = np.zeros((5, 120, 80), np.uint8)
    classes[:, 5:115, 20:30] = CANAL
    for row in (15, 60, 100):
        classes[:, row : row + 9, 40:50] = VERTEBRA
    result = label_instances(classes, (1.0, 1.0, 1.0))
    assert set(np.unique(result.labels_sra)) == {0, CANAL_LABEL}
    assert result.notes == ["no vertebra was found"]
