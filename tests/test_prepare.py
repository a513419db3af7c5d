import numpy as np
import pytest

from spider2d.data.normalise import apply_window, fit_window
from spider2d.data.prepare import check_extent, prepare_stack, rows_with_image, to_half
from spider2d.errors import VolumeError


def volume(shape=(3, 41, 37), seed=0):
    return np.random.default_rng(seed).integers(0, 900, shape).astype(np.int16)


def test_on_its_own_pixels_the_stack_is_the_normalised_volume():
    array = volume()
    stack, window = prepare_stack(array, (4.0, 0.6, 0.6), 0.6)
    assert window == fit_window(array) and stack.dtype == np.float32
    np.testing.assert_array_equal(stack, apply_window(array, window))


def test_slices_are_resampled_each_for_itself():
    array = np.zeros((3, 41, 37), dtype=np.int16)
    array[1] = volume()[1]
    stack, _ = prepare_stack(array, (4.0, 1.2, 0.3), 0.6)
    assert stack.shape == (3, 82, 18)
    assert stack[1].any() and not stack[0].any() and not stack[2].any()


def test_a_spike_is_clipped_before_it_spreads():
    array = volume()
    array[1, 20, 18] = 32000
    spread = prepare_stack(array, (4.0, 0.6, 0.6), 1.2)[0]
    assert spread.max() < 2  # averaged with its neighbours from 2, not from 32000


def test_float16_is_the_rounded_float32():
    single = prepare_stack(volume(), (4.0, 0.7, 0.5), 0.6)[0]
    half = prepare_stack(volume(), (4.0, 0.7, 0.5), 0.6, np.float16)[0]
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, single, rtol=2**-11, atol=2**-25)


def test_to_half_is_exact_where_float16_is():
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16)  # all finite values from 0 up
    np.testing.assert_array_equal(to_half(every.astype(np.float32)), every)


def test_constant_volume_is_refused():
    with pytest.raises(VolumeError, match="one value only"):
        prepare_stack(np.full((2, 9, 9), 7), (4.0, 0.6, 0.6), 0.6)


def test_rows_of_one_value_above_and_below_hold_no_image():
    array = np.full((3, 20, 8), 7, np.int16)  # the padding need not be 0
    array[1, 4, 2] = array[2, 15, 0] = 9
    assert rows_with_image(array) == slice(4, 16)  # constant rows between are image
    assert rows_with_image(volume()) == slice(0, 41)
    assert rows_with_image(np.zeros((3, 20, 8))) == slice(0, 0)


def test_a_spacing_in_metres_or_micrometres_is_refused():
    check_extent((17, 512, 512), (4.0, 0.625, 0.625))
    for factor, plane in ((1e-3, "0.3 x 0.3 mm"), (1e3, "320000.0 x 320000.0 mm")):
        spacing_sra_mm = tuple(factor * mm for mm in (4.0, 0.625, 0.625))
        with pytest.raises(VolumeError, match=f"the field of view would be {plane} in plane"):
            prepare_stack(volume((17, 512, 512)), spacing_sra_mm, 0.6)
