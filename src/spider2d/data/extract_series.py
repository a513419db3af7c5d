"""One series: from its image and mask file to its folder of slices, which appears complete or not at all."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spider2d.data.label_maps import map_labels, unlabelled_maps
from spider2d.data.plane import resample_plane_labels, resampled_spacing
from spider2d.data.prepare import prepare_stack
from spider2d.data.slices import (
    CLASSES_FILE,
    IMAGE_FILE,
    INSTANCES_FILE,
    SERIES_NAME,
    SeriesMeta,
    SeriesRecipe,
)
from spider2d.data.volume import Volume, grid_differences, read_mask, read_volume, to_canonical
from spider2d.errors import OutputError, VolumeError

PARTIAL_PREFIX = ".partial-"
"""Folders of this prefix are unfinished."""


@dataclass(frozen=True)
class SeriesJob:
    """One series to extract; picklable, so that it can go to another process."""

    name: str
    image_path: Path
    mask_path: Path | None
    recipe: SeriesRecipe
    output: Path


def extract_series(job: SeriesJob) -> SeriesMeta:
    """Read, normalise, resample and store one series.

    Args:
        job: What to read, and the slices folder to write into. A former version of the series is replaced.

    Returns:
        What was stored beside the arrays.

    Raises:
        VolumeError: The image or the mask is bad, or they do not lie on the same grid.
        OutputError: The slices cannot be written, for example because the disk is full.
    """
    image = read_volume(job.image_path)
    canonical = to_canonical(image)
    spacing_rc_mm = canonical.spacing_sra_mm[1:]
    stack_shw, window = prepare_stack(*canonical, job.recipe.pixel_size_mm, dtype=np.float16)
    if job.mask_path is None:
        maps = unlabelled_maps(stack_shw.shape)
    else:
        native_sra = to_canonical(read_mask_of(image, job.mask_path)).array_sra
        labels_shw = resample_plane_labels(native_sra, spacing_rc_mm, job.recipe.pixel_size_mm)
        maps = map_labels(labels_shw, job.recipe.labelled_classes)
    native_shape = canonical.array_sra.shape
    stored_spacing_rc_mm = resampled_spacing(native_shape[1:], spacing_rc_mm, stack_shw.shape[1:])
    meta = SeriesMeta(
        name=job.name,
        recipe=job.recipe,
        spacing_sra_mm=(canonical.spacing_sra_mm[0], *stored_spacing_rc_mm),
        native_spacing_sra_mm=canonical.spacing_sra_mm,
        native_shape_sra=native_shape,
        window=(window.low, window.high),
        centres=maps.centres,
        slice_classes=maps.slice_classes,
        unknown_labels=maps.unknown_labels,
        directions_stated=image.directions_stated,
    )
    _store(job, meta, {IMAGE_FILE: stack_shw, CLASSES_FILE: maps.classes, INSTANCES_FILE: maps.instances})
    return meta


def read_mask_of(image: Volume, mask_path: Path) -> Volume:
    """Read the mask of an image.

    Raises:
        VolumeError: The mask is bad or does not lie on the image's grid.
    """
    mask = read_mask(mask_path)
    differences = grid_differences(image.geometry, mask.geometry)
    if differences:
        raise VolumeError(
            f"{mask_path}: not on the grid of its image ({'; '.join(differences)}). "
            "Resample the mask to the image's grid with nearest-neighbour interpolation."
        )
    return mask


def _store(job: SeriesJob, meta: SeriesMeta, arrays: dict[str, np.ndarray]) -> None:
    """Write the folder of a series under a temporary name and rename it into place."""
    partial = job.output / f"{PARTIAL_PREFIX}{job.name}-{os.getpid()}"
    try:
        partial.mkdir(parents=True)
        for file_name, array in arrays.items():
            np.save(partial / file_name, array)
        (partial / SERIES_NAME).write_text(meta.model_dump_json(), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OutputError(
            f"{job.output}: cannot be written ({error}). Make room or choose another --output."
        ) from error
    final = job.output / job.name
    if final.exists():  # a folder cannot be replaced by renaming; a kill between the two leaves no series
        former = job.output / f"{PARTIAL_PREFIX}former-{job.name}-{os.getpid()}"
        final.rename(former)
        shutil.rmtree(former)
    partial.rename(final)
