"""Smooth random fields that belong to the patient: the same place gives the same value on every grid."""

import cv2
import numpy as np

from spider2d.data.phantom.grid import Grid

# Everything a phantom's field of view can show (mm right, down, posterior).
LOWER_MM = (-90.0, -470.0, -300.0)
EXTENT_MM = (180.0, 710.0, 620.0)


class WorldNoise:
    """A random lattice, uniform in [-1, 1], interpolated between its nodes."""

    def __init__(self, rng: np.random.Generator, cell_sra_mm: tuple[float, float, float], shear: float = 0.0):
        """Draw the lattice.

        Args:
            rng: Source of randomness.
            cell_sra_mm: Distance of the nodes along slice, row and column: the size of the structures.
            shear: Millimetres the field moves backwards per millimetre down, for oblique fibres.
        """
        self.cell_mm, self.shear = cell_sra_mm, shear
        size = [int(extent / cell) + 3 for extent, cell in zip(EXTENT_MM, cell_sra_mm, strict=True)]
        self.lattice = rng.random(size, dtype=np.float32) * 2 - 1

    def on(self, grid: Grid) -> np.ndarray:
        """Return the field on a grid (float32, the grid's shape)."""
        slice_cell, row_cell, column_cell = self.cell_mm
        position = (grid.coordinates(0) - LOWER_MM[0]) / slice_cell
        lower = np.clip(np.floor(position).astype(int), 0, len(self.lattice) - 2)
        weight = np.clip(position - lower, 0, 1).astype(np.float32)[:, None, None]
        # Values between two nodes would have less contrast than at the nodes without the last factor.
        planes = self.lattice[lower] * (1 - weight) + self.lattice[lower + 1] * weight
        planes /= np.sqrt(weight**2 + (1 - weight) ** 2)
        row_step, column_step = grid.spacing_sra_mm[1] / row_cell, grid.spacing_sra_mm[2] / column_cell
        row_start = (grid.origin_sra_mm[1] - LOWER_MM[1]) / row_cell
        column_start = (grid.origin_sra_mm[2] - LOWER_MM[2]) / column_cell
        sheared_start = column_start - self.shear * grid.origin_sra_mm[1] / column_cell
        sheared_step = -self.shear * grid.spacing_sra_mm[1] / column_cell
        matrix = np.array([[column_step, sheared_step, sheared_start], [0, row_step, row_start]])
        size, flags = (grid.shape_sra[2], grid.shape_sra[1]), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        sampled = (cv2.warpAffine(p, matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP) for p in planes)
        return np.stack(list(sampled))
