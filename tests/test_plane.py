import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider2d.data import plane


def ramp(size_hw, spacing_rc_mm, slope_rc=(2.0, -3.0)):
    """Return an image (H, W) whose value is a linear function of the position in mm."""
    rows_mm, columns_mm = ((np.arange(n) + 0.5) * mm for n, mm in zip(size_hw, spacing_rc_mm, strict=True))
    return (slope_rc[0] * rows_mm[:, None] + slope_rc[1] * columns_mm).astype(np.float32)


def interior(array, margin=5):
    return array[..., margin:-margin, margin:-margin]


sizes = st.tuples(st.integers(41, 75), st.integers(41, 75))
spacings = st.tuples(st.floats(0.3, 1.3), st.floats(0.3, 1.3))


@given(sizes, spacings, st.floats(0.4, 1.0))
@settings(max_examples=60, deadline=None)
def test_linear_ramp_stays_the_same_linear_ramp_in_mm(size_hw, spacing_rc_mm, target_mm):
    resampled = plane.resample_plane(ramp(size_hw, spacing_rc_mm)[None], spacing_rc_mm, target_mm)
    new_size = resampled.shape[1:]
    expected = ramp(new_size, plane.resampled_spacing(size_hw, spacing_rc_mm, new_size))
    np.testing.assert_allclose(interior(resampled[0]), interior(expected), atol=2e-3)


@given(sizes, spacings, st.floats(0.4, 1.0))
@settings(max_examples=30, deadline=None)
def test_going_back_to_the_first_size_keeps_geometry(size_hw, spacing_rc_mm, target_mm):
    image = ramp(size_hw, spacing_rc_mm)
    there = plane.resample_plane(image[None], spacing_rc_mm, target_mm)
    back = plane.resample_plane_to(there, size_hw)
    assert back.shape == (1, *size_hw)
    np.testing.assert_allclose(interior(back[0], 10), interior(image, 10), atol=2e-3)


def test_pixel_size_is_met_and_extent_is_kept():
    size = plane.resampled_size((385, 401), (0.7, 0.5), 0.6)
    assert size == (449, 334)
    spacing = plane.resampled_spacing((385, 401), (0.7, 0.5), size)
    np.testing.assert_allclose(np.multiply(size, spacing), (385 * 0.7, 401 * 0.5))
    np.testing.assert_allclose(spacing, 0.6, rtol=2e-3)


def test_unchanged_size_is_the_identity():
    stack = np.random.default_rng(0).random((2, 7, 9), dtype=np.float32)
    np.testing.assert_array_equal(plane.resample_plane(stack, (0.6, 0.6), 0.6), stack)


def stripes(period_px):
    return np.tile(np.sin(2 * np.pi * (np.arange(96) + 0.3) / period_px), (1, 48, 1)).astype(np.float32)


def test_shrinking_removes_stripes_finer_than_the_new_pixels_and_keeps_wide_ones():
    fine, wide = (plane.resample_plane(stripes(period), (0.3, 0.3), 0.9) for period in (3.5, 16))
    assert np.abs(interior(fine)).max() < 0.1
    assert np.abs(interior(wide)).max() > 0.8


def test_only_the_axis_that_shrinks_is_smoothed():
    fine = plane.resample_plane(stripes(3.5).transpose(0, 2, 1), (0.3, 1.2), 0.9)
    kept = plane.resample_plane(stripes(3.5), (0.3, 1.2), 0.9)
    assert fine.shape == (1, 32, 64) and kept.shape == (1, 16, 128)
    assert np.abs(interior(fine)).max() < 0.1
    assert np.abs(interior(kept)).max() > 0.8


def test_integer_and_leading_axes_are_taken():
    stack = np.arange(2 * 3, dtype=np.int16).reshape(2, 3, 1, 1) + np.zeros((5, 7), dtype=np.int16)
    resampled = plane.resample_plane_to(stack, (9, 4))
    assert resampled.dtype == np.float32
    assert resampled.shape == (2, 3, 9, 4)
    np.testing.assert_allclose(resampled, np.broadcast_to(stack[..., :1, :1], (2, 3, 9, 4)), rtol=1e-6)


def test_labels_take_the_nearest_pixel_and_keep_the_type():
    labels = np.array([[[1, 205], [100, 0]]], dtype=np.uint8)
    doubled = plane.resample_plane_labels(labels, (1.2, 1.2), 0.6)
    np.testing.assert_array_equal(doubled[0], np.kron(labels[0], np.ones((2, 2), dtype=np.uint8)))
    assert doubled.dtype == np.uint8


def test_labels_thinned_out_by_three_take_the_middle_pixel():
    labels = np.arange(9 * 9, dtype=np.uint8).reshape(1, 9, 9)
    np.testing.assert_array_equal(
        plane.resample_plane_labels(labels, (0.2, 0.2), 0.6)[0], labels[0, 1::3, 1::3]
    )


@given(sizes, spacings)
@settings(max_examples=30, deadline=None)
def test_images_and_labels_stay_in_register(size_hw, spacing_rc_mm):
    image = np.zeros((1, *size_hw), dtype=np.float32)
    image[:, 4:-5, 5:-4] = 1
    resampled = plane.resample_plane(image, spacing_rc_mm, 0.5)
    labels = plane.resample_plane_labels(image.astype(np.uint8), spacing_rc_mm, 0.5)
    both = [np.argwhere(a[0] > 0.5).mean(axis=0) for a in (resampled, labels)]
    np.testing.assert_allclose(*both, atol=0.75)


@pytest.mark.parametrize("size_hw", [(1, 1), (32, 64), (33, 95)])
def test_padding_to_multiples_can_be_cut_off_again(size_hw):
    stack = np.random.default_rng(0).random((2, *size_hw))
    padded, (rows, columns) = plane.pad_to_multiple(stack, 32)
    assert padded.shape[1] % 32 == padded.shape[2] % 32 == 0
    assert max(np.subtract(padded.shape[1:], size_hw)) < 32
    np.testing.assert_array_equal(padded[..., rows, columns], stack)
    assert padded.sum() == pytest.approx(stack.sum())


def test_neighbours_are_chosen_by_distance():
    assert plane.neighbour_indices(120, 0.9, 60, [-4, 0, 4]) == [56, 60, 64]
    assert plane.neighbour_indices(17, 4.4, 8, [-4, 0, 4]) == [7, 8, 9]
    assert plane.neighbour_indices(17, 9.6, 8, [-4, 0, 4]) == [8, 8, 8]


def test_neighbours_are_clamped_at_the_ends():
    assert plane.neighbour_indices(17, 4.0, 0, [-4, 0, 4]) == [0, 0, 1]
    assert plane.neighbour_indices(1, 4.0, 0, [-8, 0, 8]) == [0, 0, 0]
