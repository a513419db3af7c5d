"""The integrity report of a data set: what is missing, contradictory or unusual, series by series.

An error makes a series unusable or wrong for training and scoring; a warning is worth a look.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

import cc3d
import numpy as np

from spider2d.atomic_write import replacing
from spider2d.data.parallel import run_parallel
from spider2d.data.spider_files import Series, SpiderDataset
from spider2d.data.spider_tables import GRADINGS_NAME, OverviewRow, read_gradings
from spider2d.data.splits import split_series
from spider2d.data.volume import Volume, grid_differences, labels_of, read_volume, to_canonical, volume_name
from spider2d.errors import DatasetError, VolumeError
from spider2d.labels import (
    CANAL,
    DISC,
    DISC_OFFSET,
    PARTIAL_VERTEBRA_OFFSET,
    VERTEBRA,
    class_of_label,
    unknown_labels,
)

WINDOW_RC_MM = (352.0, 256.0)
"""Height and width of the centred window that holds every annotation of SPIDER."""

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """One thing to know about a series; ``kind`` groups findings of the same nature."""

    series: str
    severity: Literal["error", "warning"]
    kind: str
    message: str


def check_dataset(dataset: SpiderDataset, workers: int = 1) -> list[Finding]:
    """Check the folder, then read and check every series.

    Args:
        dataset: The data set.
        workers: Number of processes.

    Returns:
        The findings, those of the folder first, then by series in the order of the data set.
    """
    pairs = [(series, dataset.overview.get(series.name)) for series in dataset.series]
    found = dict(run_parallel(_check_pair, pairs, workers, "checking"))
    return _folder_findings(dataset) + [finding for pair in pairs for finding in found[pair]]


def _check_pair(pair: tuple[Series, OverviewRow | None]) -> list[Finding]:
    return check_series(*pair)


def check_series(series: Series, row: OverviewRow | None = None) -> list[Finding]:
    """Read an image and its mask and return what is wrong with them; an empty list when nothing is.

    Args:
        series: The series; without a mask only the image is checked.
        row: Its row of the overview, to compare the number of structures.
    """
    image, findings = _read(series, series.image_path, "unreadable_image")
    if image is not None and not image.directions_stated:
        message = f"{series.image_path} does not say how its axes lie in the patient: ITK guesses"
        findings.append(Finding(series.name, WARNING, "no_directions", message))
    if series.mask_path is None:
        return findings
    mask, mask_findings = _read(series, series.mask_path, "unreadable_mask")
    findings += mask_findings
    if mask is None:
        return findings
    if image is not None:
        findings += _grid_findings(series, image, mask)
    try:
        labels = labels_of(mask, str(series.mask_path))
    except VolumeError as error:
        return [*findings, Finding(series.name, ERROR, "mask_not_integer", str(error))]
    return [*findings, *(Finding(series.name, *finding) for finding in _label_findings(labels, row))]


def _read(series: Series, path: Path, kind: str) -> tuple[Volume | None, list[Finding]]:
    try:
        return read_volume(path), []
    except VolumeError as error:
        return None, [Finding(series.name, ERROR, kind, str(error))]


def _grid_findings(series: Series, image: Volume, mask: Volume) -> list[Finding]:
    differences = "; ".join(grid_differences(image.geometry, mask.geometry))
    if not differences:
        return []
    message = f"image and mask lie on different grids: {differences}"
    return [Finding(series.name, ERROR, "grid_differs", message)]


LabelFinding = tuple[str, str, str]
"""Severity, kind and message of a finding about a mask."""


def _label_findings(mask: Volume, row: OverviewRow | None) -> Iterator[LabelFinding]:
    array_sra, spacing_sra_mm = to_canonical(mask)
    values = [int(value) for value in np.unique(array_sra) if value != 0]
    if not values:
        yield ERROR, "empty_mask", "the mask holds background only"
        return
    unknown = unknown_labels(np.array(values))
    if unknown:
        yield ERROR, "unknown_labels", f"label values that SPIDER does not define: {_listed(unknown)}"
    yield from _number_findings(values, row)
    yield from _piece_findings(mask.array_zyx)
    yield from _window_findings(array_sra != 0, spacing_sra_mm)


def _number_findings(values: list[int], row: OverviewRow | None) -> Iterator[LabelFinding]:
    """Check which vertebrae and discs are there, by their numbers from the bottom."""
    classes = {value: class_of_label(value) for value in values}
    vertebrae = {value % PARTIAL_VERTEBRA_OFFSET for value in values if classes[value] == VERTEBRA}
    discs = {value - DISC_OFFSET for value in values if classes[value] == DISC}
    if CANAL not in classes.values():
        yield WARNING, "no_canal", "no spinal canal"
    for name, numbers in (("vertebra", vertebrae), ("disc", discs)):
        missing = set(range(1, max(numbers, default=0))) - numbers
        if missing:
            yield WARNING, "label_gap", f"{name} {_listed(missing)} missing below {name} {max(numbers)}"
    if discs - vertebrae:
        lonely = _listed(DISC_OFFSET + number for number in discs - vertebrae)
        yield WARNING, "disc_without_vertebra", f"disc {lonely} without the vertebra above it"
    if row is not None:
        yield from _count_findings("vertebrae", len(vertebrae), row.n_vertebrae)
        yield from _count_findings("discs", len(discs), row.n_discs)


def _count_findings(name: str, in_mask: int, in_table: int | None) -> Iterator[LabelFinding]:
    if in_table is not None and in_table != in_mask:
        yield WARNING, "count_differs", f"{in_mask} {name} in the mask, {in_table} in overview.csv"


def _piece_findings(labels_zyx: np.ndarray) -> Iterator[LabelFinding]:
    """Report structures in several pieces; voxels that touch by a face, edge or corner are one piece."""
    pieces_zyx = cc3d.connected_components(labels_zyx, connectivity=26)
    foreground = pieces_zyx > 0
    piece_of_voxel = pieces_zyx[foreground]
    sizes = np.bincount(piece_of_voxel)
    label_of_piece = np.zeros(len(sizes), dtype=np.int64)
    label_of_piece[piece_of_voxel] = labels_zyx[foreground]
    for label, n_pieces in sorted(Counter(label_of_piece[1:].tolist()).items()):
        if n_pieces > 1:
            voxels = sorted(sizes[label_of_piece == label].tolist(), reverse=True)
            message = f"label {label} in {n_pieces} pieces of {_listed(voxels, in_order=True)} voxels"
            yield WARNING, "several_pieces", message


def _window_findings(foreground_sra: np.ndarray, spacing_sra_mm: tuple[float, ...]) -> Iterator[LabelFinding]:
    for axis, name, window_mm in ((1, "height", WINDOW_RC_MM[0]), (2, "width", WINDOW_RC_MM[1])):
        others = tuple({0, 1, 2} - {axis})
        occupied = np.flatnonzero(foreground_sra.any(axis=others))
        centre = (foreground_sra.shape[axis] - 1) / 2
        reach_mm = (np.abs(occupied - centre).max() + 0.5) * spacing_sra_mm[axis]
        if reach_mm > window_mm / 2:
            message = (
                f"structures reach {reach_mm:.1f} mm from the middle, the window's {name} is {window_mm:g} mm"
            )
            yield WARNING, "outside_window", message


def _folder_findings(dataset: SpiderDataset) -> list[Finding]:
    names = {series.name for series in dataset.series}
    findings = [
        Finding(volume_name(path), ERROR, "missing_image", f"{path} has no image of the same name")
        for path in dataset.masks_without_image
    ]
    try:
        if (dataset.root / GRADINGS_NAME).is_file():
            read_gradings(dataset.root / GRADINGS_NAME)
    except DatasetError as error:
        findings.append(Finding(GRADINGS_NAME, WARNING, "gradings_unreadable", str(error)))
    try:
        split_series(dataset)
    except DatasetError as error:
        findings.append(Finding("overview.csv", ERROR, "split", str(error)))
    for series in dataset.series:
        if series.mask_path is None:
            message = f"{series.image_path} has no mask of the same name"
            findings.append(Finding(series.name, WARNING, "missing_mask", message))
        if dataset.overview and series.name not in dataset.overview:
            findings.append(Finding(series.name, WARNING, "not_in_overview", "no row in overview.csv"))
    without_image = [name for name in dataset.overview if name not in names]
    message = "a row in overview.csv, but no image"
    return findings + [Finding(name, WARNING, "missing_file", message) for name in without_image]


def _listed(numbers: Iterable[int], in_order: bool = False, at_most: int = 8) -> str:
    numbers = list(numbers) if in_order else sorted(numbers)
    more = f" and {len(numbers) - at_most} more" if len(numbers) > at_most else ""
    return ", ".join(map(str, numbers[:at_most])) + more


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Write findings as CSV, one row each, columns named as the fields of ``Finding``."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Finding))
        writer.writerows(astuple(finding) for finding in findings)
