import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spider2d.data.label_maps import map_labels, unlabelled_maps
from spider2d.labels import CANAL, CLASS_NAMES, DISC, IGNORE_CLASS, VERTEBRA

ALL = CLASS_NAMES[1:]
labels_arrays = arrays.arrays(
    np.int16,
    st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 6)),
    elements=st.sampled_from([0, 0, 1, 2, 9, 100, 103, 201, 209, 50, 300, -4]),
)


def test_classes_instances_and_centres_on_paper():
    labels = np.zeros((3, 4, 5), dtype=np.uint8)
    labels[0:2, 1:3, 2:5] = 3
    labels[1, 3, :] = 203
    labels[2, 0, 0] = 100
    maps = map_labels(labels, ALL)
    np.testing.assert_array_equal(np.unique(maps.classes[labels == 3]), [VERTEBRA])
    np.testing.assert_array_equal(np.unique(maps.classes[labels == 203]), [DISC])
    np.testing.assert_array_equal(maps.classes[labels == 100], [CANAL])
    np.testing.assert_array_equal(maps.instances, labels)
    assert maps.classes.dtype == maps.instances.dtype == np.uint8
    assert maps.centres == {3: (0.5, 1.5, 3.0)}
    assert maps.slice_classes == (("vertebra",), ("vertebra", "disc"), ("canal",))
    assert maps.unknown_labels == ()


@given(labels_arrays)
@settings(max_examples=100, deadline=None)
def test_centres_are_the_mean_voxel_position(labels):
    centres = map_labels(labels, ALL).centres
    vertebrae = [v for v in np.unique(labels) if v in (1, 2, 9, 103)]
    assert sorted(centres) == vertebrae
    for label, centre in centres.items():
        np.testing.assert_allclose(centre, np.argwhere(labels == label).mean(axis=0), atol=1e-9)


@given(labels_arrays)
@settings(max_examples=50, deadline=None)
def test_unknown_values_are_ignored_and_named(labels):
    maps = map_labels(labels, ALL)
    unknown = np.isin(labels, [50, 300, -4])
    np.testing.assert_array_equal(maps.classes == IGNORE_CLASS, unknown)
    np.testing.assert_array_equal(maps.instances, np.where(unknown, 0, labels))
    assert list(maps.unknown_labels) == np.unique(labels[unknown]).tolist()


def test_unlabelled_classes_become_background():
    labels = np.array([[[1, 201, 100, 0]]], dtype=np.uint8)
    maps = map_labels(labels, ("vertebra",))
    np.testing.assert_array_equal(maps.classes, [[[VERTEBRA, 0, 0, 0]]])
    np.testing.assert_array_equal(maps.instances, [[[1, 0, 0, 0]]])
    assert maps.slice_classes == (("vertebra",),)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_empty_mask(dtype):
    maps = map_labels(np.zeros((2, 3, 4), dtype=dtype), ALL)
    assert not maps.classes.any() and not maps.instances.any()
    assert maps.centres == {} and maps.slice_classes == ((), ())


def test_without_a_mask_everything_is_ignored():
    maps = unlabelled_maps((2, 3, 4))
    assert (maps.classes == IGNORE_CLASS).all() and not maps.instances.any()
    assert maps.slice_classes == ((), ())
