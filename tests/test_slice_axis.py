import numpy as np
import pytest

from spider2d.data.slice_axis import (
    interpolation_weights,
    nearest_slices,
    old_positions,
    resample_slices,
    resampled_count,
)


def test_count_keeps_the_extent():
    assert resampled_count(15, 4.4, 4.0) == 16  # 66 mm
    assert resampled_count(120, 0.9, 2.0) == 54
    assert resampled_count(1, 0.9, 4.0) == 1


def test_positions_on_paper():
    # three slices become six: every old one has a new one a quarter before and behind its middle
    np.testing.assert_allclose(old_positions(3, 6, range(6)), [0, 0.25, 0.75, 1.25, 1.75, 2])
    np.testing.assert_allclose(old_positions(4, 2, range(2)), [0.5, 2.5])


def test_weights_interpolate_linearly_and_sum_to_one():
    np.testing.assert_allclose(interpolation_weights(3, 6, [1, 2]), [[0.75, 0.25, 0], [0.25, 0.75, 0]])
    for n_old, n_new in [(3, 7), (20, 6), (5, 1), (1, 4)]:
        np.testing.assert_allclose(
            interpolation_weights(n_old, n_new, range(n_new)).sum(axis=1), 1, rtol=1e-5
        )


def test_a_ramp_stays_the_same_ramp_in_mm():
    ramp = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 3, 2))
    for n_new in (17, 80):
        resampled = resample_slices(ramp, n_new)
        inner = slice(n_new // 8, -(n_new // 8))
        np.testing.assert_allclose(
            resampled[inner, 1, 1], old_positions(40, n_new, range(n_new))[inner], atol=1e-3
        )


def test_shrinking_smooths_so_that_thin_structures_do_not_flicker():
    stack = np.zeros((40, 1, 1))
    stack[::2] = 1
    assert np.ptp(resample_slices(stack, 10)[2:-2]) < 0.05


def test_a_part_is_the_same_as_in_the_whole():
    stack = np.random.default_rng(0).random((23, 5, 4)).astype(np.float16)
    for n_new in (9, 23, 51):
        np.testing.assert_allclose(
            resample_slices(stack, n_new, range(3, 7)), resample_slices(stack, n_new)[3:7], atol=1e-6
        )


def test_unchanged_count_returns_the_slices_as_float32():
    stack = np.random.default_rng(0).random((4, 3, 3)).astype(np.float16)
    same = resample_slices(stack, 4)
    assert same.dtype == np.float32
    np.testing.assert_array_equal(same, stack)


@pytest.mark.parametrize(("n_old", "n_new", "nearest"), [(3, 6, [0, 0, 1, 1, 2, 2]), (6, 3, [1, 3, 5])])
def test_labels_take_the_nearest_slice(n_old, n_new, nearest):
    assert nearest_slices(n_old, n_new, range(n_new)).tolist() == nearest
