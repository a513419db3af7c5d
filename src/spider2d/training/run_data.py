"""Which extracted series a run trains on and validates with, and the samples made of them."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.slice_dataset import SliceSamples
from spider2d.data.slices import EXTRACT_COMMAND, ManifestRow, open_series, read_manifest
from spider2d.data.stack_dataset import VolumeSamples
from spider2d.data.synthetic_dataset import SyntheticSamples
from spider2d.errors import DatasetError
from spider2d.training.train_config import AnyTrainConfig, TrainConfig


@dataclass(frozen=True)
class RunData:
    """The series of a run.

    Attributes:
        training: Names of the series the samples come from; none where phantoms are made on the fly.
        validation: Names of the series of the 3D validation.
        pixel_size_mm: Pixel size they were extracted at.
        slice_hw: Median rows and columns of a validation slice at that pixel size.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    pixel_size_mm: float
    slice_hw: tuple[int, int]


def select_series(config: AnyTrainConfig) -> RunData:
    """Read the manifest of a configuration's slices folder and choose the labelled series of both subsets.

    Series whose masks show nothing are left out.

    Raises:
        DatasetError: There is no extraction, a subset has no labelled series (that for training may have none
            where phantoms are made on the fly), or pixel sizes differ.
    """
    slices_dir = config.data.slices
    labelled = [row for row in read_manifest(slices_dir) if row.labelled_classes]
    # A mask that shows nothing would count for networks that find nothing, and only against others.
    rows = [row for row in labelled if open_series(slices_dir, row.name).meta.foreground_slices]
    limits = {"training": config.data.max_series, "validation": config.validation.max_series}
    if isinstance(config, TrainConfig) and config.data.synthetic:
        del limits["training"]
    chosen = {
        subset: _thin_out([row for row in rows if row.subset == subset], limit)
        for subset, limit in limits.items()
    }
    for subset in limits:
        if not chosen[subset]:
            raise DatasetError(
                f"{slices_dir}: no labelled series in the subset '{subset}'; run {EXTRACT_COMMAND} on a data "
                "set with masks and with patients in both subsets (two patients at least, five of a phantom)"
            )
    training, validation = chosen.get("training", []), chosen["validation"]
    names = [row.name for row in training + validation]
    pixel_sizes = {open_series(slices_dir, name).meta.recipe.pixel_size_mm for name in names}
    if len(pixel_sizes) > 1:
        raise DatasetError(
            f"{slices_dir}: series of different pixel sizes ({', '.join(map(str, sorted(pixel_sizes)))} mm); "
            f"run {EXTRACT_COMMAND} into an empty folder"
        )
    return RunData(_names(training), _names(validation), pixel_sizes.pop(), _median_size(validation))


def training_samples(
    config: AnyTrainConfig, data: RunData
) -> SliceSamples | SyntheticSamples | VolumeSamples:
    """Return the samples a run trains on: of slices, extracted or made on the fly, or of volumes (3D)."""
    if not isinstance(config, TrainConfig):
        return VolumeSamples(config.data.slices, data.training, config.data, config.augment, config.seed)
    if config.data.synthetic:
        batch_size = config.training.batch_size
        return SyntheticSamples(config.data, config.augment, data.pixel_size_mm, batch_size, config.seed)
    return SliceSamples(config.data.slices, data.training, config.data, config.augment, seed=config.seed)


def _thin_out(rows: list[ManifestRow], count: int | None) -> list[ManifestRow]:
    if count is None or count >= len(rows):
        return rows
    return [rows[index] for index in np.linspace(0, len(rows) - 1, count).round().astype(int)]


def _median_size(rows: list[ManifestRow]) -> tuple[int, int]:
    heights, widths = zip(*((row.height, row.width) for row in rows), strict=True)
    return int(np.median(heights)), int(np.median(widths))


def _names(rows: list[ManifestRow]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)
