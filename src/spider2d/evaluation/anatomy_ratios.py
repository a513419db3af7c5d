"""Proportions of the lumbar spine on a mid-sagittal label slice, to hold phantoms against real patients.

Ratios alone are measured, for the pixel size of real pictures is not always as stated.
"""

from dataclasses import astuple, dataclass, fields

import cc3d
import numpy as np

from spider2d.labels import CANAL_LABEL, disc_below

LUMBAR = range(1, 6)
MIN_BODY_MM2, MIN_DISC_MM2 = 300.0, 60.0
"""What is smaller is cut by the edge of the slice, or beside the midline, and is not measured."""
EXTENT_PERCENTILES = 2.5, 97.5
"""The ends of a structure's depth: its outermost pixels say little."""
PERCENTILES = 5, 25, 50, 75, 95


@dataclass(frozen=True)
class PairRatios:
    """Proportions of a vertebra, the one below and what lies between; of the bodies the mean of the two."""

    disc_height_to_body_height: float
    canal_depth_to_body_depth: float
    body_height_to_body_depth: float
    disc_depth_to_body_depth: float
    area_behind_canal_to_body: float
    """Of the upper vertebra: all pieces but its largest, which is the body."""


@dataclass(frozen=True)
class Body:
    """The largest piece of a vertebra: its pixels (N, 2) in mm, its area, and that of its other pieces."""

    points_mm: np.ndarray
    area_mm2: float
    other_mm2: float


def find_body(labels_ra: np.ndarray, label: int, spacing_ra_mm: np.ndarray) -> Body | None:
    """Return the body of a vertebra, None where less than ``MIN_BODY_MM2`` of it shows."""
    pieces = cc3d.connected_components((labels_ra == label).astype(np.uint8), connectivity=8)
    areas_mm2 = np.bincount(pieces.ravel())[1:] * np.prod(spacing_ra_mm)
    if not len(areas_mm2) or areas_mm2.max() < MIN_BODY_MM2:
        return None
    points_mm = np.argwhere(pieces == areas_mm2.argmax() + 1) * spacing_ra_mm
    return Body(points_mm, float(areas_mm2.max()), float(areas_mm2.sum() - areas_mm2.max()))


def extent_mm(points_mm: np.ndarray, direction: np.ndarray, spacing_ra_mm: np.ndarray) -> float:
    """Return how far pixels (N, 2) reach along a unit vector: between percentiles, stretched to the whole."""
    low, high = np.percentile(points_mm @ direction, EXTENT_PERCENTILES)
    share = (EXTENT_PERCENTILES[1] - EXTENT_PERCENTILES[0]) / 100
    return float((high - low) / share + np.abs(direction) @ spacing_ra_mm)


def measure_pairs(labels_ra: np.ndarray, spacing_ra_mm: tuple[float, float]) -> list[PairRatios]:
    """Return the proportions of every pair of neighbours among the five lowest vertebrae of a slice.

    Depth is measured across the line from one body's centre to the other's, height is area over depth, and
    the canal counts between the two centres.

    Args:
        labels_ra: SPIDER labels (row, column) of the slice, 1 the lowest vertebra.
        spacing_ra_mm: Pixel size in mm.

    Returns:
        One entry for each pair of which both bodies, the disc between them and some canal show.
    """
    spacing = np.array(spacing_ra_mm, float)
    bodies = {label: find_body(labels_ra, label, spacing) for label in LUMBAR}
    canal_mm = np.argwhere(labels_ra == CANAL_LABEL) * spacing
    pairs = []
    for label in LUMBAR[1:]:
        upper, lower = bodies[label], bodies[label - 1]
        disc_mm = np.argwhere(labels_ra == disc_below(label)) * spacing
        if upper and lower and len(canal_mm) and len(disc_mm) * spacing.prod() >= MIN_DISC_MM2:
            pairs.append(_measure_pair(upper, lower, disc_mm, canal_mm, spacing))
    return pairs


def _measure_pair(
    upper: Body, lower: Body, disc_mm: np.ndarray, canal_mm: np.ndarray, spacing: np.ndarray
) -> PairRatios:
    start = lower.points_mm.mean(0)
    axis = upper.points_mm.mean(0) - start
    length_mm = float(np.linalg.norm(axis))
    axis /= length_mm
    across = np.array([-axis[1], axis[0]])
    depths_mm = [extent_mm(body.points_mm, across, spacing) for body in (upper, lower)]
    depth_mm = sum(depths_mm) / 2
    height_mm = (upper.area_mm2 / depths_mm[0] + lower.area_mm2 / depths_mm[1]) / 2
    disc_depth_mm = extent_mm(disc_mm, across, spacing)
    along_mm = (canal_mm - start) @ axis
    canal_mm2 = ((along_mm > 0) & (along_mm < length_mm)).sum() * spacing.prod()
    return PairRatios(
        disc_height_to_body_height=len(disc_mm) * spacing.prod() / disc_depth_mm / height_mm,
        canal_depth_to_body_depth=canal_mm2 / length_mm / depth_mm,
        body_height_to_body_depth=height_mm / depth_mm,
        disc_depth_to_body_depth=disc_depth_mm / depth_mm,
        area_behind_canal_to_body=upper.other_mm2 / upper.area_mm2,
    )


def describe_pairs(pairs: list[PairRatios]) -> list[str]:
    """Return one line per ratio with its percentiles (``PERCENTILES``) over pairs; none without pairs."""
    if not pairs:
        return []
    percentiles = np.percentile([astuple(pair) for pair in pairs], PERCENTILES, axis=0)
    return [
        f"  {field.name.replace('_', ' '):<28} {'  '.join(f'{value:.3f}' for value in values)}"
        for field, values in zip(fields(PairRatios), percentiles.T, strict=True)
    ]
