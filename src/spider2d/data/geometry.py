"""The grid of a volume in the patient: which array axis runs where, and when two grids are the same.

World coordinates are ITK's LPS millimetres: x towards the patient's Left, y Posterior, z Superior.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Literal, NamedTuple

import numpy as np

from spider2d.errors import VolumeError

Rows2d = Literal["superior-first", "inferior-first"]

GRID_TOLERANCE = 1e-3
"""Largest difference (mm; unitless for directions) at which two grids are the same: NIfTI stores float32."""
MAX_ANISOTROPY = 2.0
"""Above this ratio of largest to second largest spacing the thick axis is taken for the slice axis."""

# World axis and sense of each canonical axis: slice L -> R is -x, row S -> I is -z, column A -> P is +y.
_CANONICAL_WORLD_AXIS = (0, 2, 1)
_CANONICAL_SENSE = (-1, -1, 1)
_PLANE_NAMES = ("a sagittal", "a coronal", "an axial")


class Grid2d(NamedTuple):
    """Origin (x, y) in mm and row-major 2 x 2 direction of a 2D image that was promoted to one slice."""

    origin_xy_mm: tuple[float, ...]
    direction: tuple[float, ...]


@dataclass(frozen=True)
class Geometry:
    """The sampling grid of a volume.

    Attributes:
        size_xyz: Number of voxels per axis, in the order of ITK (the reverse of the array's shape).
        spacing_xyz_mm: Voxel spacing in mm, same order.
        origin_xyz_mm: LPS position of the centre of voxel (0, 0, 0), in mm.
        direction: Row-major 3 x 3 matrix; column k is the LPS unit vector of index axis k.
        source_2d: The grid of the 2D image this one-slice volume was made from; None for a 3D file.
    """

    size_xyz: tuple[int, int, int]
    spacing_xyz_mm: tuple[float, float, float]
    origin_xyz_mm: tuple[float, float, float]
    direction: tuple[float, ...]
    source_2d: Grid2d | None = None

    @property
    def spacing_sra_mm(self) -> tuple[float, float, float]:
        """Spacing in mm along the canonical axes (slice, row, column)."""
        slice_axis, row_axis, column_axis = self.orientation.axes_xyz
        spacing = self.spacing_xyz_mm
        return spacing[slice_axis], spacing[row_axis], spacing[column_axis]

    @property
    def shape_sra(self) -> tuple[int, int, int]:
        """Number of voxels along the canonical axes (slice, row, column)."""
        slice_axis, row_axis, column_axis = self.orientation.axes_xyz
        return self.size_xyz[slice_axis], self.size_xyz[row_axis], self.size_xyz[column_axis]

    @property
    def orientation(self) -> "Orientation":
        """Which index axis is the slice, row and column axis, and which of them run backwards."""
        return find_orientation(self.direction)


class Orientation(NamedTuple):
    """How stored axes map to the canonical ones (slice L-R, row S-I, column A-P).

    Attributes:
        axes_xyz: For each canonical axis the ITK index axis (0 = x) that runs along it.
        flips: For each canonical axis True where the stored axis runs the other way.
    """

    axes_xyz: tuple[int, int, int]
    flips: tuple[bool, bool, bool]


def find_orientation(direction: tuple[float, ...]) -> Orientation:
    """Return the axis permutation and flips that bring a grid closest to the canonical axes.

    The permutation is the one with the largest sum of absolute cosines, so each stored axis is used once
    even when the scan is oblique in two directions.
    """
    cosines = np.asarray(direction, dtype=np.float64).reshape(3, 3)
    axes_xyz = max(permutations(range(3)), key=lambda axes: _alignment(cosines, axes))
    senses = zip(_CANONICAL_WORLD_AXIS, axes_xyz, _CANONICAL_SENSE, strict=True)
    flips = tuple(bool(cosines[world, axis] * sense < 0) for world, axis, sense in senses)
    return Orientation(axes_xyz, flips)


def _alignment(cosines: np.ndarray, axes_xyz: tuple[int, ...]) -> float:
    return sum(abs(cosines[world, axis]) for world, axis in zip(_CANONICAL_WORLD_AXIS, axes_xyz, strict=True))


def grid_differences(a: Geometry, b: Geometry, tolerance: float = GRID_TOLERANCE) -> list[str]:
    """Return what differs between two grids, one phrase per property; empty when they are the same.

    Args:
        a: First grid.
        b: Second grid.
        tolerance: Largest allowed absolute difference of a spacing or origin (mm) or a direction cosine.
    """
    differences = []
    if a.size_xyz != b.size_xyz:
        differences.append(f"size {a.size_xyz} against {b.size_xyz}")
    for name in ("spacing_xyz_mm", "origin_xyz_mm", "direction"):
        values_a, values_b = getattr(a, name), getattr(b, name)
        if not np.allclose(values_a, values_b, rtol=0, atol=tolerance):
            differences.append(f"{name} {rounded(values_a)} against {rounded(values_b)}")
    return differences


def rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    """Return numbers with four decimals, for messages."""
    return tuple(round(float(value), 4) for value in values)


def check_grid(geometry: Geometry, source: str) -> None:
    """Refuse a grid that cannot be that of a real sagittal volume.

    Args:
        geometry: The grid as read.
        source: What the message calls the volume, usually the file.

    Raises:
        VolumeError: A size of zero, a spacing that is not positive, an origin that is not finite, axes that
            are not perpendicular unit vectors, or an axial or coronal acquisition.
    """
    if min(geometry.size_xyz) < 1:
        raise VolumeError(f"{source}: an image without voxels (size {geometry.size_xyz}). Export it again.")
    spacing = np.asarray(geometry.spacing_xyz_mm)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise VolumeError(
            f"{source}: spacing {rounded(geometry.spacing_xyz_mm)} mm. Needed: positive numbers; "
            "export the image again with its true voxel spacing."
        )
    if not np.isfinite(geometry.origin_xyz_mm).all():
        raise VolumeError(
            f"{source}: origin {geometry.origin_xyz_mm} mm. Needed: finite numbers; export the image again."
        )
    cosines = np.asarray(geometry.direction).reshape(3, 3)
    if not np.allclose(cosines.T @ cosines, np.eye(3), rtol=0, atol=GRID_TOLERANCE):
        raise VolumeError(
            f"{source}: the direction matrix {rounded(geometry.direction)} is not orthonormal. Needed: "
            "perpendicular axes; export the image again, or resample it to such axes if it is sheared."
        )
    if geometry.source_2d is None:  # a 2D file does not say how it lies
        _check_sagittal(geometry, source)


def _check_sagittal(geometry: Geometry, source: str) -> None:
    """Refuse volumes whose thick axis, or only slice, does not lie left-right."""
    slice_axis = geometry.orientation.axes_xyz[0]
    thickest = int(np.argmax(geometry.spacing_xyz_mm))
    _, second_mm, largest_mm = sorted(geometry.spacing_xyz_mm)
    thick_axes = {thickest} if largest_mm > MAX_ANISOTROPY * second_mm else set()
    single_axes = {axis for axis in range(3) if geometry.size_xyz[axis] == 1}
    wrong_axes = (thick_axes or single_axes) - {slice_axis}
    if wrong_axes:
        cosines = np.abs(np.asarray(geometry.direction).reshape(3, 3))
        plane = _PLANE_NAMES[int(np.argmax(cosines[:, min(wrong_axes)]))]
        way_out = (
            "choose the sagittal series of the study, or export it again if the header lost how it lies."
        )
        if single_axes:
            way_out += " A sagittal picture whose header is wrong can be saved as a 2D image (see --rows-2d)."
        raise VolumeError(
            f"{source}: this is {plane} acquisition (size {geometry.size_xyz}, spacing "
            f"{rounded(geometry.spacing_xyz_mm)} mm). Needed: a sagittal or an isotropic volume; {way_out}"
        )


def promote_2d(
    size_xy: tuple[int, ...], spacing_xy_mm: tuple[float, ...], grid: Grid2d, rows: Rows2d
) -> Geometry:
    """Return the grid of a 2D sagittal image seen as a volume of one slice.

    A 2D file does not say how it lies in the patient: columns are taken to run from anterior to posterior,
    rows as ``rows`` says. The slice spacing is unknown and set to 1 mm.

    Args:
        size_xy: Columns and rows.
        spacing_xy_mm: Spacing of columns and rows in mm.
        grid: The 2D image's own origin and direction, kept for writing 2D again.
        rows: Which end of the patient row 0 shows.
    """
    towards_superior = 1.0 if rows == "inferior-first" else -1.0
    return Geometry(
        size_xyz=(*size_xy, 1),
        spacing_xyz_mm=(*spacing_xy_mm, 1.0),
        origin_xyz_mm=(0.0, 0.0, 0.0),
        direction=(0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, towards_superior, 0.0),
        source_2d=grid,
    )
