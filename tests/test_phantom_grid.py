"""Grids, implicit shapes and world noise of the phantom, with values one can check on paper."""

import numpy as np
import pytest

from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.shapes import Body, Capsule, Frame, rotation, round_intersection
from spider2d.data.phantom.world_noise import WorldNoise

GRID = Grid((3, 5, 7), (4.0, 2.0, 1.0), (-4.0, -4.0, -3.0))


def test_coordinates_are_voxel_centres():
    np.testing.assert_array_equal(GRID.coordinates(0), [-4, 0, 4])
    np.testing.assert_array_equal(GRID.coordinates(2), [-3, -2, -1, 0, 1, 2, 3])


def test_box_holds_the_centres_between_two_corners():
    assert GRID.box((-1, -2, 0.5), (5, 1.9, 2)) == (slice(1, 3), slice(1, 3), slice(4, 6))
    assert GRID.box((-np.inf, -4, -3), (np.inf, 4, 3)) == (slice(0, 3), slice(0, 5), slice(0, 7))
    assert GRID.box((1, -2, -2), (3, 2, 2)) is None


def test_sub_slices_fill_the_same_thickness():
    fine = GRID.with_sub_slices(2)
    assert fine.shape_sra == (6, 5, 7)
    np.testing.assert_allclose(fine.coordinates(0), [-5, -3, -1, 1, 3, 5])
    np.testing.assert_array_equal(fine.coordinates(1), GRID.coordinates(1))


def test_rotation_is_orthonormal_and_leans_forward_for_positive_angles():
    axes = rotation(30, 10, -20)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)
    up = -rotation(90)[:, 1]
    np.testing.assert_allclose(up, [0, 0, -1], atol=1e-12)


def test_frame_there_and_back():
    frame = Frame(np.array([1.0, 2.0, 3.0]), rotation(25, -5, 12))
    local = np.array([4.0, -6.0, 8.0])
    back = frame.local(tuple(np.float32(c).reshape(1, 1, 1) for c in frame.world(local)))
    np.testing.assert_allclose(np.ravel(back), local, atol=1e-4)


def test_capsule_field_is_the_distance_to_its_surface():
    capsule = Capsule(np.zeros(3), np.array([10.0, 0, 0]), (2.0, 2.0, 2.0), np.eye(3))
    points = np.ix_(np.float32([-4, 5, 12]), np.float32([0, 3]), np.float32([0]))
    np.testing.assert_allclose(
        capsule.field(points)[:, :, 0], [[2, 3], [-2, 1], [0, np.sqrt(13) - 2]], rtol=1e-5
    )


def test_capsule_box_holds_everything_inside():
    axes = rotation(40, 20, 10)
    capsule = Capsule(np.array([-3.0, 0, 1]), np.array([4.0, 6, -2]), (1.0, 5.0, 2.0), axes, power=3.0)
    grid = Grid((40, 40, 40), (0.6, 0.6, 0.6), (-12.0, -10.0, -12.0))
    everywhere = capsule.field(np.ix_(*(grid.coordinates(a) for a in range(3)))) < 0
    box = capsule.box(grid)
    assert everywhere[box].sum() == everywhere.sum() > 100


def test_body_has_its_extents_and_concave_endplates():
    body = Body(half_width=23, half_depth=17, half_height=14, concavity=(2.0, 1.0), waist=0.1)

    def field(right, down, posterior):
        return float(body.field(*(np.float32(c).reshape(1) for c in (right, down, posterior)))[0])

    assert field(0, 0, 0) < -5
    assert field(0, -12.2, 0) > 0 > field(0, -11.8, 0)
    assert field(0, 12.8, 0) < 0 < field(0, 13.2, 0)
    assert field(0, 0, -15.2) < 0 < field(0, 0, -15.4)
    assert field(0, 0, 16) > 0


def test_pit_deepens_one_endplate_only():
    flat = Body(23, 17, 14, concavity=(0.0, 0.0))
    pitted = Body(23, 17, 14, concavity=(0.0, 0.0), pits=((True, 3.0, -2.0, 5.0, 4.0),))
    here = np.float32([3.0]), np.float32([-2.0])
    assert pitted.endplate(*here, upper=True)[0] == pytest.approx(10)
    assert pitted.endplate(*here, upper=False)[0] == flat.endplate(*here, upper=False)[0] == 14


def test_round_intersection_equals_the_larger_field_away_from_the_edge():
    a, b = np.float32([-5, -5, 2, 0]), np.float32([-8, 3, -9, 0])
    np.testing.assert_allclose(round_intersection(a, b, 1.5)[:3], [-5, 3, 2])
    assert round_intersection(a, b, 1.5)[3] == pytest.approx(1.5 * (np.sqrt(2) - 1), rel=1e-5)


def test_noise_belongs_to_the_place_not_to_the_grid():
    noise = WorldNoise(np.random.default_rng(0), (10, 9, 8), shear=0.3)
    coarse = Grid((3, 20, 30), (4.0, 2.0, 1.0), (-4.0, -50.0, -20.0))
    fine = Grid((5, 40, 60), (2.0, 1.0, 0.5), (-4.0, -50.0, -20.0))
    np.testing.assert_allclose(noise.on(coarse), noise.on(fine)[::2, ::2, ::2], atol=0.05)


def test_noise_has_contrast_and_is_smooth():
    field = WorldNoise(np.random.default_rng(1), (10, 10, 10)).on(
        Grid((4, 90, 80), (4, 1, 1), (0, -100, -30))
    )
    assert 0.3 < field.std() < 0.7
    assert np.abs(np.diff(field, axis=1)).max() < 0.5
