import pytest

from spider2d.config import check_config
from spider2d.errors import ConfigError
from spider2d.models.spec import ModelSpec
from spider2d.models.volume_spec import (
    Unet3dSpec,
    UnetrSpec,
    level_kernels,
    level_spacings,
    level_strides,
    spec_class,
)

GRID = {"pixel_size_mm": 0.6, "slice_spacing_mm": 2.0}


def test_slices_are_halved_once_pixels_have_caught_up():
    assert level_spacings(4, 2.0, 0.6) == [(2.0, 0.6), (2.0, 1.2), (4.0, 2.4), (8.0, 4.8)]
    assert level_strides(4, 2.0, 0.6) == [(1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert level_kernels(4, 2.0, 0.6) == [(1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)]


def test_a_cubic_grid_is_treated_alike_in_all_directions():
    assert level_strides(3, 1.0, 1.0) == [(1, 1, 1), (2, 2, 2), (2, 2, 2)]
    assert level_kernels(3, 1.0, 1.0) == [(3, 3, 3)] * 3


def test_patch_must_be_a_multiple_of_all_steps_together():
    spec = Unet3dSpec(**GRID, channels=(8, 8, 8, 8), patch_shw=(8, 16, 24))
    assert spec.patch_multiple == (4, 8, 8)
    with pytest.raises(ConfigError, match=r"patch_shw = \(6, 16, 24\).*multiples of \(4, 8, 8\)"):
        check_config(Unet3dSpec, GRID | {"channels": [8] * 4, "patch_shw": [6, 16, 24]}, "test")
    with pytest.raises(ConfigError, match="more than one"):
        check_config(Unet3dSpec, GRID | {"channels": [8] * 4, "patch_shw": [4, 8, 8]}, "test")
    with pytest.raises(ConfigError, match=r"multiples of \(16, 16, 16\)"):
        check_config(UnetrSpec, GRID | {"patch_shw": [16, 40, 32]}, "test")


def test_tokens_are_shared_by_whole_heads():
    with pytest.raises(ConfigError, match="multiple of n_heads = 5"):
        check_config(UnetrSpec, GRID | {"patch_shw": [16, 32, 32], "n_heads": 5}, "test")


def test_dimensions_and_channels():
    assert ModelSpec(pixel_size_mm=1.0).dimension == "2D"
    assert ModelSpec(pixel_size_mm=1.0, channel_offsets_mm=(-4, 0, 4)).dimension == "2.5D"
    spec = UnetrSpec(**GRID, patch_shw=(16, 32, 32), offset_head=False)
    assert (spec.dimension, spec.in_channels, spec.out_channels) == ("3D", 1, 4)


def test_every_architecture_has_its_description():
    assert [spec_class(name) for name in ("unet2d", "unet3d", "unetr")] == [ModelSpec, Unet3dSpec, UnetrSpec]
    for unknown in ("unet4d", None, ["unet3d"]):
        with pytest.raises(ConfigError, match="unet2d, unet3d, unetr"):
            spec_class(unknown)
