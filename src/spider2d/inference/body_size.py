"""How far apart the discs of a slice are and how deep its bodies, and what that tells of the header.

Adults differ by a third in these, wrong headers by more. A network trained on a wide range of magnifications
reads both well enough for this even where the header states twice the size.
"""

from typing import NamedTuple

import numpy as np

from spider2d.inference.boundary import TYPICAL_PITCH_MM
from spider2d.inference.discs import find_discs
from spider2d.inference.levels import body_depth_mm, sample_bodies
from spider2d.inference.spine_frame import fit_spine
from spider2d.labels import DISC, VERTEBRA

LARGE_SHARE, MIN_DISCS, N_DISTANCES = 0.5, 4, 5
"""Discs count from this share of the area of the typical one on: in bodies that look far too tall small ones
are found that are none. From this many on they tell a distance, the median of the lowest few."""
POSSIBLE_DISTANCE_MM, MAX_DEPTH_MM = (20.0, 55.0), 48.0
"""Beyond these distances of discs and this depth of bodies no header is true (usual ones:
``plausibility.DISC_DISTANCE_MM``)."""
USUAL_DEPTH_MM = 30.0
"""Rows and columns are taken for as wrong as each other where that brings both sizes nearer to the usual."""


class BodySize(NamedTuple):
    """Distance of neighbouring discs along the spine and depth of the bodies from front to back, in mm."""

    disc_distance_mm: float
    body_depth_mm: float


def measure_bodies(classes_rc: np.ndarray, pixel_mm: float, slice_mm: float) -> BodySize | None:
    """Measure the bodies of one slice.

    Args:
        classes_rc: Classes 0-3 (R, A), rows from the head down, columns from the front backwards.
        pixel_mm: Size of a pixel.
        slice_mm: Thickness of the slice.

    Returns:
        The usual sizes; None where too few discs, or no bodies, are found.
    """
    spacing_sra_mm = (slice_mm, pixel_mm, pixel_mm)
    classes_sra = np.pad(classes_rc[None], 1)
    disc_mm, bone_mm = (
        np.argwhere(classes_sra == value).astype(np.float32) * np.float32(spacing_sra_mm)
        for value in (DISC, VERTEBRA)
    )
    if not (len(disc_mm) and len(bone_mm)):
        return None
    frame = fit_spine(classes_sra, spacing_sra_mm)
    bodies = sample_bodies(bone_mm, spacing_sra_mm, frame)
    number, discs = find_discs(disc_mm, spacing_sra_mm, frame)
    if len(discs) < MIN_DISCS or len(bodies.points_mm) == 0:
        return None
    area = np.bincount(number[number >= 0], minlength=len(discs))
    is_large = area > LARGE_SHARE * np.median(np.sort(area)[-N_DISTANCES:])
    if np.count_nonzero(is_large) < MIN_DISCS:
        return None
    height_mm = np.array([disc.height_mm for disc in discs])[is_large]
    return BodySize(float(np.median(np.diff(height_mm)[:N_DISTANCES])), body_depth_mm(bodies))


def true_size_factors(size: BodySize | None) -> list[tuple[float, float]]:
    """Return what rows and columns need to be multiplied by for bodies of usual size.

    Nothing, an empty list, unless the distance of the discs or the depth of the bodies cannot be true; one
    pair of factors otherwise.
    """
    low_mm, high_mm = POSSIBLE_DISTANCE_MM
    if size is None:
        return []
    if not low_mm <= size.disc_distance_mm <= high_mm:
        factor = TYPICAL_PITCH_MM / size.disc_distance_mm
        return [(factor, _if_nearer(factor, size.body_depth_mm, USUAL_DEPTH_MM))]
    if size.body_depth_mm > MAX_DEPTH_MM:
        factor = USUAL_DEPTH_MM / size.body_depth_mm
        return [(_if_nearer(factor, size.disc_distance_mm, TYPICAL_PITCH_MM), factor)]
    return []


def _if_nearer(factor: float, size_mm: float, usual_mm: float) -> float:
    """Return a factor where it brings a size nearer to the usual one (as a ratio), else 1."""
    half_way_mm = size_mm * factor**0.5
    return factor if (half_way_mm > usual_mm) == (factor < 1) else 1.0
