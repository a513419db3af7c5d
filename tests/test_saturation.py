import numpy as np
import pytest
from painted_spine import LPS, paint_volume

from spider2d.data.volume import from_canonical, to_canonical
from spider2d.inference.restack import ClassVolume
from spider2d.inference.saturation import MIN_CLIPPED_SHARE, drop_saturated_bone
from spider2d.inference.segment import label_classes
from spider2d.labels import DISC, VERTEBRA

WHITE = 255


@pytest.fixture
def classes():
    classes = np.zeros((2, 40, 50), np.uint8)
    classes[:, 5:25, 5:25] = VERTEBRA
    classes[:, 26:34, 5:25] = DISC
    return classes


def test_where_marrow_itself_is_white_nothing_is_dropped(classes):
    image = grey(classes)
    image[0, 10:40, 20:50] = WHITE
    taken = 74 / 800  # 15 x 5 pixels without a corner, of two bodies
    assert drop_saturated_bone(classes, image, taken + 0.001) is not classes
    assert drop_saturated_bone(classes, image, taken - 0.001) is classes
    image[classes == VERTEBRA] = WHITE
    assert drop_saturated_bone(classes, image) is classes


def grey(classes):
    return np.where(classes == VERTEBRA, 180, 90).astype(np.int16)


def test_bone_in_a_white_patch_is_dropped_up_to_its_edge(classes):
    image = grey(classes)
    image[0, 10:40, 20:50] = WHITE
    kept = drop_saturated_bone(classes, image, 0.1)
    expected = classes.copy()
    expected[0, 10:25, 20:25] = 0
    expected[0, 10, 20] = VERTEBRA  # the opening rounds the patch's corner
    np.testing.assert_array_equal(kept, expected)  # the disc stays, and so does the other slice
    assert (classes[0, 10:25, 20:25] == VERTEBRA).all()  # a copy was changed


def test_enclosed_and_thin_patches_stay(classes):
    image = grey(classes)
    image[:, 35:] = WHITE
    image[0, 10:16, 10:16] = WHITE  # a haemangioma
    image[1, 5:25, 12:14] = WHITE  # a thread of two pixels
    np.testing.assert_array_equal(drop_saturated_bone(classes, image, 1.0), classes)


def test_an_image_that_is_not_cut_off_is_left_alone(classes):
    image = grey(classes)
    image[0, 20:24, 22:30] = WHITE
    assert np.mean(image == WHITE) < MIN_CLIPPED_SHARE
    assert drop_saturated_bone(classes, image) is classes
    empty = np.zeros_like(classes)
    np.testing.assert_array_equal(drop_saturated_bone(empty, np.full(empty.shape, 7)), empty)


def test_white_fat_is_no_vertebra_in_the_labels():
    volume, classes_sra = paint_volume(LPS)
    array_sra = to_canonical(volume).array_sra.copy()
    taken_for_bone = classes_sra.copy()
    taken_for_bone[1:-1, 10:20, 88:98] = VERTEBRA  # 100 of 3700 pixels
    array_sra[:, :, 88:] = array_sra.max()
    class_volume = ClassVolume(taken_for_bone, None, None)
    labels_sra = to_canonical(label_classes(from_canonical(array_sra, volume), class_volume).labels).array_sra
    assert not labels_sra[:, 10:20, 88:98].any()
    assert (labels_sra[1:-1, 10:30, 40] == 4).all()
