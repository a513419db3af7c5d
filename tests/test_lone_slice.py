import numpy as np
import pytest

from spider2d.inference.instances import label_instances
from spider2d.inference.lone_slice import NOTE, drop_doubtful_pieces, number_pieces
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import CANAL, DISC, MAX_VERTEBRA_LABEL, VERTEBRA

ISOTROPIC = (1.0, 1.0, 1.0)


def test_without_discs_every_piece_of_bone_has_its_number_from_the_bottom():
    classes = np.zeros((1, 120, 80), np.uint8)
    classes[:, 5:115, 20:30] = CANAL
    for row, rows in ((15, 9), (60, 8), (100, 10)):
        classes[:, row : row + rows, 40:50] = VERTEBRA
    classes[:, 40:43, 60:63] = VERTEBRA  # 9 mm2: a speck
    result = label_instances(classes, ISOTROPIC)
    assert [int(result.labels_sra[0, row, 45]) for row in (104, 63, 19)] == [1, 2, 3]
    assert not result.labels_sra[0, 41, 61]
    assert result.notes == [NOTE]


def pieces_of_bone():
    """Return classes, confidence and image of a slice with two equal pieces of bone and a disc."""
    classes = np.zeros((1, 40, 40), np.uint8)
    classes[0, 5:10, 5:10] = classes[0, 20:25, 5:10] = VERTEBRA
    classes[0, 20:25, 20:30] = DISC
    image = np.zeros(classes.shape, np.float32)
    image[0, :35, 1:] = np.where(classes[0, :35, 1:] == VERTEBRA, 100, 5)
    return classes, np.full(classes.shape, 240, np.uint8), image


def test_pieces_the_network_is_unsure_of_are_dropped_but_for_the_surest():
    classes, confidence, image = pieces_of_bone()
    confidence[:] = 100  # 0.39
    confidence[0, 5:10, 5:8] = 240  # a mean of (3 * 240 + 2 * 100) / 5 = 184, that is 0.72
    kept = drop_doubtful_pieces(classes, confidence, image, 2.0)
    assert (kept[0, 5:10, 5:10] == VERTEBRA).all() and not kept[0, 20:25, 5:10].any()
    assert (kept[0, 20:25, 20:30] == DISC).all()  # discs are not judged
    confidence[0, 5:10, 5:10] = 120
    assert (drop_doubtful_pieces(classes, confidence, image, 2.0) == kept).all()
    classes[0, 35:38, 5:8], confidence[0, 35:38, 5:8] = VERTEBRA, 130  # surer, but 18 mm2
    assert (drop_doubtful_pieces(classes, confidence, image, 2.0)[0, 5:10, 5:10] == VERTEBRA).all()
    none = np.where(classes == VERTEBRA, 0, classes)
    np.testing.assert_array_equal(drop_doubtful_pieces(none, confidence, image, 2.0), none)


@pytest.mark.parametrize(("grey", "stays"), [(70, True), (50, False)])
def test_a_piece_much_darker_than_the_surer_one_is_dropped(grey, stays):
    classes, confidence, image = pieces_of_bone()
    confidence[0, 20:25, 5:10] = 190  # 0.75
    image[0, 20:25, 5:10] = grey
    kept = drop_doubtful_pieces(classes, confidence, image - 1000, 2.0)  # air lies at -1000 in many series
    assert (kept[0, 20:25, 5:10] == VERTEBRA).all() == stays
    assert (kept[0, 5:10, 5:10] == VERTEBRA).all()


def beside_the_bodies():
    """Return a map of two discs, the rims of the bodies at them, and a process at every level."""
    classes = np.zeros((1, 150, 90), np.uint8)
    for row in (50, 85):
        classes[0, row : row + 8, 20:45] = DISC
        classes[0, row - 3 : row, 20:45] = VERTEBRA
        classes[0, row + 8 : row + 11, 20:45] = VERTEBRA
    for row in (30, 65, 105):
        classes[0, row : row + 9, 55:63] = VERTEBRA
    return classes


def test_rims_and_process_between_two_discs_are_one_vertebra():
    labels = label_instances(beside_the_bodies(), ISOTROPIC).labels_sra[0]
    assert [int(labels[row, 30]) for row in (62 - 2, 84)] == [3, 3] and labels[69, 59] == 3
    below, above = [labels[109, 59], labels[94, 30]], [labels[48, 30], labels[34, 59]]
    assert (below, above) == ([1, 2], [4, 5])
    assert [int(labels[row, 30]) for row in (89, 54)] == [203, 204]


def test_a_slice_through_whole_bodies_is_numbered_by_them():
    classes = beside_the_bodies()
    classes[0, 58:85, 20:45] = VERTEBRA  # 27 x 25 mm
    result = label_instances(classes, ISOTROPIC)
    assert result.notes != [NOTE]
    assert result.labels_sra[0, 70, 30] == 1 and result.labels_sra[0, 89, 30] == 201


def test_several_slices_are_never_numbered_by_pieces():
    result = label_instances(np.repeat(beside_the_bodies(), 4, axis=0), ISOTROPIC)
    assert NOTE not in result.notes


def test_discs_alone_are_numbered_from_the_bottom():
    classes = beside_the_bodies()
    classes[classes == VERTEBRA] = 0
    labels = label_instances(classes, ISOTROPIC).labels_sra[0]
    assert [int(labels[row, 30]) for row in (89, 54)] == [201, 202]


def test_numbers_beyond_the_largest_label_are_left_out():
    mask = np.zeros((3, 320, 20), bool)
    for row in range(10, 310, 10):  # 30 pieces of 36 mm2 below the lowest disc
        mask[1, row : row + 6, 5:11] = True
    index = np.argwhere(mask)
    bone = Bone(index, index.astype(np.float32), np.ones(len(index)), ISOTROPIC, mask.shape)
    labels, disc_labels = number_pieces(bone, np.zeros(len(index), np.intp), n_levels=2)
    assert [int(labels[1, row, 7]) for row in (302, 62, 52, 12)] == [1, MAX_VERTEBRA_LABEL, 0, 0]
    assert disc_labels == [201, 0]
