"""Image, reference and predictions of one case, read for its pictures.

Label files may have been replaced since they were scored. Others beside the figures would mislead, so the
volume of every label must be the one in ``per_structure.csv``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spider2d.data.geometry import Geometry, Rows2d, grid_differences
from spider2d.data.normalise import apply_window, fit_window
from spider2d.data.volume import Volume, read_mask, read_volume, to_canonical, volumes_by_name
from spider2d.errors import NoPicturesError, VolumeError
from spider2d.inference.preview import DISPLAY_GAMMA
from spider2d.reports.comparison import Comparison
from spider2d.reports.score_checks import evaluate_command
from spider2d.reports.scored_run import LabelVolumes, ScoredRun

MARGIN_MM = 12.0
VOLUME_TOLERANCE = 1e-6
"""Relative; formats that keep spacing as 32-bit numbers differ by less, one voxel of a structure is more."""


@dataclass(frozen=True)
class CaseVolumes:
    """One case, cut to the surroundings of its structures, real and predicted ones, in plane.

    Attributes:
        grey_sra: Image for display, 0-1 (slice, row, column).
        reference_sra: Reference labels.
        labels_sra: Predicted labels by method.
        aspect: Height of a pixel over its width.
    """

    grey_sra: np.ndarray
    reference_sra: np.ndarray
    labels_sra: dict[str, np.ndarray]
    aspect: float


def read_case(comparison: Comparison, name: str) -> CaseVolumes:
    """Read one case.

    Raises:
        NoPicturesError: A folder or file is not there, the image cannot be used, or a label file is no longer
            the one that was scored.
    """
    _check_folders(comparison)
    first = comparison.runs[0]
    grey, grid = _read_image(comparison.data.root / "images", name, first.metrics.get("rows_2d"))
    reference = _read_labels(first, name, comparison.data.root / "masks", grid, "reference")
    voxel_ml = _voxel_ml(reference)  # of predictions too: files may round the spacing, and it was scored so
    labels = {
        run.name: to_canonical(
            _read_labels(run, name, run.predictions, grid, "prediction", voxel_ml)
        ).array_sra
        for run in comparison.runs
    }
    reference = to_canonical(reference).array_sra
    spacing = grid.spacing_sra_mm
    box = _box([reference, *labels.values()], spacing)
    cut = {method: array[box] for method, array in labels.items()}
    return CaseVolumes(grey[box], reference[box], cut, spacing[1] / spacing[2])


def _read_image(folder: Path, name: str, rows_2d: Rows2d | None) -> tuple[np.ndarray, Geometry]:
    """Return the canonical image of a case for display, 0-1, and its grid."""
    path = volumes_by_name(folder).get(name)
    if path is None:
        raise NoPicturesError(f"No pictures of cases: no image of {name} in {folder}.")
    try:
        image = read_volume(path, rows_2d)
        grey = to_canonical(image).array_sra
        return apply_window(grey, fit_window(grey)) ** DISPLAY_GAMMA, image.geometry
    except VolumeError as error:
        raise NoPicturesError(f"No pictures of cases: {error}") from error


def _check_folders(comparison: Comparison) -> None:
    if comparison.data.root is None:
        references = comparison.runs[0].metrics["references"]
        raise NoPicturesError(
            f"No pictures of cases: {references} is not a data set with images and masks (from this folder). "
            "Add --dataset DATASET."
        )
    absent = [run for run in comparison.runs if run.predictions is None]
    if absent:
        folder = absent[0].metrics["predictions"]
        raise NoPicturesError(
            f"No pictures of cases: the label files of {absent[0].name} are not in {folder}. Name their "
            "folder as 'predictions' of the run in a study file."
        )


def _read_labels(
    run: ScoredRun, name: str, folder: Path, image_grid: Geometry, side: str, voxel_ml: float | None = None
) -> Volume:
    """Return the labels of a case, which must be those that were scored as a run's ``side``.

    ``voxel_ml`` is what a voxel was counted as; None = as its own grid says.
    """
    path = volumes_by_name(folder).get(name)
    if path is None:
        raise _no_longer_scored(run, folder, f"{name} is missing")
    try:
        mask = read_mask(path, run.metrics.get("rows_2d"))
    except VolumeError as error:
        raise _no_longer_scored(run, folder, str(error)) from error
    scored = run.label_volumes.get(name, LabelVolumes({}, {}))
    change = volume_change(mask, getattr(scored, side), voxel_ml or _voxel_ml(mask))
    if change:
        raise _no_longer_scored(run, folder, f"{name}: {change}")
    differences = "; ".join(grid_differences(image_grid, mask.geometry))
    if differences and side == "prediction":  # scored were those on the grid of the reference, and so this
        raise _no_longer_scored(run, folder, f"{name} lies on another grid: {differences}")
    if differences:
        raise NoPicturesError(f"No pictures of cases: {path}: not on the grid of the image: {differences}")
    return mask


def _voxel_ml(mask: Volume) -> float:
    return float(np.prod(mask.geometry.spacing_xyz_mm)) / 1000


def volume_change(mask: Volume, scored_ml: Mapping[int, float], voxel_ml: float) -> str | None:
    """Return the first label whose volume is not the one that was scored, in words; None when all are.

    Args:
        mask: Labels as they are in the file now.
        scored_ml: Volume in ml of every label as it was scored.
        voxel_ml: Volume of a voxel as it was scored.
    """
    values, voxels = np.unique(mask.array_zyx[mask.array_zyx != 0], return_counts=True)
    found_ml = {int(value): float(n) * voxel_ml for value, n in zip(values, voxels, strict=True)}
    for label in sorted(found_ml.keys() | scored_ml.keys()):
        found, scored = found_ml.get(label, 0.0), scored_ml.get(label, 0.0)
        if not math.isclose(found, scored, rel_tol=VOLUME_TOLERANCE):
            return f"label {label} has {found:.6g} ml, scored were {scored:.6g} ml"
    return None


def _no_longer_scored(run: ScoredRun, folder: Path, change: str) -> NoPicturesError:
    command = evaluate_command(run.metrics, run.predictions, run.scores)
    return NoPicturesError(
        f"No pictures of cases: the files in {folder} are no longer those that were scored ({change}); "
        f"evaluate again: {command}"
    )


def _box(labels_sra: Sequence[np.ndarray], spacing_sra_mm: tuple[float, ...]) -> tuple[slice, ...]:
    """Return all slices, and in plane the box around all labels with a margin; everything without labels.

    The predictions count too: what they found far from the reference must be seen, and counted as differing.
    """
    labelled = np.any([labels > 0 for labels in labels_sra], axis=(0, 1))
    box = [slice(None)]
    for axis in (1, 2):
        there = np.flatnonzero(labelled.any(axis=2 - axis))
        margin = round(MARGIN_MM / spacing_sra_mm[axis])
        box.append(slice(max(there[0] - margin, 0), there[-1] + margin + 1) if len(there) else slice(None))
    return tuple(box)
