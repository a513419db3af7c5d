"""Boundaries where no disc was found: fused vertebrae, discs narrowed to nothing or missed by the network.

Between two known boundaries the position along the spine is read off the two planes, so that tilted and
wedged vertebrae are cut along their own endplates. The area of the vertebra class at each position shows
where one body ends and the next begins.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from spider2d.inference.boundary import TYPICAL_PITCH_MM, Boundary, backwards, make_boundary
from spider2d.inference.spine_frame import SpineFrame

MAX_SAMPLE = 60_000
"""Body voxels used to find cuts; more would not move a cut."""
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
MIDDLE_MM, NEAR_MM = 8.0, 15.0
"""The posterior wall is read off bodies this close to the middle and to the boundary."""
TILTS_DEG = np.arange(-15.0, 16.0, 5.0)


@dataclass(frozen=True)
class Levels:
    """The levels between the boundaries of a spine, from the bottom up (L levels, L - 1 boundaries).

    Attributes:
        volume_mm3: Volume of the body in each, (L,); 0 where there is none.
        reach_mm: How far it extends from the boundary below it (the lowest: from the one above it), (L,).
        gap_mm: How far below the boundary above it begins, (L,); 0 for the topmost and without a body.
        height_mm: Arc length of each boundary along the spine, (L - 1,).
        is_disc: Whether there is a disc at each boundary, (L - 1,).
        pitch_mm: Usual distance of neighbouring discs.
    """

    volume_mm3: np.ndarray
    reach_mm: np.ndarray
    gap_mm: np.ndarray
    height_mm: np.ndarray
    is_disc: list[bool]
    pitch_mm: float


@dataclass(frozen=True)
class BodySample:
    """Voxels of the vertebra class in front of the posterior wall.

    Attributes:
        points_mm: Positions (N, 3), evenly thinned out.
        height_mm: Arc length of each along the spine, (N,).
        voxel_mm3: Volume each stands for.
        slice_mm: Thickness of a slice.
        centres_mm: The centre of its vertebra as the network predicts it for each, (N, 3), or None.
    """

    points_mm: np.ndarray
    height_mm: np.ndarray
    voxel_mm3: float
    slice_mm: float
    centres_mm: np.ndarray | None = None


def sample_bodies(
    points_mm: np.ndarray,
    spacing_sra_mm: tuple,
    frame: SpineFrame,
    offsets_rc_mm: np.ndarray | None = None,
) -> BodySample:
    """Return the body voxels among the vertebra voxels.

    Args:
        points_mm: Positions (N, 3) of the class vertebra; N may be 0.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        frame: Course of the spine.
        offsets_rc_mm: Predicted vector (row, column) from each of them to its vertebra's centre, (N, 2).
    """
    index = np.flatnonzero(frame.in_front_of_wall(points_mm))
    step = 1 + len(index) // MAX_SAMPLE
    index = index[::step]
    body = points_mm[index]
    centres = None
    if offsets_rc_mm is not None:
        centres = body + np.pad(offsets_rc_mm[index], ((0, 0), (1, 0)))
    voxel_mm3 = float(np.prod(spacing_sra_mm)) * step
    return BodySample(body, frame.height_of(body), voxel_mm3, spacing_sra_mm[0], centres)


def estimate_pitch(boundaries: list[Boundary], bodies: BodySample) -> float:
    """Return the usual distance (mm) between neighbouring discs.

    Distances that would be two vertebrae by the depth of the bodies do not count; without any, the pitch is
    taken from the depth alone (a lumbar body with its disc is about as high as the body is deep).
    """
    depth = np.clip(_body_depth(bodies), 25.0, 45.0)
    distance = np.diff([boundary.height_mm for boundary in boundaries])
    single = distance[(distance > 0.6 * depth) & (distance < 1.5 * depth)]
    return float(np.median(single)) if len(single) else float(1.05 * depth)


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


def place_walls(boundaries: list[Boundary], bodies: BodySample, frame: SpineFrame) -> list[Boundary]:
    """Return the boundaries with the posterior wall taken from the bodies themselves, where there are any.

    The canal's front, which the boundaries start from, lies some mm behind the bodies.
    """
    lateral = bodies.points_mm[:, 0] - np.interp(
        bodies.points_mm[:, 1], frame.row_mm, frame.centre_sc_mm[:, 0]
    )
    middle = bodies.points_mm[np.abs(lateral) <= max(MIDDLE_MM, bodies.slice_mm)]
    placed = []
    for boundary in boundaries:
        above = boundary.above_plane(middle)
        walls = [
            boundary.wall_mm + float(np.percentile(boundary.behind_wall(middle[near]), 98))
            for near in ((above > 0) & (above < NEAR_MM), (above < 0) & (above > -NEAR_MM))
            if np.count_nonzero(near) > 10
        ]
        # The mean of both bodies, for a slipped vertebra takes its joints along.
        placed.append(replace(boundary, wall_mm=float(np.mean(walls))) if walls else boundary)
    return placed


def measure_levels(boundaries: list[Boundary], bodies: BodySample, pitch_mm: float) -> Levels:
    """Measure the bodies by level.

    Args:
        boundaries: From the bottom up; may be empty (one level then).
        bodies: Voxels of the vertebral bodies; may be empty.
        pitch_mm: Usual distance of neighbouring discs.
    """
    n_levels = len(boundaries) + 1
    above = np.array([boundary.above_plane(bodies.points_mm) for boundary in boundaries])
    level = (above > 0).sum(axis=0, dtype=np.intp) if boundaries else np.zeros(len(bodies.points_mm), np.intp)
    volume = np.bincount(level, minlength=n_levels) * bodies.voxel_mm3
    reach, gap = np.zeros(n_levels), np.zeros(n_levels)
    for index in np.flatnonzero(volume) if boundaries else []:
        reach[index] = np.percentile(np.abs(above[max(index - 1, 0), level == index]), 97)
        if index < len(boundaries):
            gap[index] = np.percentile(-above[index, level == index], 3)
    height = np.array([boundary.height_mm for boundary in boundaries])
    return Levels(volume, reach, gap, height, [boundary.disc for boundary in boundaries], pitch_mm)


def _end_boundary(frame: SpineFrame, height_mm: float) -> Boundary:
    point, up = frame.point_at(height_mm)
    return make_boundary(frame, point, up, disc=False)


def _body_depth(bodies: BodySample) -> float:
    """Return the usual front-to-back depth (mm) of the bodies."""
    if len(bodies.points_mm) == 0:
        return TYPICAL_PITCH_MM
    bins = (bodies.height_mm - bodies.height_mm.min()).astype(np.intp) // 4
    columns = bodies.points_mm[:, 2]
    front = ndimage.minimum(columns, bins, np.unique(bins))
    back = ndimage.maximum(columns, bins, np.unique(bins))
    return float(np.median(back - front))


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
