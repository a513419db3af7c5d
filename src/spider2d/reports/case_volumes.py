"""Image, reference and predictions of one case, read for its pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spider2d.data.normalise import apply_window, fit_window
from spider2d.data.volume import grid_differences, read_mask, read_volume, to_canonical, volumes_by_name
from spider2d.errors import ComparisonError
from spider2d.inference.preview import DISPLAY_GAMMA
from spider2d.reports.comparison import Comparison

MARGIN_MM = 12.0


@dataclass(frozen=True)
class CaseVolumes:
    """One case, cut to the surroundings of its structures in plane.

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


def why_no_pictures(comparison: Comparison) -> str | None:
    """Say what is missing for pictures of cases, and what to type; None when they can be drawn."""
    if comparison.data.root is None:
        references = comparison.runs[0].metrics["references"]
        return (
            f"No pictures of cases: {references} is not a data set with images and masks (from this folder). "
            "Add --dataset DATASET."
        )
    absent = [run for run in comparison.runs if run.predictions is None]
    if absent:
        folder = absent[0].metrics["predictions"]
        return (
            f"No pictures of cases: the label files of {absent[0].name} are not in {folder}. Name their "
            "folder as 'predictions' of the run in a study file."
        )
    return None


def read_case(comparison: Comparison, name: str) -> CaseVolumes:
    """Read one case.

    Raises:
        ComparisonError: A file is missing, or lies on another grid than the image.
        VolumeError: A file cannot be read.
    """
    root = comparison.data.root
    image = read_volume(_find(root / "images", name))
    grey, spacing = to_canonical(image)
    masks = {"": _find(root / "masks", name)}
    masks |= {run.name: _find(run.predictions, name) for run in comparison.runs}
    labels = {}
    for method, path in masks.items():
        mask = read_mask(path)
        differences = grid_differences(image.geometry, mask.geometry)
        if differences:
            raise ComparisonError(f"{path}: not on the grid of the image: {'; '.join(differences)}")
        labels[method] = to_canonical(mask).array_sra
    grey = apply_window(grey, fit_window(grey)) ** DISPLAY_GAMMA
    box = _box(labels[""], spacing)
    cut = {method: array[box] for method, array in labels.items()}
    reference = cut.pop("")
    return CaseVolumes(grey[box], reference, cut, spacing[1] / spacing[2])


def _find(folder: Path, name: str) -> Path:
    path = volumes_by_name(folder).get(name)
    if path is None:
        raise ComparisonError(f"{folder}: no file of case {name} in it, needed for the pictures")
    return path


def _box(labels_sra: np.ndarray, spacing_sra_mm: tuple[float, ...]) -> tuple[slice, ...]:
    """Return all slices, and in plane the box around the labels with a margin; everything without labels."""
    box = [slice(None)]
    for axis in (1, 2):
        others = tuple(a for a in range(3) if a != axis)
        there = np.flatnonzero((labels_sra > 0).any(axis=others))
        margin = round(MARGIN_MM / spacing_sra_mm[axis])
        box.append(slice(max(there[0] - margin, 0), there[-1] + margin + 1) if len(there) else slice(None))
    return tuple(box)
