"""Which bone every voxel belongs to, where neighbouring bones may touch."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.grid import Box, Grid
from spider2d.data.phantom.shapes import Body, Capsule, Frame

SACRUM_OWNER = 50
FAR_MM = np.float32(9.0)


@dataclass
class Bones:
    """The bone nearest to every voxel.

    Attributes:
        owner: Label of the nearest bone (uint8), ``SACRUM_OWNER`` for the sacrum.
        nearest: Its field in mm (float32): negative inside.
        second: The field of the next other bone: where both are small, two bones touch.
        cortex_mm: Thickness of the dark shell of the nearest bone's part (float32).
    """

    owner: np.ndarray
    nearest: np.ndarray
    second: np.ndarray
    cortex_mm: np.ndarray

    def add(self, box: Box, owner: int, field: np.ndarray, cortex_mm: float) -> None:
        """Unite ``owner`` with a shape; where two bones overlap the deeper one keeps the voxel."""
        owners, nearest, second = self.owner[box], self.nearest[box], self.second[box]
        field = np.minimum(field, FAR_MM, dtype=np.float32)
        closer, other = field < nearest, owners != owner
        np.copyto(second, np.where(closer, nearest, np.minimum(second, field)), where=other)
        np.copyto(nearest, field, where=closer)
        np.copyto(owners, np.uint8(owner), where=closer)
        np.copyto(self.cortex_mm[box], np.float32(cortex_mm), where=closer)


def paint_bones(anatomy: Anatomy, grid: Grid) -> Bones:
    """Return the bones of the whole spine on a grid."""
    shape = grid.shape_sra
    nearest, second = np.full(shape, FAR_MM), np.full(shape, FAR_MM)
    bones = Bones(np.zeros(shape, np.uint8), nearest, second, np.zeros(shape, np.float32))
    body_mm, arch_mm = anatomy.cortex_mm, anatomy.arch_cortex_mm
    for frame, body in anatomy.sacrum.segments:
        _add_body(bones, grid, SACRUM_OWNER, frame, body, body_mm)
    for part in anatomy.sacrum.parts:
        _add_capsule(bones, grid, SACRUM_OWNER, part, body_mm)
    for vertebra in anatomy.vertebrae:
        _add_body(bones, grid, vertebra.label, vertebra.frame, vertebra.body, body_mm)
        for part in vertebra.arch:
            _add_capsule(bones, grid, vertebra.label, part, arch_mm)
    return bones


def frame_box(frame: Frame, half_extent_mm: tuple[float, float, float], grid: Grid) -> Box | None:
    """Return the index box around a block of the given half extents along a frame's axes."""
    reach = np.abs(frame.axes) @ half_extent_mm
    return grid.box(frame.centre - reach, frame.centre + reach)


def _add_capsule(bones: Bones, grid: Grid, owner: int, part: Capsule, cortex_mm: float) -> None:
    box = part.box(grid)
    if box is not None:
        shell_mm = cortex_mm if part.cortex_mm is None else part.cortex_mm
        bones.add(box, owner, part.field(grid.open_mesh(box)), shell_mm)


def _add_body(bones: Bones, grid: Grid, owner: int, frame: Frame, body: Body, cortex_mm: float) -> None:
    taller = abs(body.wedge) * body.half_depth
    box = frame_box(frame, (body.half_width + 2, body.half_height + taller + 2, body.half_depth + 2), grid)
    if box is not None:
        bones.add(box, owner, body.field(*frame.local(grid.open_mesh(box))), cortex_mm)
