"""One series: from its image and mask file to its folder of slices, which appears complete or not at all."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import cc3d
import numpy as np

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
from spider2d.data.volume import grid_differences, read_mask, read_volume, to_canonical
from spider2d.errors import VolumeError
from spider2d.labels import (
    BACKGROUND,
    CLASS_NAMES,
    IGNORE_CLASS,
    VERTEBRA,
    class_of_label,
    classes_of_labels,
    unknown_labels,
)

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
        OSError: A file cannot be read or written.
    """
    image = read_volume(job.image_path)
    canonical = to_canonical(image)
    spacing_rc_mm = canonical.spacing_sra_mm[1:]
    prepared = prepare_stack(*canonical, job.recipe.pixel_size_mm)
    labels = None
    if job.mask_path is not None:
        mask = read_mask(job.mask_path)
        differences = grid_differences(image.geometry, mask.geometry)
        if differences:
            raise VolumeError(
                f"{job.mask_path}: not on the grid of its image ({'; '.join(differences)}). "
                "Resample the mask to the image's grid with nearest-neighbour interpolation."
            )
        labels = resample_plane_labels(to_canonical(mask).array_sra, spacing_rc_mm, job.recipe.pixel_size_mm)
    classes, instances = _class_and_instance_maps(labels, prepared.stack_shw.shape, job.recipe)
    native_shape = canonical.array_sra.shape
    meta = SeriesMeta(
        name=job.name,
        recipe=job.recipe,
        spacing_sra_mm=(
            canonical.spacing_sra_mm[0],
            *resampled_spacing(native_shape[1:], spacing_rc_mm, classes.shape[1:]),
        ),
        native_spacing_sra_mm=canonical.spacing_sra_mm,
        native_shape_sra=native_shape,
        window=(prepared.window.low, prepared.window.high),
        centres=vertebra_centres(instances),
        slice_classes=_slice_classes(classes),
        unknown_labels=tuple(unknown_labels(labels)) if labels is not None else (),
    )
    arrays = {IMAGE_FILE: prepared.stack_shw.astype(np.float16)}
    _store(job, meta, arrays | {CLASSES_FILE: classes, INSTANCES_FILE: instances})
    return meta


def vertebra_centres(instances_shw: np.ndarray) -> dict[int, tuple[float, float, float]]:
    """Return label -> centroid (slice, row, column) in voxels of every vertebra of a uint8 instance map."""
    statistics = cc3d.statistics(np.ascontiguousarray(instances_shw))
    return {
        label: tuple(float(x) for x in centroid)
        for label, (count, centroid) in enumerate(
            zip(statistics["voxel_counts"], statistics["centroids"], strict=True)
        )
        if count > 0 and class_of_label(label) == VERTEBRA
    }


def _class_and_instance_maps(
    labels_shw: np.ndarray | None, shape: tuple[int, ...], recipe: SeriesRecipe
) -> tuple[np.ndarray, np.ndarray]:
    """Return class and instance maps (uint8 S, H, W).

    Without a mask every pixel is ignored. Pixels of label values that SPIDER does not define are ignored.
    Classes the source does not label become background, whatever its masks hold of them.
    """
    if labels_shw is None:
        return np.full(shape, IGNORE_CLASS, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    classes = classes_of_labels(labels_shw)
    for value, name in enumerate(CLASS_NAMES):
        if value != BACKGROUND and name not in recipe.labelled_classes:
            classes[classes == value] = BACKGROUND
    known = (classes != BACKGROUND) & (classes != IGNORE_CLASS)
    return classes, np.where(known, labels_shw, 0).astype(np.uint8)


def _slice_classes(classes_shw: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """Return per slice the names of the foreground classes it shows."""
    shown = [(classes_shw == value).any(axis=(1, 2)) for value in range(1, len(CLASS_NAMES))]
    return tuple(
        tuple(name for name, there in zip(CLASS_NAMES[1:], row, strict=True) if there)
        for row in np.transpose(shown)
    )


def _store(job: SeriesJob, meta: SeriesMeta, arrays: dict[str, np.ndarray]) -> None:
    """Write the folder of a series under a temporary name and rename it into place."""
    partial = job.output / f"{PARTIAL_PREFIX}{job.name}-{os.getpid()}"
    partial.mkdir(parents=True)
    for file_name, array in arrays.items():
        np.save(partial / file_name, array)
    (partial / SERIES_NAME).write_text(meta.model_dump_json(), encoding="utf-8")
    final = job.output / job.name
    if final.exists():  # a folder cannot be replaced by renaming; a kill between the two leaves no series
        former = job.output / f"{PARTIAL_PREFIX}former-{job.name}-{os.getpid()}"
        final.rename(former)
        shutil.rmtree(former)
    partial.rename(final)
