"""Where the grid lies over the patient, what of it was measured, and which structures count as visible."""

import cc3d
import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

MAX_MEASURED_MM = 348.0
"""SPIDER's annotations lie inside a centred window of 352 mm along the rows; longer grids are padded."""
MIN_VERTEBRAE, MAX_VERTEBRAE = 5, 9
MIN_VISIBLE_SHARE = 0.45
"""Share of a body's height that must be visible for the vertebra to be labelled."""


def place_grid(
    anatomy: Anatomy,
    shape_sra: tuple[int, int, int],
    spacing_sra_mm: tuple[float, float, float],
    rng: np.random.Generator,
) -> Grid:
    """Return a grid over the spine whose measured upper edge suits the anatomy.

    The lower edge lies below S1. The upper edge is moved to the nearest place where it runs through a disc,
    or through the upper third of a body if the patient's top vertebra is to be cut.
    """
    extent = np.multiply(shape_sra, spacing_sra_mm)
    measured = min(extent[1], MAX_MEASURED_MM)
    cut = rng.uniform(0.12, 0.42) if anatomy.disease.cut_top else -0.1
    edges = [
        v.frame.world((0, -v.body.half_height * (1 - 2 * cut), 0))[1]
        for v in anatomy.vertebrae[MIN_VERTEBRAE - 1 : MAX_VERTEBRAE]
    ]
    wanted_top = min(rng.uniform(50, 85), 0.3 * measured) - measured
    top = min(edges, key=lambda edge: abs(edge - wanted_top)) - (extent[1] - measured) / 2
    levels = np.linspace(top + extent[1] * 0.1, top + extent[1] * 0.9, 20)
    rear = anatomy.midline.at("rear_mm", levels)
    column = (rear.min() + rear.max()) / 2 + rng.uniform(-12, 8)
    right = np.mean([v.frame.centre[0] for v in anatomy.vertebrae[:6]]) + rng.normal(0, 1.0)
    start = np.array([right - extent[0] / 2, top, column - 0.52 * extent[2]])
    return Grid(shape_sra, spacing_sra_mm, tuple((start + np.divide(spacing_sra_mm, 2)).tolist()))


def sample_padding(
    rng: np.random.Generator, shape_sra: tuple[int, int, int], spacing_sra_mm: tuple[float, float, float]
) -> np.ndarray:
    """Return a boolean array: outside the block that was measured.

    The block is at most ``MAX_MEASURED_MM`` long and, in half of the series, turned by a few degrees against
    the grid, as in images that were resampled to another orientation.
    """
    half = np.multiply(shape_sra, spacing_sra_mm) / 2
    place = np.ix_(
        *(
            (np.arange(n, dtype=np.float32) + 0.5) * s - h
            for n, s, h in zip(shape_sra, spacing_sra_mm, half, strict=True)
        )
    )
    sagittal, axial = np.deg2rad(rng.normal(0, (1.5, 1.0))) if rng.random() < 0.5 else (0.0, 0.0)
    row = place[1] + np.float32(sagittal) * place[2]
    column = place[2] - np.float32(sagittal) * place[1] + np.float32(axial) * place[0]
    limit = min(half[1], MAX_MEASURED_MM / 2)
    return (np.abs(row) > limit) | (np.abs(column) > half[2])


def visible_labels(anatomy: Anatomy, labels: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the labels of the vertebrae whose body is visible, their discs and the canal, one piece each.

    What is left of a vertebra whose body lies above the field of view is background, as in SPIDER.
    """
    shown = [CANAL_LABEL]
    rows = np.flatnonzero(labels.any(axis=(0, 2)))
    top = grid.coordinates(1)[rows[0] if len(rows) else 0]
    for vertebra in anatomy.vertebrae:
        share = MIN_VISIBLE_SHARE - 0.5
        edge = vertebra.frame.world((0, -2 * share * vertebra.body.half_height, 0))[1]
        if edge > top:
            shown += [vertebra.label, DISC_OFFSET + vertebra.label]
    return keep_largest_pieces(np.where(np.isin(labels, shown), labels, np.uint8(0)))


def keep_largest_pieces(labels: np.ndarray) -> np.ndarray:
    """Return the labels (uint8) reduced to the largest 26-connected piece of each."""
    pieces = cc3d.connected_components(labels, connectivity=26)
    sizes = np.bincount(pieces.ravel())
    value = np.zeros(len(sizes), np.uint8)
    value[pieces.ravel()] = labels.ravel()
    keep = np.zeros(len(sizes), np.uint8)
    for label in np.unique(value[1:]):
        candidates = np.flatnonzero(value == label)
        keep[candidates[np.argmax(sizes[candidates])]] = label
    return keep[pieces]
