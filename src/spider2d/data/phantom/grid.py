"""Where the voxels of a phantom series lie, in ``sra`` millimetres (right, inferior, posterior)."""

from dataclasses import dataclass, replace

import numpy as np

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grid:
    """A voxel grid in canonical axis order.

    Attributes:
        shape_sra: Number of slices, rows and columns.
        spacing_sra_mm: Distance of neighbouring voxel centres along slice, row and column.
        origin_sra_mm: Position of the centre of voxel (0, 0, 0).
    """

    shape_sra: tuple[int, int, int]
    spacing_sra_mm: tuple[float, float, float]
    origin_sra_mm: tuple[float, float, float]

    def coordinates(self, axis: int) -> np.ndarray:
        """Return the voxel-centre positions (float32, mm) along one axis."""
        steps = np.arange(self.shape_sra[axis], dtype=np.float32)
        return np.float32(self.origin_sra_mm[axis]) + steps * np.float32(self.spacing_sra_mm[axis])

    def box(self, lower_mm: np.ndarray, upper_mm: np.ndarray) -> Box | None:
        """Return the index box of the voxels between two corners, or None when there are none."""
        box = []
        for axis in range(3):
            spacing, origin = self.spacing_sra_mm[axis], self.origin_sra_mm[axis]
            first = np.ceil((lower_mm[axis] - origin) / spacing)
            last = np.floor((upper_mm[axis] - origin) / spacing)
            start, stop = int(max(0, first)), int(min(self.shape_sra[axis], last + 1))
            if stop <= start:
                return None
            box.append(slice(start, stop))
        return tuple(box)

    def open_mesh(self, box: Box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the positions inside ``box`` as three arrays that broadcast to the box's shape."""
        return np.ix_(*(self.coordinates(axis)[box[axis]] for axis in range(3)))

    def with_sub_slices(self, count: int) -> "Grid":
        """Return the grid whose every slice is divided into ``count`` thin slices of equal thickness."""
        thickness = self.spacing_sra_mm[0]
        shift = -thickness * (count - 1) / (2 * count)
        return replace(
            self,
            shape_sra=(self.shape_sra[0] * count, *self.shape_sra[1:]),
            spacing_sra_mm=(thickness / count, *self.spacing_sra_mm[1:]),
            origin_sra_mm=(self.origin_sra_mm[0] + shift, *self.origin_sra_mm[1:]),
        )
