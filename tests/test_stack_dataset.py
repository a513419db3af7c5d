import numpy as np
import pytest
import tiny_dataset
import torch

from spider2d.data.data_config import OFFSET_UNIT_MM, AugmentConfig, VolumeDataConfig
from spider2d.data.extract import extract_dataset
from spider2d.data.slices import open_series, read_manifest
from spider2d.data.stack_dataset import VolumeSamples, draw_first_slice
from spider2d.labels import IGNORE_CLASS, VERTEBRA

CONFIG = VolumeDataConfig(patch_shw=(8, 64, 32), slice_spacing_mm=2.0)
ALL = AugmentConfig(**{name: 1.0 for name, f in AugmentConfig.model_fields.items() if f.annotation is float})


@pytest.fixture(scope="module")
def slices_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("stacks")
    extract_dataset(tiny_dataset.write_dataset(root / "data"), root / "slices")
    return root / "slices"


def samples(slices_dir, config=CONFIG, augment=AugmentConfig(), seed=0, names=None):  # noqa: B008 - frozen
    names = names or [row.name for row in read_manifest(slices_dir)]
    return VolumeSamples(slices_dir, names, config, augment, seed)


def equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_shapes_types_and_ranges(slices_dir):
    for number in range(8):
        sample = samples(slices_dir)[number]
        assert sample["image"].shape == (1, 8, 64, 32) and sample["image"].dtype == torch.float32
        assert 0 <= sample["image"].min() <= sample["image"].max() <= 2
        assert sample["classes"].shape == (8, 64, 32) and sample["classes"].dtype == torch.int64
        assert set(sample["classes"].unique().tolist()) <= {0, 1, 2, 3, IGNORE_CLASS}
        assert sample["offsets"].shape == (2, 8, 64, 32) and sample["offsets"].dtype == torch.float32
        assert torch.equal(sample["offset_mask"], sample["classes"] == VERTEBRA)
        assert not sample["offsets"][:, ~sample["offset_mask"]].any()


def test_a_number_is_always_the_same_sample_in_any_order_and_process(slices_dir):
    dataset = samples(slices_dir)
    forward = [dataset[k] for k in range(3)]
    again = [samples(slices_dir)[k] for k in (2, 1, 0)][::-1]
    loader = torch.utils.data.DataLoader(
        dataset, sampler=range(3), batch_size=None, num_workers=1, multiprocessing_context="spawn"
    )
    for first, second, elsewhere in zip(forward, again, loader, strict=True):
        assert equal(first, second) and equal(first, elsewhere)
    assert not equal(forward[0], forward[1])
    assert not equal(forward[0], samples(slices_dir, seed=1)[0])


def test_every_kind_of_augmentation_works_on_many_slices(slices_dir):
    sample = samples(slices_dir, augment=ALL)[0]
    assert torch.isfinite(sample["image"]).all()
    assert sample["image"].shape == (1, 8, 64, 32)


def test_without_augmentation_a_patch_is_a_plain_cut(slices_dir):
    series = open_series(slices_dir, "3_t2")
    n_slices, height, width = series.image.shape
    own_spacing = series.meta.spacing_sra_mm[0]
    config = VolumeDataConfig(patch_shw=(n_slices + 4, 96, 96), slice_spacing_mm=own_spacing)
    sample = samples(slices_dir, config, augment=None, names=["3_t2"])[0]
    top, left = (96 - height + 1) // 2, (96 - width + 1) // 2
    box = (slice(2, 2 + n_slices), slice(top, top + height), slice(left, left + width))
    np.testing.assert_allclose(sample["image"][0][box], np.float32(series.image), atol=2e-3)
    np.testing.assert_array_equal(sample["classes"][box], series.classes)
    outside = torch.ones_like(sample["classes"], dtype=torch.bool)
    outside[box] = False
    assert not sample["image"][0][outside].any() and not sample["classes"][outside].any()


def test_offsets_point_in_plane_to_the_centres_in_every_slice(slices_dir):
    series = open_series(slices_dir, "3_t2")
    row_mm, column_mm = series.meta.spacing_sra_mm[1:]
    config = VolumeDataConfig(patch_shw=(8, 96, 96), slice_spacing_mm=5.1)
    sample = samples(slices_dir, config, augment=None, names=["3_t2"])[0]
    slices, rows, columns = np.nonzero(sample["offset_mask"].numpy())
    assert len(np.unique(slices)) == 3
    down, right = sample["offsets"][:, slices, rows, columns].numpy() * OFFSET_UNIT_MM
    targets = np.unique(np.round([rows + down / row_mm, columns + right / column_mm], 2).T, axis=0)
    known = np.array([centre[1:] for centre in series.meta.centres.values()])
    assert len(targets) == len(known) == 3
    np.testing.assert_allclose(
        np.diff(targets, axis=0), np.diff(known[np.argsort(known[:, 0])], axis=0), atol=0.05
    )


def test_left_and_right_are_swapped_only_when_augmented(slices_dir):
    never = {name: 0.0 for name in ALL.model_dump() if getattr(ALL, name) == 1.0}
    nothing = AugmentConfig(**never | {"aspect": 1.0})
    swapped = nothing.model_copy(update={"reverse_channels": 1.0})
    plain, mirrored = (samples(slices_dir, augment=a, names=["3_t2"])[1] for a in (nothing, swapped))
    assert torch.equal(plain["image"].flip(1), mirrored["image"])
    assert torch.equal(plain["classes"].flip(0), mirrored["classes"])
    assert torch.equal(plain["offsets"].flip(1), mirrored["offsets"])


def test_first_slice_stays_inside_a_deep_volume_and_centres_a_shallow_one(slices_dir):
    meta, rng = open_series(slices_dir, "3_t2").meta, np.random.default_rng(0)  # 5 slices of 5.1 mm
    deep = VolumeDataConfig(patch_shw=(4, 32, 32), slice_spacing_mm=1.7)  # 15 slices
    assert {draw_first_slice(rng, meta, deep) for _ in range(300)} == set(range(12))
    shallow = VolumeDataConfig(patch_shw=(8, 32, 32), slice_spacing_mm=5.1)
    assert {draw_first_slice(rng, meta, shallow) for _ in range(20)} == {-2}
