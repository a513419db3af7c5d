"""From anatomy to voxels: labels and tissues of vertebrae, discs, sacrum and canal on a grid."""

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.bones import FAR_MM, SACRUM_OWNER, Bones, frame_box, paint_bones
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.sac import paint_canal
from spider2d.data.phantom.shapes import Body, Capsule, Frame, round_intersection, superellipse
from spider2d.data.phantom.stacking import Disc
from spider2d.data.phantom.tissues import TISSUE
from spider2d.labels import DISC_OFFSET

JOINT_GAP_MM = 0.6
ROUGHNESS_MM = 0.5
ENDPLATE_SLACK_MM = 1.0
LABELLED_SHELL_MM = 0.6
"""Of the cortex of wild patients at most this much, and at most half, is labelled as vertebra."""


def paint_spine(anatomy: Anatomy, grid: Grid, rough: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and tissues of the spine on a grid.

    Args:
        anatomy: The patient.
        grid: The grid.
        rough: Field in about [-1, 1] that makes bone surfaces uneven; the grid's shape.

    Returns:
        (labels_sra, tissues_sra), both uint8 of the grid's shape. Labels as SPIDER, with every vertebra that
        is modelled, in wild patients without the outer part of its cortex. Tissue 0 ("outside") means:
        whatever the surroundings hold there.
    """
    bones = paint_bones(anatomy, grid)
    roughness_mm = ROUGHNESS_MM * (1 + anatomy.wildness)
    bones.nearest += roughness_mm * rough
    bones.second += roughness_mm * rough
    inside = bones.nearest < 0
    labels = np.where(inside & (bones.owner != SACRUM_OWNER), bones.owner, np.uint8(0))
    tissues = np.zeros(grid.shape_sra, np.uint8)
    tissues[inside] = TISSUE["marrow"]
    if anatomy.wildness:
        beside = distance_beside(anatomy, grid) > anatomy.vertebrae[2].body.half_width + 1.0
        tissues[inside & beside & (bones.owner != SACRUM_OWNER)] = TISSUE["process_marrow"]
    paint_spots(anatomy, grid, tissues)
    # Where two bones overlap, their common surface lies half way between the two fields.
    shared_surface = (bones.nearest - bones.second) / 2
    if anatomy.is_fused:
        open_fusion(anatomy, grid, bones.owner, shared_surface)
    surface = np.maximum(bones.nearest, shared_surface)
    tissues[inside & (surface > -bones.cortex_mm)] = TISSUE["cortex"]
    if anatomy.wildness:
        # As the readers of SPIDER drew them: vertebrae end within their dark shell, at the inner edge of a
        # thick one.
        left_out_mm = np.maximum(bones.cortex_mm / 2, bones.cortex_mm - LABELLED_SHELL_MM)
        labels[inside & (surface > -left_out_mm)] = 0
    tissues[inside & (shared_surface > -JOINT_GAP_MM / 2)] = TISSUE["joint"]
    below = anatomy.sacrum.segments[0]
    for disc, vertebra in zip(anatomy.discs, anatomy.vertebrae, strict=True):
        above = (vertebra.frame, vertebra.body)
        paint_disc(disc, below, above, grid, bones, labels, tissues)
        below = above
    paint_canal(anatomy.canal, grid, labels, tissues)
    return labels, tissues


def distance_beside(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Return how far (mm) voxels lie to the side of the bodies' middle, of shape (slices, rows, 1)."""
    middle = anatomy.midline.at("right_mm", grid.coordinates(1))[None, :, None]
    return np.abs(grid.coordinates(0)[:, None, None] - middle)


def open_fusion(anatomy: Anatomy, grid: Grid, owner: np.ndarray, shared_surface: np.ndarray) -> None:
    """Take away the surface between the lowest vertebra and the sacrum beside their joints (in place)."""
    lowest = anatomy.vertebrae[0]
    right_mm = grid.coordinates(0)[:, None, None] - lowest.frame.centre[0]
    is_beside = np.abs(right_mm) > lowest.body.half_width
    shared_surface[is_beside & ((owner == lowest.label) | (owner == SACRUM_OWNER))] = -FAR_MM


def paint_spots(anatomy: Anatomy, grid: Grid, tissues: np.ndarray) -> None:
    """Paint veins and other spots, and the remnants of the sacral discs, into the marrow."""
    spots = [("annulus", remnant) for remnant in anatomy.sacrum.remnants]
    spots += [("fatty_marrow", spot) for spot in anatomy.sacrum.fat_spots]
    spots += [spot for vertebra in anatomy.vertebrae for spot in vertebra.spots]
    for name, place in spots:
        paint_capsule(place, grid, tissues, TISSUE[name], only=TISSUE["marrow"])


def paint_capsule(
    part: Capsule, grid: Grid, tissues: np.ndarray, tissue: int, only: int | None = None
) -> None:
    """Set the tissue inside a capsule, everywhere or ``only`` where another tissue is."""
    box = part.box(grid)
    if box is None:
        return
    inside, view = part.field(grid.open_mesh(box)) < 0, tissues[box]
    view[inside if only is None else inside & (view == only)] = tissue


def paint_disc(
    disc: Disc,
    below: tuple[Frame, Body],
    above: tuple[Frame, Body],
    grid: Grid,
    bones: Bones,
    labels: np.ndarray,
    tissues: np.ndarray,
) -> None:
    """Fill the space between two endplates with annulus and nucleus; a ligament wraps the disc."""
    box = frame_box(disc.frame, (disc.half_width + 5, disc.half_height + 6, disc.half_depth + 7), grid)
    if box is None:
        return
    # The slack lets the disc reach uneven endplates; where bone is, the disc is not.
    field, wall, down = disc_field(disc, below, above, grid.open_mesh(box))
    free = bones.nearest[box] >= 0
    inside, depth = free & (field < 0), -wall / disc.half_depth
    label, tissue = labels[box], tissues[box]
    label[inside] = DISC_OFFSET + disc.label
    tissue[free & (field >= 0) & (field < 1.0) & (wall > -0.5)] = TISSUE["ligament"]
    tissue[inside] = TISSUE["annulus"]
    core = inside & (field < -0.5 - ENDPLATE_SLACK_MM)
    tissue[core & (depth > 0.22)] = TISSUE[f"nucleus_{min(disc.pfirrmann + 1, 5)}"]
    cleft = (np.abs(down) < 0.5) & (disc.pfirrmann in (2, 3))
    tissue[core & (depth > 0.34) & ~cleft] = TISSUE[f"nucleus_{disc.pfirrmann}"]


def disc_field(
    disc: Disc, below: tuple[Frame, Body], above: tuple[Frame, Body], mesh: tuple
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a disc's field, the field of its side wall alone, and the position down from its middle."""
    upper_right, upper_down, upper_posterior = above[0].local(mesh)
    lower_right, lower_down, lower_posterior = below[0].local(mesh)
    from_upper = above[1].endplate(upper_right, upper_posterior, upper=False) - upper_down
    from_lower = lower_down + below[1].endplate(lower_right, lower_posterior, upper=True)
    right, down, posterior = disc.frame.local(mesh)
    belly = disc.bulge_mm * np.maximum(1 - (down / disc.half_height) ** 2, 0)
    hernia = disc.herniation_mm * np.exp(-((right - 2) ** 2) / 50) * (posterior > 0)
    back = 1 - 0.10 * np.maximum(1 - 2.2 * (right / disc.half_width) ** 2, 0) * (posterior > 0)
    half_depth = disc.half_depth * back + belly + hernia
    wall = superellipse(right / (disc.half_width + belly), posterior / half_depth) * disc.half_depth
    between = np.maximum(from_upper, from_lower) - ENDPLATE_SLACK_MM
    return round_intersection(between, wall, 1.0), wall, down
