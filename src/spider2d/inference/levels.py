"""The vertebral bodies along the spine: their usual distance, their posterior wall, and each level's size."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from spider2d.inference.boundary import TYPICAL_PITCH_MM, Boundary
from spider2d.inference.spine_frame import SpineFrame

MAX_SAMPLE = 60_000
"""Body voxels used to find cuts; more would not move a cut."""
MIDDLE_MM, NEAR_MM = 8.0, 15.0
"""The posterior wall is read off bodies this close to the middle and to the boundary."""


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
    depth = np.clip(body_depth_mm(bodies), 25.0, 45.0)
    distance = np.diff([boundary.height_mm for boundary in boundaries])
    single = distance[(distance > 0.6 * depth) & (distance < 1.5 * depth)]
    return float(np.median(single)) if len(single) else float(1.05 * depth)


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


def body_depth_mm(bodies: BodySample) -> float:
    """Return the usual front-to-back depth (mm) of the bodies."""
    if len(bodies.points_mm) == 0:
        return TYPICAL_PITCH_MM
    bins = (bodies.height_mm - bodies.height_mm.min()).astype(np.intp) // 4
    columns = bodies.points_mm[:, 2]
    front = ndimage.minimum(columns, bins, np.unique(bins))
    back = ndimage.maximum(columns, bins, np.unique(bins))
    return float(np.median(back - front))
