"""Boundaries where no disc was found: fused vertebrae, discs narrowed to nothing or missed by the network.

Between two known boundaries the position along the spine is read off the two planes, so that tilted and
wedged vertebrae are cut along their own endplates. The area of the vertebra class at each position shows
where one body ends and the next begins.
"""

import numpy as np
from scipy import ndimage

from spider2d.inference.boundary import Boundary, backwards, make_boundary
from spider2d.inference.levels import BodySample
from spider2d.inference.spine_frame import SpineFrame

CUT_AT_GAP, CUT_AT_WAIST = 1.25, 0.6
"""Two boundaries are cut apart when they lie more than ``CUT_AT_GAP + CUT_AT_WAIST * waist`` pitches
from each other; waist is the narrowest place's area as a share of the bodies' usual area (0 = empty gap)."""
BODY_SHARE_OF_PITCH = 0.78
"""Height of a body as a share of the distance between discs (the rest is disc)."""
ONE_CENTRE_SPREAD, ONE_CENTRE_WAIST = 0.3, 0.5
"""Without a waist narrower than the latter nothing is cut where the predicted centres agree: where the middle
60 percent of them span less than the former share of the way (one vertebra: about 0.1, two: 0.5)."""
MIN_LEVEL_MM = 5.0
"""A cut lies at least this far inside the boundaries it is made between."""
TILTS_DEG = np.arange(-15.0, 16.0, 5.0)


def add_missing_boundaries(
    discs: list[Boundary], bodies: BodySample, frame: SpineFrame, pitch_mm: float
) -> list[Boundary]:
    """Return all boundaries from the bottom up: those of the discs and, between bodies without a disc, cuts.

    Args:
        discs: Boundaries of the discs found, from the bottom up; may be empty.
        bodies: Voxels of the vertebral bodies; may be empty.
        frame: Course of the spine.
        pitch_mm: Usual distance of neighbouring discs.
    """
    if len(bodies.points_mm) == 0:
        return discs
    margin = 0.5 * (1 - BODY_SHARE_OF_PITCH) * pitch_mm
    bottom = _end_boundary(frame, np.percentile(bodies.height_mm, 0.2) - margin)
    top = _end_boundary(frame, np.percentile(bodies.height_mm, 99.8) + margin)
    is_inner = [bottom.height_mm + margin < disc.height_mm < top.height_mm - margin for disc in discs]
    inner = [disc for disc, inside in zip(discs, is_inner, strict=True) if inside]
    outer = [disc for disc, inside in zip(discs, is_inner, strict=True) if not inside]
    known = [bottom, *inner, top]
    cuts = []
    for lower, upper in zip(known[:-1], known[1:], strict=True):
        cuts += _cut_between(lower, upper, bodies, frame, pitch_mm)
    return sorted(outer + inner + cuts, key=lambda boundary: boundary.height_mm)


def _end_boundary(frame: SpineFrame, height_mm: float) -> Boundary:
    point, up = frame.point_at(height_mm)
    return make_boundary(frame, point, up, disc=False)


def _cut_between(
    lower: Boundary, upper: Boundary, bodies: BodySample, frame: SpineFrame, pitch_mm: float
) -> list[Boundary]:
    """Cut between two boundaries as often as their distance and the narrow places ask for."""
    length = upper.height_mm - lower.height_mm
    if length < CUT_AT_GAP * pitch_mm:
        return []
    inside = (lower.above_plane(bodies.points_mm) > 0) & (upper.above_plane(bodies.points_mm) < 0)
    if not inside.any():
        return []
    share = _share_of_way(lower, upper, bodies.points_mm[inside])
    area = np.bincount((share * length).astype(np.intp), minlength=int(length) + 1) * bodies.voxel_mm3
    position, waist = _narrowest(ndimage.gaussian_filter1d(area.astype(float), 1.5), length, pitch_mm)
    if length < (CUT_AT_GAP + CUT_AT_WAIST * waist) * pitch_mm:
        return []
    if waist > ONE_CENTRE_WAIST and bodies.centres_mm is not None:
        low, high = np.percentile(_share_of_way(lower, upper, bodies.centres_mm[inside]), [20, 80])
        if high - low < ONE_CENTRE_SPREAD:
            return []
    cut = _fit_cut(lower, upper, position / length, bodies.points_mm[inside], frame)
    if not lower.height_mm + MIN_LEVEL_MM < cut.height_mm < upper.height_mm - MIN_LEVEL_MM:
        return []  # in scattered voxels the plane of least bone may lie anywhere; without this it never ends
    return [
        *_cut_between(lower, cut, bodies, frame, pitch_mm),
        cut,
        *_cut_between(cut, upper, bodies, frame, pitch_mm),
    ]


def _share_of_way(lower: Boundary, upper: Boundary, points_mm: np.ndarray) -> np.ndarray:
    """Return how far on the way from the lower to the upper plane points (N, 3) lie: 0 to 1 between them."""
    below, above = lower.above_plane(points_mm), upper.above_plane(points_mm)
    length = below - above
    return below / np.where(np.abs(length) < MIN_LEVEL_MM, MIN_LEVEL_MM, length)


def _narrowest(area: np.ndarray, length: float, pitch_mm: float) -> tuple[float, float]:
    """Return the position (mm) of the best cut and its waist (see ``CUT_AT_GAP``).

    A place is judged by its area relative to the bodies beside it and by how well the pitch fits there.
    """
    position = np.arange(len(area)) + 0.5
    allowed = (position > 0.45 * pitch_mm) & (position < length - 0.45 * pitch_mm)
    usual = np.median(area[area > 0.1 * area.max()])
    pieces = max(2, round(length / pitch_mm))
    expected = np.arange(1, pieces) * length / pieces
    miss = np.abs(position[:, None] - expected[None, :]).min(axis=1) / pitch_mm
    badness = np.where(allowed, area / usual + miss, np.inf)
    best = int(badness.argmin())
    return position[best], float(min(area[best] / usual, 1.0))


def _fit_cut(
    lower: Boundary, upper: Boundary, share: float, points_mm: np.ndarray, frame: SpineFrame
) -> Boundary:
    """Return the plane near ``share`` of the way between two boundaries that crosses the least bone."""
    normal = (1 - share) * lower.normal + share * upper.normal
    normal /= np.linalg.norm(normal)
    height = lower.height_mm + share * (upper.height_mm - lower.height_mm)
    centre, _ = frame.point_at(height)
    best = (np.inf, centre, normal)
    for tilt in np.deg2rad(sorted(TILTS_DEG, key=abs)):
        tilted = np.cos(tilt) * normal + np.sin(tilt) * backwards(normal)
        offset = (points_mm - centre.astype(points_mm.dtype)) @ tilted.astype(points_mm.dtype)
        near = offset[np.abs(offset) < 8]
        count = np.histogram(near, bins=32, range=(-8, 8))[0].astype(float)
        count = ndimage.gaussian_filter1d(count, 2.0) + 0.02 * count.sum() / 32 * np.abs(np.arange(32) - 15.5)
        index = int(count.argmin())
        cost = count[index] * (1 + abs(tilt))
        if cost < best[0]:
            best = (cost, centre + ((index + 0.5) * 0.5 - 8) * tilted, tilted)
    return make_boundary(frame, best[1], best[2], disc=False)
