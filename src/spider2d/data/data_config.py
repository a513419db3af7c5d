"""Settings of the training samples and of their augmentation."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from spider2d.config import ConfigModel

OFFSET_UNIT_MM = 10.0
"""Unit of the offsets to a vertebra's centre, so that their values are of the order of one."""

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
PatchSide = Annotated[int, Field(ge=32, le=2048, multiple_of=32)]
VolumePatchSide = Annotated[int, Field(ge=4, le=512)]
PatchShw = tuple[VolumePatchSide, VolumePatchSide, VolumePatchSide]
SliceSpacing = Annotated[float, Field(gt=0, le=20)]


class SyntheticConfig(ConfigModel):
    """Training on phantoms made on the fly; see `synthetic_dataset.SyntheticSamples`.

    Attributes:
        samples_per_series: Samples drawn per phantom series.
        pool: Series a sample is drawn from; more give more variety within a batch and take memory.
        streams: Independent pools; as many as there are loader workers, or a multiple, so that none does
            another's work. Training processes (torchrun) do not share it: each makes all series.
    """

    samples_per_series: Annotated[int, Field(ge=1)] = 24
    pool: Annotated[int, Field(ge=1, le=200)] = 12
    streams: Annotated[int, Field(ge=1, le=64)] = 1


class SampleConfig(ConfigModel):
    """What 2D and 3D samples have in common.

    Attributes:
        slices: Folder that ``preprocessing/extract_slices.py`` wrote.
        max_series: Train on at most this many series of it, evenly chosen over the list of names; null = all.
        foreground_crop: Share of the patches centred near a labelled pixel; the others lie anywhere.
    """

    slices: Path = Path("data/slices")
    max_series: Annotated[int, Field(ge=1)] | None = None
    foreground_crop: Probability = 0.85


class DataConfig(SampleConfig):
    """Which samples a 2D network sees.

    Attributes:
        patch_hw: Rows and columns of a training patch, multiples of 32. A patch that reaches beyond the slice
            holds the floor value of normalised images there, and class background.
        channel_offsets_mm: Input channels as distances (mm, towards the patient's right) from the slice to be
            segmented; ``(0,)`` is plain 2D, ``(-4, 0, 4)`` is 2.5D.
        neighbour_dropout: Probability of filling all channels with the slice itself, as a series of a single
            slice does, so that a 2.5D network works on these too.
        empty_fraction: Share of the samples whose slice shows no labelled structure.
        beside_bodies_fraction: Share of the samples whose slice shows vertebrae, but no disc and no canal, in
            addition to those among the other samples.
        synthetic: Train on phantoms made on the fly instead of the training series of ``slices``, which are
            then needed for validation only; null = no.
    """

    patch_hw: tuple[PatchSide, PatchSide] = (256, 192)
    channel_offsets_mm: Annotated[tuple[float, ...], Field(min_length=1, max_length=5)] = (0.0,)
    neighbour_dropout: Probability = 0.0
    empty_fraction: Probability = 0.1
    beside_bodies_fraction: Probability = 0.0
    synthetic: SyntheticConfig | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "DataConfig":
        if self.empty_fraction + self.beside_bodies_fraction > 1:
            shares = f"{self.empty_fraction} + {self.beside_bodies_fraction}"
            raise ValueError(f"empty_fraction + beside_bodies_fraction = {shares}: their sum is at most 1")
        if self.synthetic and self.max_series is not None:
            raise ValueError(
                f"max_series says nothing where data.synthetic makes the series; set it to null (found"
                f" {self.max_series})"
            )
        return self


class VolumeDataConfig(SampleConfig):
    """Which samples a 3D network sees; the in-plane pixel size is that of the slices folder.

    Attributes:
        slice_spacing_mm: Series are resampled along the slice axis to slices this far apart.
        patch_shw: Slices, rows and columns of a training patch. A patch that reaches beyond the volume holds
            the floor value of normalised images there, and class background.
    """

    slice_spacing_mm: SliceSpacing = 2.0
    patch_shw: PatchShw = (32, 192, 192)


class AugmentConfig(ConfigModel):
    """How strongly, and how often, samples are changed. Probabilities are per sample.

    Attributes:
        affine: Probability of scale, rotation, shear and a change of aspect together.
        scale: Smallest and largest factor of magnification.
        aspect: Largest factor by which height over width grows or shrinks; 1 = never.
        rotate_degrees: Largest rotation either way.
        shear_degrees: Largest shear either way, along rows and along columns.
        elastic: Probability of a smooth elastic deformation.
        elastic_px: Standard deviation of its displacements, in pixels, at points 48 pixels apart.
        reverse_channels: Probability of swapping left and right (2.5D and 3D only).
        contrast: Probability of a smooth change of contrast: gamma, gain, offset.
        intensity_curve: Probability of a random intensity curve, rising or not: T1 looks like T2, or neither.
        bias_field: Probability of a smooth multiplicative field (coil fall-off).
        noise: Probability of Rician or Gaussian noise.
        blur: Probability of a Gaussian blur.
        low_resolution: Probability of a coarser acquisition, along one axis or both.
        ringing: Probability of Gibbs ringing (outer k-space cut off).
        saturation_band: Probability of a dark oblique band, as saturation slabs leave.
        dropout: Probability of rectangles of noise or nothing.
    """

    affine: Probability = 0.9
    scale: tuple[Positive, Positive] = (0.75, 1.35)
    aspect: Annotated[float, Field(ge=1, le=3)] = 1.1
    rotate_degrees: Annotated[float, Field(ge=0, le=90)] = 20.0
    shear_degrees: Annotated[float, Field(ge=0, le=40)] = 8.0
    elastic: Probability = 0.2
    elastic_px: Annotated[float, Field(ge=0, le=20)] = 2.0
    reverse_channels: Probability = 0.5
    contrast: Probability = 0.6
    intensity_curve: Probability = 0.25
    bias_field: Probability = 0.35
    noise: Probability = 0.35
    blur: Probability = 0.15
    low_resolution: Probability = 0.2
    ringing: Probability = 0.1
    saturation_band: Probability = 0.07
    dropout: Probability = 0.07

    @model_validator(mode="after")
    def _ordered(self) -> "AugmentConfig":
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale: the smaller factor must stand first (found {list(self.scale)})")
        return self
