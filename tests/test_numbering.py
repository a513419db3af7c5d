import numpy as np

from spider2d.inference.numbering import (
    describe,
    number_levels,
    topmost_is_cut,
    vertebra_labels,
)


def test_number_levels_drops_the_sacrum_and_keeps_a_cut_top():
    volume, reach = np.array([20.0, 40, 42, 41, 3]), np.array([15.0, 30, 31, 30, 5])
    numbering = number_levels(volume, reach, [True] * 4)
    assert numbering.lowest == 1
    np.testing.assert_array_equal(numbering.vertebra_of_level, [0, 1, 2, 3, 4])
    assert [numbering.disc_label(k) for k in range(4)] == [201, 202, 203, 204]


def test_number_levels_takes_a_whole_body_below_the_lowest_disc_for_a_vertebra():
    numbering = number_levels(np.array([38.0, 40, 42]), np.array([29.0, 30, 31]), [False, True])
    np.testing.assert_array_equal(numbering.vertebra_of_level, [1, 2, 3])
    assert numbering.disc_label(0) == 202
    # As large, but half as high: a broad piece of the sacrum.
    assert number_levels(np.array([38.0, 40, 42]), np.array([15.0, 30, 31]), [True, True]).lowest == 1


def test_missing_body_leaves_its_number_free():
    is_disc = [True, True, True]
    numbering = number_levels(np.array([0.0, 40, 0, 42]), np.array([0.0, 30, 0, 31]), is_disc)
    np.testing.assert_array_equal(numbering.vertebra_of_level, [0, 1, 0, 3])
    assert describe(numbering, [True, True, False]) == [
        "no disc between vertebrae 2 and 3: cut where the bone is narrowest",
        "the body of vertebra 2 was not found",
    ]


def test_what_was_found_in_the_pelvis_is_no_vertebra():
    reach = np.array([0.0, 30, 0, 30, 31, 30])
    beyond_a_gap = np.array([0.0, 30, 0, 40, 42, 41])
    assert number_levels(beyond_a_gap, reach, [True, False, True, True, True]).lowest == 3
    assert number_levels(beyond_a_gap, reach, [True, True, True, True, True]).lowest == 1  # a missed body
    too_small = np.array([0.0, 12, 9, 40, 42, 41])
    assert number_levels(too_small, reach, [True] * 5).lowest == 3


def test_discs_below_the_lowest_vertebra_get_no_label():
    numbering = number_levels(np.array([0.0, 0, 40, 42]), np.array([0.0, 0, 30, 31]), [True] * 3)
    assert [numbering.disc_label(k) for k in range(3)] == [0, 201, 202]


def test_arch_voxels_beyond_the_ends_join_and_body_voxels_are_dropped():
    numbering = number_levels(np.array([5.0, 40, 42, 0]), np.array([5.0, 30, 31, 0]), [True] * 3)
    level, is_body = np.array([0, 0, 1, 2, 3, 3]), np.array([True, False, True, False, False, True])
    np.testing.assert_array_equal(vertebra_labels(level, is_body, numbering), [0, 1, 1, 2, 2, 0])


def test_topmost_is_cut_needs_contact_and_a_smaller_body():
    labels = np.zeros((1, 6, 4), dtype=np.uint8)
    labels[:, 1:3], labels[:, 3:] = 2, 1
    small, large = np.array([0.0, 40, 20]), np.array([0.0, 40, 36])
    numbering = number_levels(small, small, [True, True])
    assert topmost_is_cut(labels, small, numbering, top_row=1)
    assert not topmost_is_cut(labels, small, numbering, top_row=0)
    assert not topmost_is_cut(labels, small, numbering, top_row=-1)
    assert not topmost_is_cut(labels, large, numbering, top_row=1)


def test_number_levels_takes_little_bone_below_the_spine_for_something_else():
    volume = np.array([0.0, 6, 40, 42, 8])  # an island in front of the sacrum; the topmost vertebra is cut
    numbering = number_levels(volume, volume, [True] * 4)
    assert numbering.vertebra_of_level.tolist() == [0, 0, 1, 2, 3]
    assert numbering.disc_label(0) == 0 and numbering.disc_label(1) == 201


def test_disc_above_the_topmost_vertebra_is_not_labelled():
    volume = np.array([20.0, 40, 42, 0])  # the field of view ends above a disc
    numbering = number_levels(volume, volume, [True] * 3)
    assert [numbering.disc_label(k) for k in range(3)] == [201, 202, 0]


def test_discs_alone_are_labelled():
    numbering = number_levels(np.zeros(4), np.zeros(4), [True] * 3)
    assert [numbering.disc_label(k) for k in range(3)] == [201, 202, 203]
