"""The steps of the instance labelling, each on shapes one can check on paper."""

import warnings

import numpy as np
import pytest
from scipy import ndimage

from spider2d.inference.boundary import Boundary, backwards, fit_plane, make_boundary
from spider2d.inference.cuts import add_missing_boundaries
from spider2d.inference.discs import find_discs
from spider2d.inference.joint_sheet import above_sheet
from spider2d.inference.levels import (
    estimate_pitch,
    measure_levels,
    place_walls,
    sample_bodies,
)
from spider2d.inference.spine_frame import fit_spine
from spider2d.inference.vertebra_assign import Bone, assign_levels
from spider2d.labels import CANAL, DISC, VERTEBRA

SPACING = (2.0, 1.0, 0.5)


def straight_column(rows: int = 100) -> np.ndarray:
    """Return classes (20, rows, 100): bodies in columns 20-59 (10-29.5 mm), canal in 64-79 (32-39.5 mm)."""
    classes = np.zeros((20, rows, 100), dtype=np.uint8)
    classes[:, :, 20:60] = VERTEBRA
    classes[8:12, :, 64:80] = CANAL
    return classes


def points_of(mask: np.ndarray) -> np.ndarray:
    return (np.argwhere(mask) * np.array(SPACING)).astype(np.float32)


def flat_boundary(row_mm: float, wall_mm: float = 15.0) -> Boundary:
    """Return a horizontal boundary through (20, row, 20) mm whose wall lies ``wall_mm`` behind that."""
    up = np.array([0.0, -1.0, 0.0])
    return Boundary(np.array([20.0, row_mm, 20.0]), up, up, wall_mm, 200.0 - row_mm, disc=True)


def test_frame_of_a_straight_spine():
    frame = fit_spine(straight_column(), SPACING)
    np.testing.assert_allclose(frame.wall_mm, 32.0, atol=1e-6)  # column 64
    np.testing.assert_allclose(frame.centre_sc_mm, [[19.0, 19.75]] * 100, atol=1e-6)
    np.testing.assert_allclose(frame.up, [[0, -1, 0]] * 100, atol=1e-6)
    assert frame.height_mm[0] == pytest.approx(99.0)
    points = np.array([[0.0, 30.0, 31.0], [38.0, 99.0, 33.0], [19.0, -10.0, 5.0]])
    np.testing.assert_array_equal(frame.in_front_of_wall(points), [True, False, True])
    np.testing.assert_allclose(frame.height_of(points), [69.0, 0.0, 109.0], atol=1e-3)


def test_frame_of_a_tilted_spine_measures_along_it():
    classes = np.zeros((6, 120, 200), dtype=np.uint8)
    for row in range(120):  # 1 mm back per 2 mm down: the column leans by atan(1/2)
        classes[:, row, 20 + row : 60 + row] = VERTEBRA
        classes[2:4, row, 64 + row : 80 + row] = CANAL
    frame = fit_spine(classes, SPACING)
    np.testing.assert_allclose(frame.up[60], np.array([0, -2, -1]) / np.sqrt(5), atol=0.02)
    assert frame.height_mm[0] == pytest.approx(119 * np.sqrt(5) / 2, rel=0.01)
    _, rows, columns = points_of(classes == VERTEBRA)[0]
    point, up = frame.point_at(frame.height_mm[60])
    across = np.array([0.0, up[2], -up[1]]) * 10  # beside the line at a right angle: same height
    np.testing.assert_allclose(frame.height_of((point + across)[None]), frame.height_mm[60], atol=0.3)


def test_wall_comes_from_the_discs_where_there_is_no_canal():
    classes = straight_column()
    classes[classes == CANAL] = 0
    classes[:, 20:28, 20:60] = DISC
    classes[:, 60:68, 20:60] = DISC
    frame = fit_spine(classes, SPACING)
    np.testing.assert_allclose(frame.wall_mm, 59 * 0.5 + 2.0, atol=0.6)  # 2 mm behind the last disc column


def test_wall_comes_from_the_thick_bodies_where_there_is_nothing_else():
    classes = straight_column()
    classes[classes == CANAL] = 0
    classes[:, 20:60, 75:99] = VERTEBRA  # a spinous process, 12 mm long: 6 mm deep, the bodies 10 mm
    frame = fit_spine(classes, SPACING)
    np.testing.assert_allclose(frame.wall_mm, 59 * 0.5 + 2.0, atol=0.6)


@pytest.mark.parametrize("tilt_deg", [-35, 0, 20])
def test_plane_of_a_tilted_disc(tilt_deg):
    rng = np.random.default_rng(0)
    flat = rng.uniform(-1, 1, (4000, 3)) * [20, 4, 17]
    tilt = np.deg2rad(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    centre, normal = fit_plane(flat @ turn.T + [30, 60, 40], turn @ [0.0, -1.0, 0.0])
    np.testing.assert_allclose(centre, [30, 60, 40], atol=0.6)
    np.testing.assert_allclose(normal, turn @ [0.0, -1.0, 0.0], atol=0.03)


@pytest.mark.parametrize("thickness_mm", [20, 60])  # both thicker than the expected direction can hide
def test_plane_of_a_disc_in_one_slice_does_not_lean_across_slices(thickness_mm):
    rows, columns = np.mgrid[0:thickness_mm, 0 : thickness_mm + 15]
    points = np.stack([np.full(rows.size, 8.0), rows.ravel(), columns.ravel()], axis=1)
    _, normal = fit_plane(points, np.array([0.0, -1.0, 0.0]))
    np.testing.assert_allclose(normal, [0, -1, 0], atol=1e-6)


def test_boundary_finds_the_wall_along_its_plane():
    frame = fit_spine(straight_column(), SPACING)
    boundary = make_boundary(frame, np.array([19.0, 50.0, 20.0]), np.array([0.0, -0.8, -0.6]), disc=True)
    np.testing.assert_allclose(backwards(boundary.normal), [0, -0.6, 0.8])
    assert boundary.wall_mm == pytest.approx(12 / 0.8)  # from column 20 mm to 32 mm
    assert boundary.above_plane(np.array([[19.0, 40.0, 20.0]]))[0] == pytest.approx(8.0)


def test_sheet_is_the_plane_in_front_and_hangs_down_behind():
    boundary = flat_boundary(row_mm=100.0)
    column = np.array([5.0, 30.0, 35.0, 45.0, 70.0])  # the wall is at 35
    points = np.stack([np.full(5, 20.0), np.full(5, 100.0), column], axis=1).astype(np.float32)
    above, behind = above_sheet(boundary, points)
    np.testing.assert_allclose(behind, column - 35)
    np.testing.assert_allclose(above[:2], 0.0)
    assert above[3] < -5  # 10 mm behind: still the lower vertebra's articular process
    assert above[4] == pytest.approx(10.5)  # 35 mm behind: the upper vertebra's spinous process
    joint = np.array([[20 + beside, 100, 35 + 15] for beside in (0.0, 14.0, 19.0)], dtype=np.float32)
    near, usual, far = above_sheet(boundary, joint)[0]  # the joint faces outwards: at one place
    assert near > usual > far  # behind the wall the upper process stands inside, the lower one outside
    lateral = points.copy()
    lateral[:, 0] += 30
    assert above_sheet(boundary, lateral)[0][4] == pytest.approx(-4.0)  # only transverse processes out there


def test_discs_are_numbered_upwards_and_islands_left_out():
    classes = straight_column(140)
    for row in (20, 55, 90):
        classes[:, row : row + 8, 20:60] = DISC
    frame = fit_spine(classes, SPACING)
    island = np.zeros(classes.shape, dtype=bool)
    island[3:5, 72:76, 30:34] = True
    points = points_of((classes == DISC) | island)
    number, boundaries = find_discs(points, SPACING, frame)
    np.testing.assert_allclose([b.centre_mm[1] for b in boundaries], [93.5, 58.5, 23.5], atol=0.3)
    expected = np.select([points[:, 1] >= 90, points[:, 1] < 30], [0, 2], 1)
    in_island = (points[:, 1] >= 72) & (points[:, 1] < 76)
    np.testing.assert_array_equal(number[~in_island], expected[~in_island])
    assert (number[in_island] == -1).all()


def test_two_halves_of_a_disc_are_one():
    classes = straight_column(140)
    classes[:, 50:58, 20:60] = DISC
    classes[9:12] = np.where(classes[9:12] == DISC, 0, classes[9:12])  # the middle slices missed
    number, boundaries = find_discs(points_of(classes == DISC), SPACING, fit_spine(classes, SPACING))
    assert len(boundaries) == 1
    assert (number == 0).all()


def test_no_disc_voxels_give_no_boundary():
    frame = fit_spine(straight_column(), SPACING)
    number, boundaries = find_discs(np.empty((0, 3), np.float32), SPACING, frame)
    assert (number.shape, boundaries) == ((0,), [])


def test_cut_between_bodies_goes_through_the_gap():
    classes = straight_column(120)
    gaps = (38, 73)
    for row in gaps:
        classes[:, row : row + 5, :60] = 0
    frame = fit_spine(classes, SPACING)
    bodies = sample_bodies(points_of(classes == VERTEBRA), SPACING, frame)
    pitch = estimate_pitch([], bodies)
    assert 25 < pitch < 35  # the bodies are 20 mm deep, clipped to 25
    boundaries = add_missing_boundaries([], bodies, frame, pitch)
    rows = [boundary.centre_mm[1] for boundary in boundaries]
    np.testing.assert_allclose(rows, [75.0, 40.0], atol=1.5)
    levels = measure_levels(boundaries, bodies, pitch)
    np.testing.assert_allclose(levels.volume_mm3, 20 * 20 * 2.0 * np.array([42, 30, 38]), rtol=0.01)
    np.testing.assert_allclose(levels.reach_mm, [43, 31, 39], atol=2)
    np.testing.assert_allclose(levels.gap_mm, [3, 3, 0], atol=1.6)
    assert levels.is_disc == [False, False] and levels.pitch_mm == pitch
    for boundary in place_walls(boundaries, bodies, frame):
        assert boundary.centre_mm[2] + boundary.wall_mm == pytest.approx(29.5, abs=0.6)


@pytest.mark.parametrize(("n_vertebrae", "cuts"), [(1, []), (2, [60.0])])
def test_a_tall_body_without_a_waist_is_cut_only_where_predicted_centres_differ(n_vertebrae, cuts):
    classes = np.zeros((20, 120, 100), dtype=np.uint8)
    classes[:, 10:110, 20:60] = VERTEBRA  # 100 mm high and 20 mm deep, twice the pitch
    frame, points = fit_spine(classes, SPACING), points_of(classes == VERTEBRA)
    height_mm = 100.0 / n_vertebrae
    number = np.minimum((points[:, 1] - 10) // height_mm, n_vertebrae - 1)
    centre_row, centre_column = 10 + (number + 0.5) * height_mm, 20.0
    offsets = np.stack([centre_row - points[:, 1], centre_column - points[:, 2]], axis=1)
    for offsets_mm, expected in ((offsets, cuts), (None, [60.0])):
        bodies = sample_bodies(points, SPACING, frame, offsets_mm)
        boundaries = add_missing_boundaries([], bodies, frame, pitch_mm=50.0)
        np.testing.assert_allclose([b.centre_mm[1] for b in boundaries], expected, atol=10)


def two_processes(joint_mm: float, gap: bool) -> tuple[Bone, np.ndarray]:
    """Return a lower articular process in front of an upper one, and which voxels belong to the upper one.

    They touch ``joint_mm`` behind the wall at 35 mm, between rows 50 and 75; with ``gap`` in three rows only.
    """
    bone = np.zeros((5, 120, 130), dtype=bool)
    joint = round((35 + joint_mm) / 0.5)
    bone[1:4, 50:110, joint - 14 : joint] = True
    bone[1:4, 10:75, joint : joint + 14] = True
    if gap:
        bone[1:4, 50:72, joint - 1 : joint + 1] = False
    index = np.argwhere(bone)
    depth = np.stack([ndimage.distance_transform_edt(image, SPACING[1:]) for image in bone])[bone]
    points = (index * np.array(SPACING)).astype(np.float32)
    return Bone(index, points, depth, SPACING, bone.shape), index[:, 2] >= joint


@pytest.mark.parametrize("joint_mm", [12.0, 16.0])
def test_sheet_off_the_joint_is_corrected_along_the_bone(joint_mm):
    bone, upper = two_processes(joint_mm, gap=True)
    boundary = flat_boundary(row_mm=64.0)
    by_sheet = np.mean((above_sheet(boundary, bone.points_mm)[0] > 0) == upper)
    by_bone = np.mean((assign_levels(bone, [boundary]) == 1) == upper)
    assert by_bone > max(0.97, by_sheet)


def test_offsets_decide_where_bone_does_not():
    bone, upper = two_processes(joint_mm=16.0, gap=False)
    boundaries = [flat_boundary(row_mm=64.0)]
    centre = np.where(upper, 42.0, 80.0)  # rows (mm) of the two vertebrae's centres
    offsets = np.stack([centre - bone.points_mm[:, 1], np.zeros(len(centre))], axis=1)
    without, helped = assign_levels(bone, boundaries), assign_levels(bone, boundaries, offsets)
    assert np.mean((helped == 1) == upper) > 0.99 > np.mean((without == 1) == upper)


def test_without_boundaries_all_bone_is_one_level():
    bone, _ = two_processes(14.0, gap=False)
    assert not assign_levels(bone, []).any()


def test_two_rows_far_apart_make_a_straight_line():
    classes_sra = np.zeros((1, 200, 60), np.uint8)
    classes_sra[0, 20, 20:41], classes_sra[0, 150, 30:51] = VERTEBRA, VERTEBRA
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a curve through fewer points than it has terms is warned of
        frame = fit_spine(classes_sra, (4.0, 1.0, 1.0))
    np.testing.assert_allclose(frame.centre_sc_mm[[20, 85, 150], 1], [30, 35, 40], atol=0.1)
