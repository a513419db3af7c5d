import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider2d.data.normalise import CEILING, FLOOR, IntensityWindow, apply_window, fit_window
from spider2d.errors import VolumeError


def mr_like(seed=0, shape=(7, 61, 43)):
    """Return a volume of air (Rayleigh-like noise) with a body of three tissues in it, all values above 0."""
    rng = np.random.default_rng(seed)
    volume = np.abs(rng.normal(0, 12, shape)) + 1
    body = volume[:, 6:-6, 8:]
    body += rng.choice([150.0, 400.0, 800.0], size=body.shape, p=[0.3, 0.5, 0.2])
    return volume


def normalised(volume):
    return apply_window(volume, fit_window(volume))


@given(st.floats(0.01, 100), st.floats(-1e4, 1e4))
@settings(max_examples=25, deadline=None)
def test_window_follows_an_affine_change_of_the_intensities(gain, offset):
    volume = mr_like()
    window, changed = fit_window(volume), fit_window(gain * volume + offset)
    span = gain * (window.high - window.low)
    assert changed.low == pytest.approx(gain * window.low + offset, abs=1e-6 * span)
    assert changed.high == pytest.approx(gain * window.high + offset, abs=1e-6 * span)


def test_air_becomes_0_and_bright_tissue_about_1():
    result = normalised(mr_like())
    assert np.median(result[:, :6]) < 0.03
    assert 0.9 < np.percentile(result, 97) < 1.1


@pytest.mark.parametrize("floor", [-1000, 0])
def test_padding_does_not_move_the_window(floor):
    volume = mr_like()
    padded = np.pad(volume, ((0, 0), (30, 30), (40, 0)), constant_values=floor)
    window, with_padding = fit_window(volume), fit_window(padded)
    span = window.high - window.low
    assert with_padding.low == pytest.approx(window.low, abs=0.002 * span)
    assert with_padding.high == pytest.approx(window.high, abs=0.002 * span)
    assert (apply_window(padded, with_padding)[:, :30] == FLOOR).all()


def test_saturation_spikes_do_not_move_the_window():
    volume = mr_like()
    spiked = volume.copy()
    spiked.flat[:: volume.size // 30] = 32767
    assert fit_window(spiked).high == pytest.approx(fit_window(volume).high, rel=0.01)
    assert normalised(spiked).max() == CEILING


def test_large_volumes_are_thinned_out_to_nearly_the_same_window():
    volume = mr_like(shape=(9, 700, 500))
    assert fit_window(volume).high == pytest.approx(
        np.percentile(volume[volume > np.mean(volume)], 90), rel=0.02
    )


def test_integers_and_views_are_taken():
    volume = mr_like().astype(np.int16)
    assert fit_window(volume[::-1]) == fit_window(volume)
    assert normalised(volume).dtype == np.float32


def test_known_window_on_paper():
    result = apply_window(np.array([-1000, 10, 60, 110, 210, 3000]), IntensityWindow(10, 110))
    np.testing.assert_allclose(result, [0, 0, 0.5, 1, 2, 2])


def test_two_values_become_0_and_1():
    np.testing.assert_allclose(normalised(np.array([[[5, 5, 5, 9]]])), [[[0, 0, 0, 1]]])


@pytest.mark.parametrize("volume", [np.full((2, 3, 4), -1000), np.zeros((0, 3, 4))])
def test_constant_or_empty_image_is_refused(volume):
    with pytest.raises(VolumeError, match="cannot be normalised"):
        fit_window(volume)


@pytest.mark.parametrize("unit", [1e200, 1e-60])
def test_values_beyond_float32_are_normalised(unit):
    np.testing.assert_allclose(
        normalised(mr_like().astype(np.float64) * unit), normalised(mr_like()), atol=1e-5
    )


def test_32_bit_integers_keep_their_differences():
    result = apply_window(np.array([2 * 10**9, 2 * 10**9 + 1], np.int32), IntensityWindow(2e9, 2e9 + 2))
    np.testing.assert_allclose(result, [0, 0.5])
    assert result.dtype == np.float32
