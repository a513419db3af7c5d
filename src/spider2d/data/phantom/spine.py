"""From anatomy to voxels: labels and tissues of vertebrae, discs, sacrum and canal on a grid."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy, Disc
from spider2d.data.phantom.grid import Box, Grid
from spider2d.data.phantom.shapes import Body, Frame, round_intersection
from spider2d.data.phantom.tissues import TISSUE
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

SACRUM_OWNER = 50
FAR_MM = np.float32(9.0)


@dataclass
class Bones:
    """Which bone every voxel belongs to: nearest bone, its field and the runner-up's field (mm)."""

    owner: np.ndarray
    nearest: np.ndarray
    second: np.ndarray

    def add(self, box: Box, owner: int, field: np.ndarray) -> None:
        """Unite ``owner`` with a shape; where two owners overlap the deeper one keeps the voxel."""
        owners, nearest, second = self.owner[box], self.nearest[box], self.second[box]
        field = np.minimum(field, FAR_MM, dtype=np.float32)
        closer, other = field < nearest, owners != owner
        np.copyto(second, np.where(closer, nearest, np.minimum(second, field)), where=other)
        np.copyto(nearest, field, where=closer)
        np.copyto(owners, np.uint8(owner), where=closer)


def paint_spine(anatomy: Anatomy, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and tissues of the spine on a grid.

    Returns:
        (labels_sra, tissues_sra), both uint8 of the grid's shape. Labels as SPIDER; all vertebrae the
        anatomy models are labelled. Tissue 0 ("outside") means: whatever the surroundings hold there.
    """
    bones = paint_bones(anatomy, grid)
    inside = bones.nearest < 0
    labels = np.where(inside & (bones.owner != SACRUM_OWNER), bones.owner, np.uint8(0))
    tissues = np.zeros(grid.shape_sra, np.uint8)
    shell = inside & ((bones.nearest > -0.9) | (bones.second < 0.6))
    tissues[inside] = TISSUE["marrow"]
    tissues[shell] = TISSUE["cortex"]
    paint_discs(anatomy, grid, bones, labels, tissues)
    paint_canal(anatomy, grid, bones, labels, tissues)
    return labels, tissues


def paint_bones(anatomy: Anatomy, grid: Grid) -> Bones:
    """Return the bones of the whole spine."""
    shape = grid.shape_sra
    bones = Bones(np.zeros(shape, np.uint8), np.full(shape, FAR_MM), np.full(shape, FAR_MM))
    for frame, body in anatomy.sacrum.segments:
        add_body(bones, grid, SACRUM_OWNER, frame, body)
    for part in anatomy.sacrum.parts:
        add_capsule(bones, grid, SACRUM_OWNER, part)
    for vertebra in anatomy.vertebrae:
        add_body(bones, grid, vertebra.label, vertebra.frame, vertebra.body)
        for part in vertebra.arch:
            add_capsule(bones, grid, vertebra.label, part)
    return bones


def add_capsule(bones: Bones, grid: Grid, owner: int, part) -> None:
    """Add one capsule to the bones."""
    box = part.box(grid)
    if box is not None:
        bones.add(box, owner, part.field(grid.open_mesh(box)))


def add_body(bones: Bones, grid: Grid, owner: int, frame: Frame, body: Body) -> None:
    """Add one body to the bones."""
    half = np.array([body.half_width, body.half_height + abs(body.wedge) * body.half_depth, body.half_depth])
    box = frame_box(frame, half + 1.5, grid)
    if box is not None:
        bones.add(box, owner, body.field(*frame.local(grid.open_mesh(box))))


def frame_box(frame: Frame, half_extent: np.ndarray, grid: Grid) -> Box | None:
    """Return the index box around an oriented block."""
    reach = np.abs(frame.axes) @ half_extent
    return grid.box(frame.centre - reach, frame.centre + reach)


def paint_discs(anatomy: Anatomy, grid: Grid, bones: Bones, labels: np.ndarray, tissues: np.ndarray) -> None:
    """Fill the space between neighbouring endplates with annulus and nucleus."""
    below = anatomy.sacrum.segments[0]
    for disc, vertebra in zip(anatomy.discs, anatomy.vertebrae, strict=True):
        above = (vertebra.frame, vertebra.body)
        half = np.array([disc.half_width + 4, disc.half_height + 6, disc.half_depth + 6])
        box = frame_box(disc.frame, half, grid)
        if box is not None:
            field, wall = disc_field(disc, below, above, grid.open_mesh(box))
            free = (field < 0) & (bones.nearest[box] >= 0)
            labels[box][free] = DISC_OFFSET + disc.label
            tissues[box][free] = TISSUE["annulus"]
            core = free & (wall < -0.34 * disc.half_depth) & (field < -0.6)
            tissues[box][core] = TISSUE[f"nucleus_{disc.pfirrmann}"]
        below = above


def disc_field(disc: Disc, below: tuple, above: tuple, mesh: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return (field of the disc, field of its outline alone): between two endplates, within the outline."""
    upper_right, upper_down, upper_posterior = above[0].local(mesh)
    lower_right, lower_down, lower_posterior = below[0].local(mesh)
    from_upper = above[1].endplate(upper_right, upper_posterior, upper=False) - upper_down
    from_lower = lower_down + below[1].endplate(lower_right, lower_posterior, upper=True)
    right, down, posterior = disc.frame.local(mesh)
    belly = disc.bulge_mm * np.maximum(1 - (down / (disc.half_height - 2)) ** 2, 0)
    hernia = disc.herniation_mm * np.exp(-((right - 2) ** 2) / 50) * (posterior > 0)
    u = right / (disc.half_width + belly)
    v = posterior / (disc.half_depth + belly + hernia)
    wall = ((np.abs(u) ** 2.5 + np.abs(v) ** 2.5) ** np.float32(0.4) - 1) * disc.half_depth
    return round_intersection(np.maximum(from_upper, from_lower), wall, 1.0), wall


def paint_canal(anatomy: Anatomy, grid: Grid, bones: Bones, labels: np.ndarray, tissues: np.ndarray) -> None:
    """Paint the dural sac with cord and roots, and the epidural fat behind it."""
    canal, rows = anatomy.canal, grid.coordinates(1)
    knots = {"right": canal.right_mm, "posterior": canal.posterior_mm}
    centre = {name: np.interp(rows, canal.down_mm, knot).astype(np.float32) for name, knot in knots.items()}
    half_width = np.interp(rows, canal.down_mm, canal.half_width_mm).astype(np.float32)
    half_depth = np.interp(rows, canal.down_mm, canal.half_depth_mm).astype(np.float32)
    end = np.clip((canal.down_mm[-1] - rows) / 12, 0.0, 1.0).astype(np.float32) ** 0.5
    half_width, half_depth = half_width * end + 1e-3, half_depth * end + 1e-3
    reach = max(canal.half_width_mm.max(), canal.half_depth_mm.max()) + 10
    lower = np.array([canal.right_mm.min() - reach, -1e4, canal.posterior_mm.min() - reach])
    upper = np.array([canal.right_mm.max() + reach, canal.down_mm[-1], canal.posterior_mm.max() + reach])
    box = grid.box(lower, upper)
    if box is None:
        return
    right, _, posterior = grid.open_mesh(box)
    level = (None, box[1], None)
    u = (right - centre["right"][level]) / half_width[level]
    v = (posterior - centre["posterior"][level]) / half_depth[level]
    radius = np.sqrt(u * u + v * v)
    label, tissue = labels[box], tissues[box]
    free = tissue == 0
    sac = free & (radius < 1)
    fat = free & (radius >= 1) & (np.abs(u) < 1.3) & (v > -1.0) & (v < 2.2)
    label[sac] = CANAL_LABEL
    tissue[fat] = TISSUE["epidural_fat"]
    tissue[sac] = TISSUE["csf"]
    above_conus = (rows[box[1]] < canal.conus_mm)[None, :, None]
    tissue[sac & above_conus & (radius < 0.55)] = TISSUE["cord"]
    tissue[sac & ~above_conus & (v > 0.3) & (radius < 0.9)] = TISSUE["root"]
