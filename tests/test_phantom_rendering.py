"""Contrast, partial volume, coil and k-space effects of the phantom."""

from dataclasses import replace

import numpy as np
import pytest

from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.rendering import (
    acquire,
    contrast,
    k_space_window,
    make_grain,
    sample_scan,
    sensitivity,
)
from spider2d.data.phantom.tissues import (
    SEQUENCES,
    TISSUE,
    TISSUES,
    brightness_table,
    random_brightness_table,
)


def plain_scan(**changes):
    """A scan without texture, noise, ghosts or chemical shift."""
    rng = np.random.default_rng(0)
    scan = sample_scan(rng, brightness_table("t1", rng, spread=0.0), "t1")
    return replace(scan, **({"texture": 0.0, "noise": 0.0, "ghost": 0.0, "fat_shift_px": 0} | changes))


def flat(value: float = 0.0, shape=(1, 32, 32)) -> np.ndarray:
    return np.full(shape, value, np.float32)


def test_a_slice_is_the_mean_of_its_sub_slices():
    scan = plain_scan()
    tissues = np.empty((3, 8, 8), np.uint8)
    tissues[:] = np.array([TISSUE["csf"], TISSUE["marrow"], TISSUE["marrow"]])[:, None, None]
    image = contrast(scan, tissues, 3, flat(shape=(1, 8, 8)), flat(shape=(1, 8, 8)))
    expected = (scan.brightness[TISSUE["csf"]] + 2 * scan.brightness[TISSUE["marrow"]]) / 3
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_chemical_shift_moves_fat_and_leaves_water():
    tissues = np.full((1, 9, 4), TISSUE["csf"], np.uint8)
    tissues[:, 4] = TISSUE["subcutaneous_fat"]
    zero = flat(shape=(1, 9, 4))
    image = contrast(plain_scan(fat_shift_px=1), tissues, 1, zero, zero)
    still = contrast(plain_scan(), tissues, 1, zero, zero)
    fat = still[0, 4, 0]
    assert image[0, 4, 0] == pytest.approx(0, abs=1e-6)
    assert image[0, 5, 0] == pytest.approx(still[0, 5, 0] + fat)
    np.testing.assert_allclose(image[0, [0, 1, 2, 3, 6, 7, 8]], still[0, [0, 1, 2, 3, 6, 7, 8]])


def test_texture_scales_with_brightness_and_stays_positive():
    tissues = np.full((1, 8, 8), TISSUE["bowel"], np.uint8)
    grain = np.random.default_rng(0).normal(0, 5, (1, 8, 8)).astype(np.float32)
    image = contrast(plain_scan(texture=1.0), tissues, 1, grain, flat(shape=(1, 8, 8)))
    assert image.min() == 0
    assert image.std() > 0.1 * image.mean()


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_contrasts_are_those_of_the_sequence(sequence):
    value = dict(zip(TISSUES, brightness_table(sequence, np.random.default_rng(0), 0.0), strict=True))
    assert value["cortex"] < 0.5 * value["marrow"]
    assert value["air"] == 0
    if sequence == "t1":
        assert value["csf"] < value["cord"] < value["marrow"] < value["subcutaneous_fat"]
        assert value["nucleus_1"] < value["marrow"]
    else:
        assert value["csf"] > value["subcutaneous_fat"] > value["marrow"] > value["muscle"]
        grades = [value[f"nucleus_{grade}"] for grade in range(1, 6)]
        assert grades == sorted(grades, reverse=True)
        assert value["cord"] < value["csf"]


def test_random_contrast_is_random_but_air_stays_dark():
    first, second = (random_brightness_table(np.random.default_rng(seed)) for seed in (0, 1))
    assert np.abs(first - second).max() > 0.3
    assert first[TISSUE["air"]] == first[TISSUE["outside"]] == 0
    assert 0.02 <= first[TISSUE["marrow"]] <= 1


def test_acquisition_keeps_a_constant_image():
    measured = acquire(plain_scan(), flat(0.7), (0.8, 0.7), np.random.default_rng(0))
    np.testing.assert_allclose(measured, 0.7, rtol=1e-5)


def test_noise_in_air_is_rayleigh_distributed():
    scan = plain_scan(noise=0.05)
    air = acquire(scan, flat(0.0, (6, 96, 96)), (0.7, 0.7), np.random.default_rng(0))
    # Rayleigh: mean = sigma * sqrt(pi / 2), standard deviation = sigma * sqrt(2 - pi / 2).
    assert air.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.05)
    assert air.std() == pytest.approx(0.05 * np.sqrt(2 - np.pi / 2), rel=0.08)


def test_a_hard_cut_of_k_space_rings_and_a_soft_one_does_not():
    edge = flat(0.2, (1, 64, 64))
    edge[:, 32:] = 1.0

    def overshoot(apodisation):
        scan = plain_scan(apodisation=apodisation, resolution_mm=(2.0, 2.0))
        return acquire(scan, edge, (1.0, 1.0), np.random.default_rng(0)).max() - 1

    assert overshoot(0.0) > 0.05
    assert overshoot(1.0) < 0.01


def test_window_cuts_at_the_acquired_resolution():
    window = np.abs(
        k_space_window(plain_scan(apodisation=0.0, resolution_mm=(2.0, 1.0)), (40, 40), (1.0, 1.0))
    )
    assert window[0, 0] == 1
    assert (window[:11, 0] == 1).all()
    assert (window[11:30, 0] == 0).all()
    assert (window[0] == 1).all()


def test_ghost_copies_the_image_along_the_phase_axis():
    image = flat(0.0, (1, 64, 64))
    image[:, 20:30, 30:34] = 1.0
    measured = acquire(plain_scan(ghost=0.1), image, (0.5, 0.5), np.random.default_rng(0))[0]
    far = np.r_[0:20, 44:64]
    assert measured[20:30][:, far].max() > 0.02
    assert measured[40:60][:, far].max() < 0.01


def test_surface_coil_is_brighter_at_the_back_and_the_band_is_dark_in_front():
    grid = Grid((1, 50, 60), (4.0, 4.0, 4.0), (0.0, -180.0, -140.0))
    skin, front, lumps = np.full(50, 90.0), np.full(50, -20.0), np.zeros((50, 60), np.float32)
    scan = plain_scan(coil_depth_mm=80.0, band_mm=None)
    without = sensitivity(scan, grid, skin, front, lumps)
    assert (np.diff(without[25, :50]) > 0).all()
    assert without[25, 50] / without[25, 30] == pytest.approx(np.exp(80 / 80), rel=0.05)
    banded = sensitivity(replace(scan, band_mm=20.0, band_residue=0.1), grid, skin, front, lumps)
    ratio = banded[25] / without[25]
    assert ratio[5] == pytest.approx(0.1, abs=0.01)
    assert ratio[50] == pytest.approx(1, abs=0.01)


def test_grain_has_unit_variance_and_is_smooth():
    grain = make_grain(np.random.default_rng(0), (2, 80, 80), 0.5)
    assert grain.std() == pytest.approx(1, rel=1e-4)
    assert np.corrcoef(grain[:, 1:].ravel(), grain[:, :-1].ravel())[0, 1] > 0.5
