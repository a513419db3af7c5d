"""Disc voxels to discs: one per peak along the spine, small false islands left out."""

import numpy as np
from scipy import ndimage, signal

from spider2d.inference.boundary import Boundary, fit_plane, make_boundary
from spider2d.inference.spine_frame import SpineFrame

MIN_DISC_DISTANCE_MM = 14.0
"""Closest centres of neighbouring discs; vertebrae in the field of view are higher than this."""
MAX_HALF_HEIGHT_MM = 12.0
"""Voxels further than this from every disc's plane belong to no disc."""
MIN_PEAK_SHARE, MIN_FOOTPRINT_SHARE = 0.06, 0.25
"""A disc has at least this share of the typical disc's area across the spine, and of its footprint."""


def find_discs(
    points_mm: np.ndarray, spacing_sra_mm: tuple[float, float, float], frame: SpineFrame
) -> tuple[np.ndarray, list[Boundary]]:
    """Group disc voxels into discs.

    Args:
        points_mm: Positions (N, 3) of the voxels of class disc; N may be 0.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        frame: Course of the spine.

    Returns:
        For every voxel the number of its disc, int8 (N,), -1 for voxels of no disc; and the discs'
        boundaries, from the bottom up.
    """
    height = frame.height_of(points_mm)
    peaks = _peak_heights(height, points_mm, spacing_sra_mm, frame)
    number = _nearest(np.abs(height[:, None] - peaks[None, :])) if len(peaks) else np.full(len(points_mm), -1)
    # First to the nearest peak along the spine, then to the nearest plane, which also holds for tilted discs.
    for _ in range(2):
        planes = [_plane_of(points_mm[number == k], frame) for k in range(len(peaks))]
        planes, number = _real_discs(planes, number, points_mm, spacing_sra_mm)
        if not planes:
            break
        number = _nearest(np.abs(np.stack([plane.above_plane(points_mm) for plane in planes], axis=1)))
        peaks = np.arange(len(planes))
    planes, number = _drop_empty(planes, number)
    order = np.argsort([plane.height_mm for plane in planes], kind="stable")
    rank = np.append(np.argsort(order, kind="stable"), -1)
    return rank[number].astype(np.int8), [planes[index] for index in order]


def _peak_heights(
    height: np.ndarray, points_mm: np.ndarray, spacing_sra_mm: tuple, frame: SpineFrame
) -> np.ndarray:
    """Return the arc lengths at which the disc class is widest across the spine."""
    column = frame.in_front_of_wall(points_mm - np.array([0, 0, 5.0], dtype=points_mm.dtype))
    if not column.any():
        return np.empty(0)
    start = np.floor(height.min()) - 10
    area = np.bincount((height[column] - start).astype(np.intp), minlength=int(np.ptp(height)) + 30).astype(
        float
    )
    area = ndimage.gaussian_filter1d(area, 2.0) * np.prod(spacing_sra_mm)
    peaks, _ = signal.find_peaks(area, distance=MIN_DISC_DISTANCE_MM)
    large = area[peaks] > 0.3 * area.max()
    peaks = peaks[area[peaks] > MIN_PEAK_SHARE * np.median(area[peaks][large])]
    return peaks + start + 0.5


def _nearest(distance: np.ndarray) -> np.ndarray:
    """Return the column of the smallest entry of each row of (N, K), -1 where all are too large."""
    nearest = distance.argmin(axis=1)
    nearest[distance[np.arange(len(distance)), nearest] > MAX_HALF_HEIGHT_MM] = -1
    return nearest


def _plane_of(points_mm: np.ndarray, frame: SpineFrame) -> Boundary | None:
    if len(points_mm) == 0:
        return None
    middle = points_mm.mean(axis=0, dtype=np.float64)
    _, up = frame.point_at(float(frame.height_of(middle[None])[0]))
    return make_boundary(frame, *fit_plane(points_mm, up), disc=True)


def _real_discs(
    planes: list, number: np.ndarray, points_mm: np.ndarray, spacing_sra_mm: tuple
) -> tuple[list[Boundary], np.ndarray]:
    """Drop candidates whose footprint (area seen along the spine) is far below the typical one."""
    footprint = np.array([_footprint(points_mm[number == k], spacing_sra_mm) for k in range(len(planes))])
    keep = footprint > MIN_FOOTPRINT_SHARE * np.median(footprint) if len(planes) else np.empty(0, bool)
    new_number = np.append(np.where(keep, np.cumsum(keep) - 1, -1), -1)
    return [plane for plane, kept in zip(planes, keep, strict=True) if kept], new_number[number]


def _drop_empty(planes: list[Boundary], number: np.ndarray) -> tuple[list[Boundary], np.ndarray]:
    """Drop discs that have lost all their voxels to their neighbours."""
    kept = np.unique(number[number >= 0])
    return [planes[k] for k in kept], np.where(number >= 0, np.searchsorted(kept, number), -1)


def _footprint(points_mm: np.ndarray, spacing_sra_mm: tuple) -> float:
    """Return the area (mm2) that points cover when seen along the rows."""
    cells = np.rint(points_mm[:, [0, 2]] / np.array(spacing_sra_mm)[[0, 2]]).astype(np.int64)
    return len(np.unique(cells[:, 0] * 100_000 + cells[:, 1])) * spacing_sra_mm[0] * spacing_sra_mm[2]
