import numpy as np
import pytest

from spider2d.inference.instances import label_instances
from spider2d.inference.lone_slice import LEAVING_NOTE, NO_CANAL_NOTE, NOTE, number_pieces, number_upwards
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import CANAL, CANAL_LABEL, DISC, MAX_VERTEBRA_LABEL, VERTEBRA

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


def test_structures_in_one_slice_of_several_are_no_lone_slice():
    lone, offsets = leaving_the_bodies(canal_rows=(5, 40))
    classes = np.pad(lone, ((2, 2), (0, 0), (0, 0)))
    result = label_instances(classes, ISOTROPIC, np.pad(offsets, ((0, 0), (2, 2), (0, 0), (0, 0))))
    assert LEAVING_NOTE not in result.notes and result.spine is not None
    assert [int(result.labels_sra[2, row, 30]) for row in (59, 24)] == [1, 2]


def test_without_canal_a_slice_through_bodies_is_not_said_to_leave_them():
    classes, offsets = leaving_the_bodies(canal_rows=(0, 0))
    result = label_instances(classes, ISOTROPIC, offsets)
    assert result.notes == [NO_CANAL_NOTE]
    assert [int(result.labels_sra[0, row, 62]) for row in (133, 98)] == [1, 2]


@pytest.mark.parametrize("slice_mm", [1.0, 4.4])
def test_pieces_of_canal_are_judged_by_area_whatever_thickness_is_stated(slice_mm):
    classes = leaving_the_bodies(canal_rows=(5, 40))[0]
    classes[0, 60:64, 48:54] = CANAL  # 24 mm2
    classes[0, 80:83, 49:52] = CANAL  # 9 mm2: a speck
    labels = label_instances(classes, (slice_mm, 1.0, 1.0)).labels_sra[0]
    assert labels[61, 50] == CANAL_LABEL and not labels[81, 50]


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
    values, disc_labels = number_pieces(bone, np.zeros(len(index), np.intp), n_levels=2)
    labels = np.zeros(mask.shape, np.uint8)
    labels[mask] = values
    assert [int(labels[1, row, 7]) for row in (302, 62, 52, 12)] == [1, MAX_VERTEBRA_LABEL, 0, 0]
    assert disc_labels == [201, 0]


def with_centres(classes, centre_row_of_rows):
    """Return offsets (2, S, R, A) by which bone in each range of rows points to a row, and columns to 40."""
    rows, columns = np.indices(classes.shape[1:])
    offsets = np.zeros((2, *classes.shape), np.float16)
    offsets[1, 0] = 40 - columns
    for (start, stop), centre_row in centre_row_of_rows.items():
        offsets[0, 0, start:stop] = centre_row - rows[start:stop]
    return offsets


def test_beside_the_bodies_predicted_centres_tell_vertebrae_apart():
    classes = np.zeros((1, 150, 90), np.uint8)
    for start in (20, 34, 60, 95):  # two pieces of one vertebra, then one piece each
        classes[0, start : start + 6, 50:56] = VERTEBRA
    classes[0, 66:95, 52:54] = VERTEBRA  # a false bridge between two of them
    classes[0, 120:123, 50:53] = VERTEBRA  # 9 mm2: a speck of its own centre
    centres = {(20, 40): 30, (60, 80): 65, (80, 101): 100, (120, 123): 140}
    result = label_instances(classes, ISOTROPIC, with_centres(classes, centres))
    labels = result.labels_sra[0]
    assert [int(labels[row, 52]) for row in (22, 36, 62, 79, 81, 98, 121)] == [3, 3, 2, 2, 1, 1, 0]
    assert result.notes == [NOTE] and result.beside_bodies


def leaving_the_bodies(canal_rows):
    """Return a slice through two whole bodies that below shows processes of two more vertebrae only."""
    classes = np.zeros((1, 170, 90), np.uint8)
    for row in (10, 45):
        classes[0, row : row + 27, 15:45] = VERTEBRA
        classes[0, row + 27 : row + 35, 15:45] = DISC
    classes[0, slice(*canal_rows), 47:55] = CANAL
    for row in (95, 130):
        classes[0, row : row + 8, 60:66] = VERTEBRA
    return classes, with_centres(classes, {(10, 37): 24, (45, 72): 59, (95, 103): 94, (130, 138): 129})


def test_where_a_slice_leaves_the_bodies_bone_beside_them_is_numbered_too():
    classes, offsets = leaving_the_bodies(canal_rows=(5, 40))
    result = label_instances(classes, ISOTROPIC, offsets)
    labels = result.labels_sra[0]
    assert [int(labels[row, 62]) for row in (133, 98)] == [1, 2]
    assert [int(labels[row, 30]) for row in (59, 24, 76, 41)] == [3, 4, 203, 204]
    assert result.notes == [LEAVING_NOTE] and not result.beside_bodies and result.spine is None


def test_with_canal_behind_the_last_body_what_lies_below_is_no_vertebra():
    classes, offsets = leaving_the_bodies(canal_rows=(5, 90))
    result = label_instances(classes, ISOTROPIC, offsets)
    labels = result.labels_sra[0]
    assert labels[133, 62] == 0
    assert [int(labels[row, 30]) for row in (59, 24, 76, 41)] == [1, 2, 201, 202]
    assert LEAVING_NOTE not in result.notes


def test_above_a_body_without_canal_processes_go_on_counting_and_the_lower_end_holds():
    classes, offsets = leaving_the_bodies(canal_rows=(5, 40))
    turned, turned_offsets = classes[:, ::-1], offsets[:, :, ::-1] * np.array([-1, 1])[:, None, None, None]
    turned = np.where(turned == DISC, 0, turned)
    turned[0, 89:97, 15:45] = turned[0, 124:132, 15:45] = turned[0, 161:165, 15:45] = DISC
    labels = label_instances(turned, ISOTROPIC, turned_offsets).labels_sra[0]
    assert [int(labels[row, 30]) for row in (146, 110, 128, 163)] == [1, 2, 202, 201]
    assert [int(labels[row, 62]) for row in (71, 36)] == [3, 4]


def test_discs_use_up_numbers_where_no_vertebra_lies_between_them():
    vertebrae, discs = number_upwards(np.array([10.0, 80.0]), np.array([90.0, 60.0, 40.0, 5.0]))
    assert vertebrae.tolist() == [3, 1]  # vertebra 2, between discs 202 and 203, was not found
    assert discs.tolist() == [201, 202, 203, 204]
    many, _ = number_upwards(np.arange(30.0), np.array([]))
    assert many.max() == MAX_VERTEBRA_LABEL and (many == 0).sum() == 30 - MAX_VERTEBRA_LABEL
