"""Implicit shapes: fields that are negative inside, positive outside and roughly a distance in mm."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.grid import Box, Grid

Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Frame:
    """A position and three orthonormal axes (columns: local right, down, posterior) in ``sra`` mm."""

    centre: np.ndarray
    axes: np.ndarray

    def local(self, mesh: Mesh) -> Mesh:
        """Return the mesh positions in this frame's own coordinates (mm)."""
        offset = [mesh[axis] - np.float32(self.centre[axis]) for axis in range(3)]
        axes = self.axes.astype(np.float32)
        return tuple(sum(axes[world, i] * offset[world] for world in range(3)) for i in range(3))

    def world(self, point: np.ndarray) -> np.ndarray:
        """Return the ``sra`` position of a point given in this frame's coordinates."""
        return self.centre + self.axes @ np.asarray(point, float)


def rotation(sagittal_deg: float, coronal_deg: float = 0.0, axial_deg: float = 0.0) -> np.ndarray:
    """Return axes tilted in the sagittal, then the coronal plane, then turned about the long axis.

    A positive sagittal angle leans the upper end forward (anterior), a positive coronal one to the right.
    """
    s, c, a = np.deg2rad([sagittal_deg, coronal_deg, axial_deg])
    sagittal = np.array([[1, 0, 0], [0, np.cos(s), -np.sin(s)], [0, np.sin(s), np.cos(s)]])
    coronal = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    axial = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return sagittal @ coronal @ axial


@dataclass(frozen=True)
class Capsule:
    """An ellipsoid swept along a line: pedicles, laminae and processes are made of these.

    Attributes:
        start, end: Ends of the line (``sra`` mm).
        radii: Half axes of the ellipsoid along the columns of ``axes`` (mm).
        axes: Orientation of the ellipsoid.
        power: 2 for an ellipsoid; larger values make the section boxier.
        cortex_mm: Thickness of its dark shell where it is a bone; None = as the rest of that bone.
    """

    start: np.ndarray
    end: np.ndarray
    radii: tuple[float, float, float]
    axes: np.ndarray
    power: float = 2.0
    cortex_mm: float | None = None

    def box(self, grid: Grid, margin_mm: float = 1.5) -> Box | None:
        """Return the index box that holds the capsule and a margin."""
        reach = np.sqrt((self.axes**2) @ np.square(self.radii)) + margin_mm
        return grid.box(np.minimum(self.start, self.end) - reach, np.maximum(self.start, self.end) + reach)

    def field(self, mesh: Mesh) -> np.ndarray:
        """Return the capsule's field on a mesh, scaled to mm by its smallest half axis."""
        radii = np.asarray(self.radii, np.float32)
        position = [q / r for q, r in zip(Frame(self.start, self.axes).local(mesh), radii, strict=True)]
        line = (self.axes.T @ (self.end - self.start) / radii).astype(np.float32)
        along = sum(q * v for q, v in zip(position, line, strict=True)) / max(float(line @ line), 1e-6)
        along = np.clip(along, 0, 1)
        offset = (np.abs(q - along * v) for q, v in zip(position, line, strict=True))
        if self.power == 2:
            return (np.sqrt(sum(q * q for q in offset)) - 1) * radii.min()
        power = np.float32(self.power)
        return (sum(q**power for q in offset) ** (1 / power) - 1) * radii.min()


@dataclass(frozen=True)
class Body:
    """The body of a vertebra or of a sacral segment: a superelliptic cylinder with concave faces.

    Attributes:
        half_width, half_depth, half_height: Half extents along right, posterior and down (mm).
        wedge: How much taller the front is: half height grows by ``wedge`` * anterior distance (mm/mm).
        concavity: Depth of the endplates' hollow (mm), upper and lower.
        waist: Relative narrowing of the walls at mid height.
        side_waist: The same of the left and right wall alone, added to it; may be negative.
        taper: Relative narrowing from the middle to the lower end (sacral segments).
        pits: Endplate defects (Schmorl nodes): (upper, right, posterior, radius, depth) each, in mm.
    """

    half_width: float
    half_depth: float
    half_height: float
    wedge: float = 0.0
    concavity: tuple[float, float] = (1.5, 1.5)
    waist: float = 0.08
    side_waist: float = 0.0
    taper: float = 0.0
    pits: tuple[tuple[bool, float, float, float, float], ...] = ()

    def endplate(self, right: np.ndarray, posterior: np.ndarray, upper: bool) -> np.ndarray:
        """Return the distance (mm, positive) of one endplate from the middle of the body."""
        bowl = 1 - (right / self.half_width) ** 2 - (posterior / self.half_depth) ** 2
        height = self.half_height - self.wedge * posterior
        height = height - self.concavity[0 if upper else 1] * np.maximum(bowl, 0)
        for is_upper, pit_right, pit_posterior, radius, depth in self.pits:
            if is_upper == upper:
                square = (right - pit_right) ** 2 + (posterior - pit_posterior) ** 2
                height = height - depth * np.exp(-square / (0.5 * radius**2))
        return height

    def wall(self, right: np.ndarray, down: np.ndarray, posterior: np.ndarray) -> np.ndarray:
        """Return the field of the side walls alone; the back is a little hollow towards the canal."""
        height = down / self.half_height
        hollow = np.maximum(1 - height**2, 0)
        slim = 1 - self.waist * hollow - self.taper * np.clip(height, -1.2, 1.2)
        u = right / (self.half_width * (slim - self.side_waist * hollow))
        back = 1 - 0.12 * np.maximum(1 - 2.2 * u * u, 0)
        v = posterior / (self.half_depth * slim * np.where(posterior > 0, back, 1))
        return superellipse(u, v) * self.half_depth

    def field(self, right: np.ndarray, down: np.ndarray, posterior: np.ndarray) -> np.ndarray:
        """Return the body's field at local positions, edges rounded by 1.5 mm."""
        above = -down - self.endplate(right, posterior, upper=True)
        below = down - self.endplate(right, posterior, upper=False)
        return round_intersection(np.maximum(above, below), self.wall(right, down, posterior), 1.5)


def round_intersection(first: np.ndarray, second: np.ndarray, radius_mm: float) -> np.ndarray:
    """Return the field of the intersection of two shapes with an edge rounded by ``radius_mm``."""
    a, b = first + np.float32(radius_mm), second + np.float32(radius_mm)
    inside = np.minimum(np.maximum(a, b), 0)
    return inside + np.hypot(np.maximum(a, 0), np.maximum(b, 0)) - np.float32(radius_mm)


def superellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the field (1 = half extent) of the rounded box |u|^2.5 + |v|^2.5 = 1, the outline of a body."""
    power = np.float32(2.5)
    return (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power) - 1
