"""Class maps no spine ever gave: instances must end quickly and stay within the classes."""

import numpy as np
import pytest
from scipy import ndimage

from spider2d.inference.discs import find_discs
from spider2d.inference.instances import label_instances
from spider2d.inference.spine_frame import fit_spine
from spider2d.labels import DISC, N_CLASSES, classes_of_labels

SPACINGS = [(4.4, 0.9, 0.9), (0.9, 0.47, 0.53)]


def scattered_classes(seed, shape, blob_px):
    """Return smooth random blobs of all classes."""
    rng = np.random.default_rng(seed)
    fields = [
        ndimage.gaussian_filter(rng.normal(size=shape), (0.5, blob_px, blob_px)) for _ in range(N_CLASSES)
    ]
    return np.argmax([field / field.std() for field in fields], axis=0).astype(np.uint8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spacing_sra_mm", SPACINGS)
@pytest.mark.parametrize("blob_px", [0.5, 2, 8])
def test_scattered_voxels_end_and_keep_their_class(seed, spacing_sra_mm, blob_px):
    classes = scattered_classes(seed, (7, 121, 95), blob_px)
    result = label_instances(classes, spacing_sra_mm)
    assert result.labels_sra.shape == classes.shape
    labelled = result.labels_sra > 0
    assert (classes_of_labels(result.labels_sra)[labelled] == classes[labelled]).all()


@pytest.mark.parametrize("value", range(1, N_CLASSES))
def test_a_volume_full_of_one_class(value):
    classes = np.full((5, 41, 37), value, np.uint8)
    result = label_instances(classes, (3.3, 0.7, 0.7))
    labelled = result.labels_sra > 0
    assert (classes_of_labels(result.labels_sra)[labelled] == value).all()


def test_random_offsets_change_no_class():
    rng = np.random.default_rng(3)
    classes = scattered_classes(3, (5, 99, 81), 5)
    offsets_rc_mm = rng.normal(0, 30, (2, *classes.shape)).astype(np.float16)
    result = label_instances(classes, (4.0, 0.8, 0.8), offsets_rc_mm)
    labelled = result.labels_sra > 0
    assert (classes_of_labels(result.labels_sra)[labelled] == classes[labelled]).all()


@pytest.mark.parametrize(
    "seed", [309, 359, 1029, 1585]
)  # in these a disc lost its last voxel to its neighbour
def test_every_disc_keeps_voxels(seed):
    rng = np.random.default_rng(seed)
    shape = [int(rng.integers(low, high)) for low, high in ((1, 8), (20, 90), (15, 60))]
    spacing = tuple(rng.choice([0.5, 0.8, 1.0, 1.5, 2.0, 4.0], 3))
    classes = np.zeros(shape, np.uint8)
    for _ in range(rng.integers(3, 25)):
        start = [rng.integers(0, side) for side in shape]
        stop = [s + rng.integers(1, max(2, side // 3)) for s, side in zip(start, shape, strict=True)]
        classes[tuple(map(slice, start, stop))] = rng.integers(0, N_CLASSES)
    points_mm = (np.argwhere(classes == DISC) * np.array(spacing)).astype(np.float32)
    number, discs = find_discs(points_mm, spacing, fit_spine(classes, spacing))
    assert set(number[number >= 0]) == set(range(len(discs)))
