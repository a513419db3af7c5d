import numpy as np
import pytest

from spider2d import labels
from spider2d.labels import class_of_label, classes_of_labels, disc_below, unknown_labels

CLASSES = {
    labels.BACKGROUND: [0],
    labels.VERTEBRA: [1, 9, 25, 101, 110, 125],
    labels.DISC: [201, 209, 225],
    labels.CANAL: [100],
    labels.IGNORE_CLASS: [-1, 26, 99, 126, 200, 226, 1000],
}


@pytest.mark.parametrize(("expected", "values"), CLASSES.items())
def test_class_of_every_kind_of_label(expected, values):
    assert [class_of_label(value) for value in values] == [expected] * len(values)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_class_maps_agree_with_the_single_label(dtype):
    values = np.array([0, 1, 9, 26, 99, 100, 101, 126, 200, 201, 209, 226, 255], dtype=dtype).reshape(1, 13)
    classes = classes_of_labels(values)
    assert classes.dtype == np.uint8
    assert classes.tolist() == [[class_of_label(value) for value in values[0].tolist()]]


def test_values_out_of_range_are_ignored_not_wrapped():
    assert classes_of_labels(np.array([-1, -1000, 300, 1])).tolist() == [255, 255, 255, labels.VERTEBRA]


def test_empty_arrays():
    assert classes_of_labels(np.zeros((0, 3), np.uint8)).shape == (0, 3)
    assert unknown_labels(np.zeros(0, np.uint8)) == []


def test_disc_below_has_the_number_of_its_vertebra():
    assert disc_below(1) == 201
    assert class_of_label(disc_below(labels.MAX_VERTEBRA_LABEL)) == labels.DISC


def test_unknown_labels_are_sorted_and_single():
    assert unknown_labels(np.array([[300, 1, 99], [99, 0, -5]])) == [-5, 99, 300]


def test_the_ignore_value_is_no_class():
    assert labels.IGNORE_CLASS >= labels.N_CLASSES == len(labels.CLASS_NAMES)
