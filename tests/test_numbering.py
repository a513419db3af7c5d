import numpy as np
import pytest

from spider2d.inference import numbering as numbering_module
from spider2d.inference.levels import Levels
from spider2d.inference.numbering import describe, topmost_is_cut, vertebra_labels

PITCH_MM = 34.0


def number_levels(volume, reach, is_disc, steps=None, gap=None):
    """Number levels one pitch, or ``steps`` (mm), apart; their bodies begin ``gap`` (0) below the disc."""
    height = np.cumsum([0.0, *(steps or [PITCH_MM] * (len(is_disc) - 1))])
    gap = np.zeros(len(volume)) if gap is None else np.array(gap)
    return numbering_module.number_levels(
        Levels(np.array(volume), np.array(reach), gap, height, is_disc, PITCH_MM)
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


@pytest.mark.parametrize(
    ("top_mm", "edge_mm", "cut"),
    [(24, 0, True), (24, 3, True), (24, 3.1, False), (28, 0, False), (27, 0, True)],
)
def test_topmost_is_cut_near_the_edge_and_lower_than_the_next(top_mm, edge_mm, cut):
    reach = np.array([0.0, 30, 30, top_mm])  # 0.93 * 30 = 27.9
    assert topmost_is_cut(reach, number_levels(reach, reach, [True] * 3), edge_mm) is cut


def test_topmost_follows_the_taper_of_the_vertebrae_below_it():
    tapering = np.array([0.0, 30, 27, 24.3])  # each 0.9 of the next
    assert not topmost_is_cut(tapering, number_levels(tapering, tapering, [True] * 3), 0.0)
    crushed = np.array([0.0, 30, 18, 14])  # a crushed vertebra tells nothing: 0.93 * 0.85 * 18 = 14.2
    assert topmost_is_cut(crushed, number_levels(crushed, crushed, [True] * 3), 0.0)
    alone = np.array([0.0, 30.0])
    assert not topmost_is_cut(alone, number_levels(alone, alone, [True]), 0.0)


BODIES = [40.0, 40, 42, 41, 42]
REACH = [30.0, 30, 31, 30, 31]


@pytest.mark.parametrize(("step_mm", "lowest"), [(34, 1), (47, 1), (48, 2), (68, 2)])
def test_next_vertebra_ends_at_a_disc_at_most_one_and_a_half_pitches_further_down(step_mm, lowest):
    assert (
        number_levels(
            [0, *BODIES], [0, *REACH], [True] * 5, steps=[step_mm, 34, 34, 34], gap=[0, 20] + [0] * 4
        )
    ).lowest == lowest  # 1.4 * 34 = 47.6


def test_two_vertebrae_that_nothing_parts_may_be_long():
    merged, reach = [0, 64.0, 40, 40, 40, 40, 66], [0, 64, 30, 30, 30, 30, 30]  # 64 = 1.6 times the usual
    steps, far = [68, 34, 34, 34, 34], [0, 30, 0, 0, 0, 0, 0]
    assert number_levels(merged, reach, [True] * 6, steps).lowest == 1
    assert number_levels(merged, reach, [True] * 6, steps, far).lowest == 2


@pytest.mark.parametrize(("gap_mm", "reach_mm", "lowest"), [(4, 30, 0), (14, 40, 1), (4, 48, 1)])
def test_body_without_a_disc_hangs_on_the_lowest_one(gap_mm, reach_mm, lowest):
    reach, gap = [reach_mm, *REACH[1:]], [gap_mm, 4, 4, 4, 0]  # 0.4 * 34 = 13.6 and 1.4 * 34 = 47.6
    assert number_levels(BODIES, reach, [True] * 4, gap=gap).lowest == lowest


def test_two_discs_close_together_are_passed_for_a_whole_body_only():
    share_of_next = {0.5: 3, 0.9: 1}  # the disc of S1/S2 with a piece of S2; a lumbar disc found twice
    for share, lowest in share_of_next.items():
        volume = [0, 40 * share, 5, 40, 42, 41]
        found = number_levels(volume, [0, 30, 15, 30, 31, 30], [True] * 5, steps=[34, 16, 34, 34])
        assert found.lowest == lowest


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
