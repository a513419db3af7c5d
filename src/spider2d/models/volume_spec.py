"""What a 3D network is and expects: a grid of its own along the slice axis too, and patches of a fixed size.

Axis order is (slice, row, column) everywhere. `Unet3dNetwork` and `UnetrNetwork` are what a configuration
chooses (its ``model`` section); the specs add what comes from the data.
"""

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spider2d.config import ConfigModel
from spider2d.data.data_config import PatchShw, SliceSpacing
from spider2d.errors import ConfigError
from spider2d.models.spec import Channels, Dimension, ModelSpec, NetworkSpec

Steps = tuple[int, int, int]
UNETR_TOKEN_SIDE = 16
"""UNETR cuts its patch into cubes of this side, one per token."""


class VolumeNetwork(ConfigModel):
    """What the 3D networks have in common in a configuration.

    Attributes:
        offset_head: Whether the network also learns the offsets to the vertebrae's centres.
        window_overlap: Share by which neighbouring windows overlap when a volume is predicted.
    """

    offset_head: bool = True
    window_overlap: Annotated[float, Field(ge=0, le=0.75)] = 0.5


class Unet3dNetwork(VolumeNetwork):
    """A 3D U-Net as nnU-Net builds it (Isensee et al., Nature Methods 18:203, 2021).

    Attributes:
        architecture: Which builder makes the network.
        channels: Channels of the levels, finest first; each level halves the grid of the one before.
    """

    architecture: Literal["unet3d"] = "unet3d"
    channels: Annotated[tuple[Channels, ...], Field(min_length=3, max_length=7)] = (32, 64, 128, 256, 320)


class UnetrNetwork(VolumeNetwork):
    """UNETR: a vision transformer as encoder (Hatamizadeh et al., WACV 2022); the defaults are the paper's.

    Attributes:
        architecture: Which builder makes the network.
        feature_size: Channels of the finest level of the decoder.
        hidden_size: Length of a token; a multiple of ``n_heads``.
        mlp_size: Width of the transformer's perceptrons.
        n_heads: Attention heads.
    """

    architecture: Literal["unetr"] = "unetr"
    feature_size: Channels = 16
    hidden_size: Channels = 768
    mlp_size: Annotated[int, Field(ge=1, le=8192)] = 3072
    n_heads: Annotated[int, Field(ge=1, le=64)] = 12

    @model_validator(mode="after")
    def _whole_heads(self) -> "UnetrNetwork":
        if self.hidden_size % self.n_heads:
            raise ValueError(
                f"hidden_size = {self.hidden_size} must be a multiple of n_heads = {self.n_heads}"
            )
        return self


class VolumeSpec(NetworkSpec, VolumeNetwork):
    """A 3D network: everything inference needs to know of it besides its weights.

    Attributes:
        slice_spacing_mm: Distance of the slices the network sees; volumes are resampled to it.
        patch_shw: Slices, rows and columns of the patches it was trained on and of the windows it predicts.
    """

    slice_spacing_mm: SliceSpacing
    patch_shw: PatchShw

    @property
    def in_channels(self) -> int:
        """Number of input channels."""
        return 1

    @property
    def dimension(self) -> Dimension:
        """A volume is looked at."""
        return "3D"

    @property
    def patch_multiple(self) -> Steps:
        """What the sides of a patch must be multiples of."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _patch_fits(self) -> "VolumeSpec":
        steps = self.patch_multiple
        # A single voxel on the coarsest level would leave the norms nothing to take statistics over.
        too_small = math.prod(self.patch_shw) < 2 * math.prod(steps)
        if too_small or any(side % step for side, step in zip(self.patch_shw, steps, strict=True)):
            raise ValueError(
                f"data.patch_shw = {self.patch_shw}: this network needs multiples of {steps}, more than one"
            )
        return self


class Unet3dSpec(VolumeSpec, Unet3dNetwork):
    """A 3D U-Net and its grid."""

    @property
    def strides(self) -> list[Steps]:
        """Step from each level to the next coarser one, the first level's being 1."""
        return level_strides(len(self.channels), self.slice_spacing_mm, self.pixel_size_mm)

    @property
    def kernels(self) -> list[Steps]:
        """Size of the convolutions of each level."""
        return level_kernels(len(self.channels), self.slice_spacing_mm, self.pixel_size_mm)

    @property
    def patch_multiple(self) -> Steps:
        """Product of all steps, axis by axis."""
        multiple = [1, 1, 1]
        for stride in self.strides:
            multiple = [m * s for m, s in zip(multiple, stride, strict=True)]
        return tuple(multiple)

    @property
    def title(self) -> str:
        """Name of the network for messages."""
        return f"3D U-Net {'-'.join(map(str, self.channels))}"


class UnetrSpec(VolumeSpec, UnetrNetwork):
    """A UNETR and its grid."""

    @property
    def patch_multiple(self) -> Steps:
        """The side of a token."""
        return (UNETR_TOKEN_SIDE,) * 3

    @property
    def title(self) -> str:
        """Name of the network for messages."""
        return f"UNETR {self.feature_size}-{self.hidden_size}"


SPEC_OF_ARCHITECTURE: dict[str, type[NetworkSpec]] = {
    "unet2d": ModelSpec,
    "unet3d": Unet3dSpec,
    "unetr": UnetrSpec,
}


def spec_class(architecture: object) -> type[NetworkSpec]:
    """Return the description that belongs to an architecture's name.

    Raises:
        ConfigError: There is no such architecture.
    """
    if not isinstance(architecture, str) or architecture not in SPEC_OF_ARCHITECTURE:
        known = ", ".join(SPEC_OF_ARCHITECTURE)
        raise ConfigError(f"model.architecture = {architecture!r}: this version knows {known}")
    return SPEC_OF_ARCHITECTURE[architecture]


def level_spacings(n_levels: int, slice_mm: float, pixel_mm: float) -> list[tuple[float, float]]:
    """Return slice and in-plane spacing of each level.

    Rows and columns double from level to level; slices only where they are not yet twice as far apart, so
    that voxels become more nearly cubic (the rule of nnU-Net's planner).
    """
    spacings = [(slice_mm, pixel_mm)]
    for _ in range(n_levels - 1):
        slice_mm, pixel_mm = spacings[-1]
        spacings.append((slice_mm * (1 if slice_mm >= 2 * pixel_mm else 2), pixel_mm * 2))
    return spacings


def level_strides(n_levels: int, slice_mm: float, pixel_mm: float) -> list[Steps]:
    """Return the step to each level from the finer one; (1, 1, 1) for the first."""
    spacings = level_spacings(n_levels, slice_mm, pixel_mm)
    return [(1, 1, 1)] + [(1 if finer[0] == coarser[0] else 2, 2, 2) for finer, coarser in pairwise(spacings)]


def level_kernels(n_levels: int, slice_mm: float, pixel_mm: float) -> list[Steps]:
    """Return the kernel of each level: flat where slices are at least twice as far apart as pixels."""
    spacings = level_spacings(n_levels, slice_mm, pixel_mm)
    return [(1 if slice_mm >= 2 * pixel_mm else 3, 3, 3) for slice_mm, pixel_mm in spacings]
