"""The boundary between two neighbouring vertebrae: the plane of their disc, and where bodies end behind."""

from dataclasses import dataclass

import numpy as np

from spider2d.inference.spine_frame import SpineFrame

TYPICAL_PITCH_MM = 36.0
"""Usual distance of neighbouring disc centres in the lumbar spine."""
MIN_BACKWARDS = 0.2
"""Cosine of the steepest tilt (78 degrees) of a disc plane along which the wall is looked for."""
MIN_WIDTH_MM = 8.0
"""Standard deviation across slices that every disc is taken to have at least."""


@dataclass(frozen=True)
class Boundary:
    """Where one level ends and the next begins.

    Attributes:
        centre_mm: A point (slice, row, column) of the disc plane, on the centre line of the spine.
        normal: Unit normal of the disc plane, pointing up.
        arch_up: Unit vector that replaces ``normal`` behind the bodies: the direction of the spine, which the
            arches follow better than the tilt of one endplate.
        wall_mm: Distance of the bodies' posterior wall behind ``centre_mm``, along the plane.
        height_mm: Arc length along the spine's centre line.
        disc: Whether disc voxels lie here (False: the boundary was found by the shape of the bodies alone).
    """

    centre_mm: np.ndarray
    normal: np.ndarray
    arch_up: np.ndarray
    wall_mm: float
    height_mm: float
    disc: bool

    def above_plane(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the signed distance (mm, positive upwards) of points (N, 3) from the disc plane."""
        return (points_mm - self.centre_mm.astype(points_mm.dtype)) @ self.normal.astype(points_mm.dtype)

    def behind_wall(self, points_mm: np.ndarray) -> np.ndarray:
        """Return how far (mm) points (N, 3) lie behind the bodies' posterior wall, along the plane."""
        behind = backwards(self.normal)
        offset = points_mm - self.centre_mm.astype(points_mm.dtype)
        return offset @ behind.astype(points_mm.dtype) - np.float32(self.wall_mm)


def backwards(normal: np.ndarray) -> np.ndarray:
    """Return the unit vector (3,) pointing backwards along the plane of ``normal``, within a slice."""
    direction = np.array([0.0, normal[2], -normal[1]])
    return direction / np.linalg.norm(direction)


def make_boundary(frame: SpineFrame, centre_mm: np.ndarray, normal: np.ndarray, disc: bool) -> Boundary:
    """Return the boundary through a point with a unit normal; the rest is read off ``frame``."""
    height_mm = float(frame.height_of(centre_mm[None])[0])
    _, arch_up = frame.point_at(height_mm)
    wall_mm = 20.0
    for _ in range(4):  # where the plane meets the wall; the wall is steep, so this converges quickly
        point = centre_mm + wall_mm * backwards(normal)
        wall = float(np.interp(point[1], frame.row_mm, frame.wall_mm))
        wall_mm = (wall - centre_mm[2]) / max(backwards(normal)[2], MIN_BACKWARDS)
    return Boundary(centre_mm, normal, arch_up, wall_mm, height_mm, disc)


def fit_plane(
    points_mm: np.ndarray, up: np.ndarray, up_weight_mm: float = 4.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the middle plane of a disc.

    The normal is the direction of least variance. A prior of ``up_weight_mm`` squared is added to the
    variance of every direction across ``up``, so that a disc seen in one slice or in part still gets a
    sensible plane.

    Args:
        points_mm: Disc voxels (N, 3), at least one.
        up: Expected normal, unit vector (3,).
        up_weight_mm: Strength of the expectation in mm of disc width.

    Returns:
        Centre (3,) and unit normal (3,) that points to the side of ``up``.
    """
    centre = points_mm.mean(axis=0, dtype=np.float64)
    offset = points_mm - centre
    covariance = offset.T @ offset / len(points_mm) + up_weight_mm**2 * (np.eye(3) - np.outer(up, up))
    # Seen in one or two slices only, a disc is flat across the slices too; that must not become its normal,
    # however thick a blob is within the slice.
    least_in_slice = np.linalg.eigvalsh(covariance[1:, 1:])[0]
    covariance[0, 0] = max(covariance[0, 0], MIN_WIDTH_MM**2, 2 * least_in_slice)
    normal = np.linalg.eigh(covariance)[1][:, 0]
    return centre, normal * (1.0 if normal @ up > 0 else -1.0)
