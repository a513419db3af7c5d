"""Everything around the spine: skin, fat, muscle, vessels, abdomen."""

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.tissues import TISSUE


def paint_surroundings(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Return the tissues around the spine (uint8, the grid's shape)."""
    rng = np.random.default_rng([anatomy.seed, 2])
    rows, columns = grid.coordinates(1)[:, None], grid.coordinates(2)[None, :]
    spine = np.interp(rows, anatomy.canal.down_mm, anatomy.canal.posterior_mm)
    back = spine + rng.uniform(55, 65)
    skin = back + rng.uniform(8, 40)
    plane = np.full(grid.shape_sra[1:], TISSUE["organ"], np.uint8)
    plane[columns > spine - 10] = TISSUE["muscle"]
    plane[columns > back] = TISSUE["subcutaneous_fat"]
    plane[columns > skin - 2] = TISSUE["skin"]
    plane[columns > skin] = TISSUE["air"]
    return np.repeat(plane[None], grid.shape_sra[0], axis=0)
