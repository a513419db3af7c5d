import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spider2d.evaluation.surface import (
    average_surface_distance,
    border_voxels,
    hausdorff_95,
    surface_dice,
    surface_distances,
)

SPACING = (4.0, 0.5, 0.7)


def box_mask(shape, start, stop):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


def brute_force(reference, prediction, spacing):
    """Distances between border voxels by comparing every pair of them."""
    structure = np.ones((3,) * reference.ndim)
    points = [
        np.argwhere(mask & ~ndimage.binary_erosion(mask, structure)) * spacing
        for mask in (reference, prediction)
    ]
    pairs = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1)
    return pairs.min(axis=1), pairs.min(axis=0)


def test_border_of_a_cube_is_all_but_its_core():
    mask = box_mask((7, 7, 7), (1, 1, 1), (6, 6, 6))
    core = box_mask((7, 7, 7), (2, 2, 2), (5, 5, 5))
    assert np.array_equal(border_voxels(mask), mask & ~core)


def test_outside_of_the_array_is_background():
    full = np.ones((3, 4, 5), dtype=bool)
    border = border_voxels(full)
    assert border.sum() == full.size - 1 * 2 * 3
    assert border_voxels(np.ones((1, 4, 5), dtype=bool)).all()


def test_a_missing_corner_neighbour_makes_a_border_voxel():
    mask = np.ones((5, 5, 5), dtype=bool)
    mask[1, 1, 1] = False
    assert border_voxels(mask)[2, 2, 2]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.7, 0.95]))
@settings(max_examples=20, deadline=None)
def test_border_equals_full_connectivity_erosion(seed, density):
    mask = np.random.default_rng(seed).random((5, 6, 7)) < density
    assert np.array_equal(border_voxels(mask), mask & ~ndimage.binary_erosion(mask, np.ones((3, 3, 3))))


@pytest.mark.parametrize(("axis", "shift_mm"), list(enumerate(SPACING)))
def test_a_plate_shifted_by_one_voxel(axis, shift_mm):
    """Plates one voxel thick: every border voxel lies exactly one spacing from the other plate."""
    start, stop = [2, 2, 2], [9, 9, 9]
    start[axis], stop[axis] = 4, 5
    reference = box_mask((11, 11, 11), start, stop)
    distances = surface_distances(reference, np.roll(reference, 1, axis), SPACING)
    assert distances.reference_to_prediction.tolist() == [shift_mm] * 49
    assert average_surface_distance(distances) == pytest.approx(shift_mm, abs=1e-12)
    assert hausdorff_95(distances) == pytest.approx(shift_mm, abs=1e-12)
    assert surface_dice(distances, shift_mm) == 1  # the tolerance is inclusive
    assert surface_dice(distances, shift_mm - 1e-6) == 0


def test_two_cubes_shifted_by_one_slice():
    """Cubes of 3 x 3 x 3 voxels, 27 - 1 of them border; shifted along the first axis (4 mm).

    The 9 voxels of the reference's first slice lie 4 mm before the shifted cube. The middle voxel of its last
    slice is the core of the shifted cube, 0.5 mm from the nearest border voxel there. The other 16 border
    voxels are border voxels of both. By symmetry the other direction is the same.
    """
    reference = box_mask((8, 8, 8), (2, 2, 2), (5, 5, 5))
    distances = surface_distances(reference, np.roll(reference, 1, 0), SPACING)
    for direction in distances:
        assert sorted(direction.tolist()) == [0.0] * 16 + [0.5] + [4.0] * 9
    assert average_surface_distance(distances) == pytest.approx((9 * 4 + 0.5) / 26)
    assert hausdorff_95(distances) == 4.0
    assert surface_dice(distances, 1.0) == pytest.approx(17 / 26)


def test_far_objects_use_the_same_distances():
    """Farther than the neighbours that are looked at one by one."""
    reference = box_mask((4, 40, 40), (0, 0, 0), (1, 1, 1))
    prediction = box_mask((4, 40, 40), (3, 30, 20), (4, 31, 21))
    distances = surface_distances(reference, prediction, SPACING)
    assert distances.reference_to_prediction == pytest.approx([np.sqrt(12.0**2 + 15**2 + 14**2)])


def test_a_near_voxel_in_a_far_column_is_not_overlooked():
    """10 columns of 0.1 mm are nearer than one row of 3 mm, though they are more voxels away."""
    reference, prediction = np.zeros((2, 2, 15), dtype=bool)
    reference[0, 0] = True
    prediction[1, 0] = prediction[0, 10] = True
    distances = surface_distances(reference, prediction, (3.0, 0.1))
    assert distances.reference_to_prediction == pytest.approx([1.0])


def test_hd95_takes_the_worse_direction():
    """A prediction with one far speck: only the direction from the prediction sees it."""
    reference = box_mask((1, 3, 60), (0, 1, 0), (1, 2, 10))
    prediction = reference.copy()
    prediction[0, 1, 50:60] = True
    distances = surface_distances(reference, prediction, (1.0, 1.0, 1.0))
    # From the prediction: 10 zeros, then 41 ... 50 mm; the 95th percentile lies at rank 18.05 of 0-19.
    assert hausdorff_95(distances) == pytest.approx(49.05)
    assert average_surface_distance(distances) == pytest.approx(sum(range(41, 51)) / 30)


def test_empty_masks():
    empty, full = np.zeros((3, 3, 3), dtype=bool), np.ones((3, 3, 3), dtype=bool)
    for one_empty in (surface_distances(empty, full, SPACING), surface_distances(full, empty, SPACING)):
        assert average_surface_distance(one_empty) == np.inf
        assert hausdorff_95(one_empty) == np.inf
        assert surface_dice(one_empty, 1.0) == 0
    both_empty = surface_distances(empty, empty, SPACING)
    assert np.isnan(average_surface_distance(both_empty))
    assert np.isnan(hausdorff_95(both_empty))
    assert np.isnan(surface_dice(both_empty, 1.0))


def test_wrong_arguments_are_refused():
    mask = np.ones((3, 3, 3), dtype=bool)
    with pytest.raises(ValueError, match="bool"):
        surface_distances(mask.astype(np.uint8), mask, SPACING)
    with pytest.raises(ValueError, match="shapes"):
        surface_distances(mask, mask[:2], SPACING)
    with pytest.raises(ValueError, match="spacings"):
        surface_distances(mask, mask, SPACING[:2])


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.sampled_from([0.3, 0.7, 1.0, 3.3])] * 3),
    st.sampled_from([0.02, 0.5, 0.9]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_equals_brute_force(seed, shape, spacing, density, fortran_order):
    rng = np.random.default_rng(seed)
    reference, prediction = rng.random((2, *shape)) < density
    reference.flat[0] = prediction.flat[-1] = True
    if fortran_order:
        reference, prediction = np.asfortranarray(reference), np.asfortranarray(prediction)
    distances = surface_distances(reference, prediction, spacing)
    for measured, expected in zip(distances, brute_force(reference, prediction, spacing), strict=True):
        assert measured == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.permutations(range(3)), st.tuples(*[st.sampled_from([1, -1])] * 3))
@settings(max_examples=20, deadline=None)
def test_flips_permutations_and_exchange_change_nothing(seed, axes, steps):
    rng = np.random.default_rng(seed)
    reference, prediction = rng.random((2, 5, 6, 7)) < 0.4
    turned = [
        mask.transpose(axes)[tuple(slice(None, None, step) for step in steps)]
        for mask in (prediction, reference)
    ]
    plain = surface_distances(reference, prediction, SPACING)
    other = surface_distances(*turned, tuple(SPACING[axis] for axis in axes))
    assert average_surface_distance(other) == pytest.approx(average_surface_distance(plain), abs=1e-12)
    assert hausdorff_95(other) == pytest.approx(hausdorff_95(plain), abs=1e-12)
    assert surface_dice(other, 1.0) == pytest.approx(surface_dice(plain, 1.0), abs=1e-12)
