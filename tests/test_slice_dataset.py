from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_dataset
import torch

from spider2d.data import slice_dataset
from spider2d.data.augment import Patch, build_augmentation
from spider2d.data.data_config import OFFSET_UNIT_MM, AugmentConfig, DataConfig
from spider2d.data.extract import extract_dataset
from spider2d.data.slice_dataset import (
    LabelledStack,
    SliceSamples,
    centre_offsets,
    draw_slice,
    make_sample,
    read_channels,
)
from spider2d.data.slices import open_series, read_manifest
from spider2d.errors import DatasetError
from spider2d.labels import IGNORE_CLASS, VERTEBRA

CONFIG = DataConfig(patch_hw=(64, 32), empty_fraction=0.25)


@pytest.fixture(scope="module")
def slices_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("slices")
    extract_dataset(tiny_dataset.write_dataset(root / "data"), root / "slices")
    return root / "slices"


def samples(slices_dir, config=CONFIG, augment=AugmentConfig(), seed=0, names=None):  # noqa: B008 - frozen
    names = names or [row.name for row in read_manifest(slices_dir)]
    return SliceSamples(slices_dir, names, config, augment, seed)


def equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("offsets_mm", [(0.0,), (-4.0, 0.0, 4.0)])
def test_shapes_types_and_ranges(slices_dir, offsets_mm):
    config = CONFIG.model_copy(update={"channel_offsets_mm": offsets_mm})
    for number in range(12):
        sample = samples(slices_dir, config)[number]
        assert sample["image"].shape == (len(offsets_mm), 64, 32)
        assert sample["image"].dtype == torch.float32
        assert 0 <= sample["image"].min() <= sample["image"].max() <= 2
        assert sample["classes"].shape == (64, 32) and sample["classes"].dtype == torch.int64
        assert set(sample["classes"].unique().tolist()) <= {0, 1, 2, 3, IGNORE_CLASS}
        assert sample["offsets"].shape == (2, 64, 32) and sample["offsets"].dtype == torch.float32
        assert torch.equal(sample["offset_mask"], sample["classes"] == VERTEBRA)
        assert not sample["offsets"][:, ~sample["offset_mask"]].any()
        assert sample["territories"].shape == (64, 32) and sample["territories"].dtype == torch.uint8
        assert bool(sample["territories"].all()) == bool((sample["classes"] == VERTEBRA).any())
        assert sample["labelled"].tolist() == [True] * 4


def test_a_number_is_always_the_same_sample_in_any_order_and_process(slices_dir):
    dataset = samples(slices_dir)
    forward = [dataset[k] for k in range(4)]
    again = [samples(slices_dir)[k] for k in (3, 2, 1, 0)][::-1]
    loader = torch.utils.data.DataLoader(
        dataset, sampler=range(4), batch_size=None, num_workers=2, multiprocessing_context="spawn"
    )
    for first, second, elsewhere in zip(forward, again, loader, strict=True):
        assert equal(first, second) and equal(first, elsewhere)


def test_numbers_and_seeds_differ(slices_dir):
    dataset, other = samples(slices_dir), samples(slices_dir, seed=1)
    assert not equal(dataset[0], dataset[1])
    assert not equal(dataset[0], other[0])


def drawn(dataset, n, monkeypatch):
    """Return the series name and slice index of n samples."""
    seen = []

    def note(stack, index, _offsets_mm):
        seen.append((Path(stack.image.filename).parent.name, index))
        raise StopIteration  # the slice is drawn; what is cut from it does not matter here

    monkeypatch.setattr(slice_dataset, "read_channels", note)
    for number in range(n):
        with pytest.raises(StopIteration):
            dataset[number]
    return seen


def test_series_are_equally_likely_and_empty_slices_as_frequent_as_asked(slices_dir, monkeypatch):
    seen = drawn(samples(slices_dir, augment=None), 800, monkeypatch)
    by_series = Counter(name for name, _ in seen)
    assert len(by_series) == 4
    assert all(150 < count < 250 for count in by_series.values())  # 200 +- 4 standard deviations
    last = {row.name: row.n_slices - 1 for row in read_manifest(slices_dir)}
    empty = sum(index in (0, last[name]) for name, index in seen)
    assert 150 < empty < 250
    assert len(set(seen)) == sum(row.n_slices for row in read_manifest(slices_dir))


def test_empty_fraction_0_and_1(slices_dir):
    shown, rng = open_series(slices_dir, "1_t1").meta.slice_classes, np.random.default_rng(0)
    assert {draw_slice(rng, shown, 0.0) for _ in range(60)} == {1, 2, 3}
    assert {draw_slice(rng, shown, 1.0) for _ in range(60)} == {0, 4}


def test_slices_beside_the_bodies_are_drawn_more_often_where_asked():
    rng, seldom = np.random.default_rng(0), [("vertebra",), *[("vertebra", "disc")] * 7, (), ("vertebra",)]
    drawn = Counter(draw_slice(rng, seldom, 0.1, 0.5) for _ in range(900))
    at_random = 0.4 / 9  # of the nine slices that show something
    for index, share in {0: 0.25 + at_random, 3: at_random, 8: 0.1}.items():
        assert drawn[index] / 900 == pytest.approx(share, abs=0.06)
    through_bodies = [("vertebra", "disc", "canal"), ("disc",)]
    assert {draw_slice(rng, through_bodies, 0.0, 1.0) for _ in range(30)} == {0, 1}


def test_offsets_lead_from_every_vertebra_pixel_to_the_centre_of_its_vertebra(slices_dir):
    dataset = samples(slices_dir, augment=None, names=["3_t2"])
    series = open_series(slices_dir, "3_t2")
    row_mm, column_mm = series.meta.spacing_sra_mm[1:]
    n_checked = 0
    for number in range(10):
        sample = dataset[number]
        if not sample["offset_mask"].any():
            continue
        rows, columns = np.nonzero(sample["offset_mask"].numpy())
        down, right = (sample["offsets"][:, rows, columns] * OFFSET_UNIT_MM).numpy()
        targets = np.stack([rows + down / row_mm, columns + right / column_mm], axis=1)
        centres = np.unique(np.round(targets, 2), axis=0)
        known = np.array([centre[1:] for centre in series.meta.centres.values()])
        # The patch is a plain cut: its centres are the stored ones, all moved alike.
        assert 1 <= len(centres) <= 3
        between = [np.diff(c[np.argsort(c[:, 0])], axis=0) for c in (centres, known)]
        for step in between[0]:
            assert np.abs(between[1] - step).max(axis=1).min() < 0.05
        n_checked += len(centres) > 1
    assert n_checked >= 3


def test_offsets_on_paper():
    instances = np.zeros((4, 5), dtype=np.uint8)
    instances[1, 1:4], instances[3, 4], instances[0, 0] = 7, 2, 201
    classes = np.where(instances == 201, 2, instances > 0).astype(np.uint8)
    patch = Patch(np.zeros((4, 5, 1), np.float32), classes, instances, np.array([[1.0, 2.0], [-3.0, 9.0]]))
    offsets, mask = centre_offsets(patch, [7, 2], spacing_rc_mm=(0.5, 2.0))
    np.testing.assert_array_equal(mask, (instances > 0) & (instances < 100))
    np.testing.assert_allclose(offsets[:, 1, 1:4], [[0, 0, 0], [0.2, 0, -0.2]], atol=1e-6)
    np.testing.assert_allclose(offsets[:, 3, 4], [-6 * 0.5 / 10, 5 * 2 / 10], rtol=1e-6)
    assert not offsets[:, ~mask].any()


def numbered_stack():
    """Return five slices of 3 mm that hold their own number divided by 5, the middle one with a vertebra."""
    image = np.broadcast_to(np.arange(5)[:, None, None] / 5, (5, 64, 32)).astype(np.float16)
    labels = np.zeros((5, 64, 32), np.uint8)
    labels[2, 20:40, 10:20] = 1
    shown = ((), (), ("vertebra",), (), ())
    return LabelledStack(image, labels, labels, (3.0, 1.0, 1.0), {1: (2.0, 29.5, 14.5)}, shown, (True,) * 4)


def test_channels_are_the_slices_at_their_distance():
    stack = numbered_stack()
    assert read_channels(stack, 2, (-3, 0, 3))[0, 0] == pytest.approx([0.2, 0.4, 0.6], abs=1e-3)
    assert read_channels(stack, 2, (3, 0, -3))[0, 0] == pytest.approx([0.6, 0.4, 0.2], abs=1e-3)
    at_the_end = read_channels(stack, 4, (-3, 0, 3))
    np.testing.assert_array_equal(at_the_end[..., 2], at_the_end[..., 1])


def channel_orders(offsets_mm, augment):
    """Return whether the first channel lies left of the last one, in each of 20 samples."""
    config = CONFIG.model_copy(update={"channel_offsets_mm": offsets_mm, "empty_fraction": 0})
    cut_only, rng = build_augmentation(None, config.patch_hw), np.random.default_rng(0)
    images = [make_sample(numbered_stack(), rng, config, augment, cut_only)["image"] for _ in range(20)]
    return {bool(image[0, 30, 15] < image[-1, 30, 15]) for image in images}


def test_left_and_right_are_swapped_only_where_there_are_several_channels_and_augmentation():
    always, sometimes = AugmentConfig(reverse_channels=1), AugmentConfig(reverse_channels=0.5)
    assert channel_orders((-3.0, 0.0, 3.0), None) == {True}
    assert channel_orders((-3.0, 0.0, 3.0), always) == {False}
    assert channel_orders((-3.0, 0.0, 3.0), sometimes) == {True, False}
    assert channel_orders((0.0,), always) == {False}  # one channel: no smaller than itself


@pytest.mark.parametrize(("dropout", "least", "most"), [(0.0, 20, 20), (0.5, 5, 15), (1.0, 0, 0)])
def test_without_neighbours_all_channels_are_the_slice_itself(dropout, least, most):
    changes = {"channel_offsets_mm": (-3.0, 0.0, 3.0), "empty_fraction": 0, "neighbour_dropout": dropout}
    config, rng = CONFIG.model_copy(update=changes), np.random.default_rng(0)
    cut_only = build_augmentation(None, config.patch_hw)
    images = [make_sample(numbered_stack(), rng, config, None, cut_only)["image"] for _ in range(20)]
    assert least <= sum(not torch.equal(image[0], image[2]) for image in images) <= most


def test_slices_of_bone_alone_are_drawn_as_often_as_the_configuration_asks():
    stack = numbered_stack()
    shown = (("vertebra", "disc"), *stack.slice_classes[1:])
    stack, cut_only = replace(stack, slice_classes=shown), build_augmentation(None, CONFIG.patch_hw)
    for share, expected in ((0.0, 0.5), (1.0, 1.0)):
        config = CONFIG.model_copy(update={"empty_fraction": 0.0, "beside_bodies_fraction": share})
        rng = np.random.default_rng(0)
        brightness = [make_sample(stack, rng, config, None, cut_only)["image"].max() for _ in range(100)]
        beside = np.isclose(brightness, 0.4, atol=1e-3)  # slice 2
        assert beside.mean() == pytest.approx(expected, abs=0.2)


def test_labelled_classes_belong_to_each_source(tmp_path):
    tiny_dataset.write_series(tmp_path / "data", "1_t1")
    extract_dataset(tmp_path / "data", tmp_path / "slices", source_classes=("vertebra", "canal"))
    sample = samples(tmp_path / "slices")[0]
    assert sample["labelled"].tolist() == [True, True, False, True]
    assert 2 not in sample["classes"]


def test_series_without_masks_are_left_out_and_none_at_all_is_an_error(tmp_path, monkeypatch):
    root = tmp_path / "data"
    tiny_dataset.write_series(root, "1_t1")
    tiny_dataset.write_series(root, "2_t1")
    (root / "masks" / "2_t1.mha").unlink()
    extract_dataset(root, tmp_path / "slices")
    assert {name for name, _ in drawn(samples(tmp_path / "slices", augment=None), 20, monkeypatch)} == {
        "1_t1"
    }
    with pytest.raises(DatasetError, match="none of the 1 chosen series has labelled slices"):
        samples(tmp_path / "slices", names=["2_t1"])


def test_a_missing_series_is_named(slices_dir):
    with pytest.raises(DatasetError, match="9_t1.*extract_slices"):
        samples(slices_dir, names=["9_t1"])
