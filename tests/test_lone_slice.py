import numpy as np

from spider2d.inference.instances import label_instances
from spider2d.inference.lone_slice import NOTE, number_pieces
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import CANAL, DISC, MAX_VERTEBRA_LABEL, VERTEBRA

ISOTROPIC = (1.0, 1.0, 1.0)


def test_without_discs_every_piece_of_bone_has_its_number_from_the_bottom():
    classes = np.zeros((1, 120, 80), np.uint8)
    classes[:, 5:115, 20:30] = CANAL
    for row, rows in ((15, 9), (60, 8), (100, 2)):  # the lowest: 16 mm2, as tips of transverse processes are
        classes[:, row : row + rows, 40:48] = VERTEBRA
    classes[:, 40:43, 60:63] = VERTEBRA  # 9 mm2: a speck
    result = label_instances(classes, ISOTROPIC)
    assert [int(result.labels_sra[0, row, 45]) for row in (101, 63, 19)] == [1, 2, 3]
    assert not result.labels_sra[0, 41, 61]
    assert result.notes == [NOTE]


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


def test_an_arch_behind_the_canal_stays_with_its_body_and_specks_do_not():
    classes = beside_the_bodies()
    classes[0, 58:85, 20:45] = VERTEBRA
    classes[0, :, 55:63] = 0
    classes[0, 66:74, 68:72] = VERTEBRA  # 32 mm2, 23 mm behind the body
    classes[0, 78:81, 68:71] = VERTEBRA  # 9 mm2
    labels = label_instances(classes, ISOTROPIC).labels_sra[0]
    assert labels[70, 70] == labels[70, 30] == 1
    assert labels[79, 69] == 0


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
