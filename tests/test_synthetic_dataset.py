from dataclasses import replace

import numpy as np
import pytest
import torch

from spider2d.data import synthetic_dataset
from spider2d.data.data_config import AugmentConfig, DataConfig, SyntheticConfig
from spider2d.data.phantom import random_series
from spider2d.data.phantom.random_series import (
    clip_brightest,
    cut_labels,
    cut_obliquely,
    draw_brightness,
    draw_grid,
    make_random_series,
)
from spider2d.data.phantom.series import make_series
from spider2d.data.phantom.tissues import TISSUE
from spider2d.data.synthetic_dataset import SyntheticSamples, stack_phantom
from spider2d.labels import CANAL_LABEL, VERTEBRA


@pytest.fixture(autouse=True)
def small_series(monkeypatch):
    """Random series of few voxels, for speed; the list says which were made."""
    made = []

    def make_small(seed, pixel_mm):
        assert pixel_mm == 3.0
        made.append(seed)
        return make_series(seed, "t2", (5, 120, 100), (12.0, 2.4, 2.4), wildness=1.0)

    monkeypatch.setattr(synthetic_dataset, "make_random_series", make_small)
    return made


def samples(streams=1, seed=0, augment=None):
    synthetic = SyntheticConfig(samples_per_series=4, pool=2, streams=streams)
    config = DataConfig(patch_hw=(96, 64), synthetic=synthetic)
    return SyntheticSamples(config, augment, pixel_size_mm=3.0, batch_size=2, seed=seed)


def equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_a_number_is_always_the_same_sample_in_any_order():
    forward = [samples(augment=AugmentConfig())[number] for number in range(6)]
    dataset = samples(augment=AugmentConfig())
    for number in (5, 0, 3):
        assert equal(dataset[number], forward[number])
    assert not equal(forward[0], samples(seed=1, augment=AugmentConfig())[0])


def test_every_series_is_made_once_and_the_pool_moves_on(small_series):
    dataset = samples()
    for number in range(24):
        sample = dataset[number]
        assert sample["image"].shape == (1, 96, 64) and sample["labelled"].all()
    assert len(small_series) == len(set(small_series))
    numbers = [seed - synthetic_dataset.FIRST_PATIENT_SEED for seed in small_series]
    assert set(numbers) <= set(range(7)) and max(numbers) >= 5  # 24 / 4 series, and one of the pool
    assert len(dataset._pool) <= 2  # those that the last samples are drawn from


def test_a_worker_of_one_stream_makes_no_series_of_another(small_series):
    dataset = samples(streams=2)
    for batch in (0, 2, 4, 6):
        for place in range(2):
            dataset[2 * batch + place]
    assert all(seed % 2 == 0 for seed in small_series)


def test_stack_lies_on_the_wanted_grid_and_holds_whole_structures():
    stack = stack_phantom(make_series(3, "t1", (5, 120, 100), (12.0, 2.4, 2.4)), 3.0)
    assert stack.image.shape == stack.classes.shape == (5, 96, 80)
    assert stack.spacing_sra_mm == pytest.approx((12.0, 3.0, 3.0))
    assert stack.image.min() >= 0 and stack.image.max() <= 2
    for label, centre in stack.centres.items():
        assert stack.instances[stack.classes == VERTEBRA].min() >= 1
        where = np.argwhere(stack.instances == label).mean(axis=0)
        np.testing.assert_allclose(where, centre, atol=1e-6)


def test_random_grids_cover_the_spine_and_contrasts_differ():
    rng = np.random.default_rng(0)
    for number in range(60):
        shape, spacing = draw_grid(rng, thin=number % 2 == 0)
        extent = np.multiply(shape, spacing)
        assert 50 < extent[0] < 115 and 215 < extent[1] < 345 and 175 < extent[2] < 305
        assert 0.7 <= spacing[1] <= 1.0
        assert 0.525 <= draw_grid(rng, False, 0.6)[1][1] <= 0.75
    tables = [draw_brightness(rng, "t1") for _ in range(40)]
    fat, marrow = TISSUE["subcutaneous_fat"], TISSUE["marrow"]
    assert {bool(table[fat] > table[marrow]) for table in tables} == {True, False}
    assert all((table >= 0).all() and table[TISSUE["air"]] == 0 for table in tables)


def test_marrow_is_brighter_than_muscle_unless_fat_is_suppressed_or_all_is_random(monkeypatch):
    marrow, muscle = TISSUE["marrow"], TISSUE["muscle"]
    for kind, always in (("plausible", True), ("fat_suppressed", False)):
        monkeypatch.setattr(random_series, "CONTRAST_SHARES", {kind: 1.0})
        rng = np.random.default_rng(0)
        ratios = [table[marrow] / table[muscle] for table in (draw_brightness(rng, "t1") for _ in range(60))]
        assert (min(ratios) > 1.04) == always


def test_random_series_is_labelled_and_repeatable(monkeypatch):
    monkeypatch.setattr(
        "spider2d.data.phantom.random_series.draw_grid",
        lambda rng, thin, pixel_mm: ((5, 90, 80), (12.0, 3.2, 3.2)),
    )
    first, second = make_random_series(7), make_random_series(7)
    np.testing.assert_array_equal(first.image_sra, second.image_sra)
    assert {1, 100, 201} <= set(np.unique(first.labels_sra).tolist())
    assert not np.array_equal(first.image_sra, make_random_series(8).image_sra)


def test_an_oblique_slab_leaves_the_middle_and_cuts_image_and_labels_alike():
    series = make_series(3, "t1", (5, 120, 100), (12.0, 2.4, 2.4))
    cut = cut_obliquely(np.random.default_rng(1), series)
    beyond = cut.padding_sra & ~series.padding_sra
    assert 0.05 < beyond.mean() < 0.41 and not beyond[2, 40:80, 50].any()
    np.testing.assert_array_equal(cut.image_sra, np.where(beyond, 0, series.image_sra))
    np.testing.assert_array_equal(cut.labels_sra, cut_labels(series.labels_sra, beyond))
    # Point by point through the middle, the other face is cut too; on one side of the patient it lies higher.
    np.testing.assert_array_equal(beyond, beyond[::-1, ::-1, ::-1] & ~series.padding_sra)
    tops = [np.flatnonzero(~cut.padding_sra[k, :, 50]).min() for k in range(5)]
    assert tops == sorted(tops) or tops == sorted(tops, reverse=True)


def test_scraps_of_a_vertebra_beyond_a_cut_are_background_and_the_canal_is_not():
    labels = np.zeros((1, 40, 12), np.uint8)
    labels[0, 0:20, :4], labels[0, 20:40, :4] = 2, 1  # two vertebrae, 20 rows each
    labels[0, :, 6:8] = CANAL_LABEL
    beyond = np.zeros_like(labels, dtype=bool)
    beyond[:, :16] = True  # a fifth of vertebra 2 is left
    cut = cut_labels(labels, beyond)
    assert not (cut == 2).any() and not cut[beyond].any()
    np.testing.assert_array_equal(cut[:, 20:], labels[:, 20:])
    np.testing.assert_array_equal(cut[:, :, 6:8], np.where(beyond, 0, labels)[:, :, 6:8])
    beyond[:, 11:16] = False  # nine rows of 20: kept
    assert (cut_labels(labels, beyond) == 2).sum() == 9 * 4


def test_clipping_makes_the_brightest_values_alike_and_nothing_else():
    series = make_series(3, "t1", (5, 120, 100), (12.0, 2.4, 2.4))
    clipped = clip_brightest(np.random.default_rng(0), series)
    limit = clipped.image_sra.max()
    assert limit < series.image_sra.max()
    np.testing.assert_array_equal(clipped.image_sra, np.minimum(series.image_sra, limit))
    assert 0.001 < (clipped.image_sra == limit).mean() < 0.2
    assert clipped.labels_sra is series.labels_sra
    bone = series.image_sra[(series.labels_sra > 0) & (series.labels_sra < CANAL_LABEL)]
    assert limit >= 1.1 * np.median(bone)


def test_clipping_keeps_bone_below_the_limit_where_it_is_the_brightest():
    series = make_series(3, "t1", (5, 120, 100), (12.0, 2.4, 2.4))
    is_bone = (series.labels_sra > 0) & (series.labels_sra < CANAL_LABEL)
    bright = replace(series, image_sra=np.where(is_bone, 4 * series.image_sra, series.image_sra))
    clipped = clip_brightest(np.random.default_rng(0), bright)
    assert 1.1 <= clipped.image_sra.max() / np.median(bright.image_sra[is_bone]) <= 1.6


def test_marrow_beside_the_bodies_is_often_darker_but_never_darker_than_muscle(monkeypatch):
    monkeypatch.setattr(random_series, "CONTRAST_SHARES", {"plausible": 1.0})
    rng = np.random.default_rng(0)
    marrow, beside, muscle = (TISSUE[name] for name in ("marrow", "process_marrow", "muscle"))
    tables = np.array([draw_brightness(rng, "t1") for _ in range(60)])
    assert 10 <= (tables[:, beside] < 0.95 * tables[:, marrow]).sum() <= 40
    assert (tables[:, beside] >= 0.999 * tables[:, muscle]).all()
