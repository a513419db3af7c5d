"""The dural sac on a grid: fluid, cord, roots, and the fat around it."""

import numpy as np

from spider2d.data.phantom.canal import Canal
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.tissues import TISSUE
from spider2d.labels import CANAL_LABEL

END_TAPER_MM = 14.0


def paint_canal(canal: Canal, grid: Grid, labels: np.ndarray, tissues: np.ndarray) -> None:
    """Paint the sac (label 100) and the epidural fat wherever no bone or disc is yet."""
    reach = max(canal.half_width_mm.max(), canal.half_depth_mm.max()) * 1.8
    box = grid.box(
        np.array([canal.right_mm.min() - reach, -np.inf, canal.posterior_mm.min() - reach]),
        np.array([canal.right_mm.max() + reach, canal.down_mm[-1], canal.posterior_mm.max() + reach]),
    )
    if box is None:
        return
    levels = grid.coordinates(1)[box[1]]
    u, v, cord_size = section_coordinates(canal, levels, grid.open_mesh(box))
    radius = np.sqrt(u * u + v * v)
    label, tissue = labels[box], tissues[box]
    free = tissue == 0
    sac = free & (radius < 1)
    label[sac] = CANAL_LABEL
    tissue[free & ((u / 1.35) ** 2 + ((v - 0.35) / 1.75) ** 2 < 1)] = TISSUE["epidural_fat"]
    flaval = free & (v > 0.4) & (np.abs(u) > 0.35) & ((u / 1.2) ** 2 + (v / 1.35) ** 2 > 1)
    tissue[flaval & (tissue == TISSUE["epidural_fat"])] = TISSUE["ligament"]
    tissue[free & (radius < 1.09)] = TISSUE["ligament"]
    tissue[sac] = TISSUE["csf"]
    cord = (u / 0.58) ** 2 + ((v - 0.1) / 0.55) ** 2 < cord_size**2
    tissue[sac & cord] = TISSUE["cord"]
    wander = 4 * np.sin(3 * u + (levels / 55)[None, :, None]).astype(np.float32)
    strand = np.sin(13 * v + wander) + np.sin(31 * v - 1.7 * wander) > 0.45
    crescent = (v > 0.3 + 0.5 * u * u) | ((np.abs(u) > 0.5) & (v > -0.1))
    tissue[sac & ~cord & (cord_size < 0.6) & crescent & strand & (radius < 0.93)] = TISSUE["root"]


def section_coordinates(
    canal: Canal, levels: np.ndarray, mesh: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return position across the sac (u right, v posterior; 1 at its wall) and the cord's relative size."""

    def curve(values: np.ndarray) -> np.ndarray:
        return np.interp(levels, canal.down_mm, values).astype(np.float32)[None, :, None]

    end = np.sqrt(np.clip((canal.down_mm[-1] - levels) / END_TAPER_MM, 1e-4, 1)).astype(np.float32)
    u = (mesh[0] - curve(canal.right_mm)) / (curve(canal.half_width_mm) * end[None, :, None])
    v = (mesh[2] - curve(canal.posterior_mm)) / (curve(canal.half_depth_mm) * end[None, :, None])
    cord_size = np.clip((canal.conus_mm - levels) / 22, 0, 1).astype(np.float32)[None, :, None]
    return u, v, cord_size
