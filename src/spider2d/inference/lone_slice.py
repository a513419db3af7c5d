"""A single slice: a vertebra shows in pieces and, beside the bodies, no body can be judged by its size."""

import cc3d
import numpy as np

from spider2d.inference.numbering import Numbering
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import DISC_OFFSET, MAX_VERTEBRA_LABEL

LONE_SLICE = 3
"""Slices of a padded box that holds one slice."""
MIN_BODY_MM2 = 300.0
"""A lone slice goes through the bodies when it shows one of at least this area (whole ones: 700 or more)."""
MIN_PIECE_MM2 = 12.0
"""Of bone in one slice; the tips of transverse processes show 15 mm2 and more. Single slices often state no
true thickness, so their pieces are judged by area."""
MAX_GAP_MM = 30.0
"""In a single slice the canal lies between a body and its arch."""
NOTE = (
    "this slice lies beside the vertebral bodies: bone between two discs counts as one vertebra, other "
    "pieces of bone are numbered from the bottom"
)


def is_beside_bodies(
    n_slices: int, body_volume_mm3: np.ndarray, numbering: Numbering, slice_mm: float
) -> bool:
    """Return whether a padded box holds a single slice that shows no vertebral body, or rims only."""
    whole = body_volume_mm3.max(initial=0) >= MIN_BODY_MM2 * slice_mm
    return n_slices == LONE_SLICE and not (whole and numbering.vertebra_of_level.any())


def number_pieces(bone: Bone, level: np.ndarray, n_levels: int) -> tuple[np.ndarray, list[int]]:
    """Number bone from the bottom up: one number between two discs, one per piece below and above all discs.

    Args:
        bone: The voxels of bone, rows from the head down.
        level: Level of each of them, 0 = below the lowest disc, (N,).
        n_levels: Number of levels.

    Returns:
        Labels of bone, uint8 (S, R, A), 0 for pieces of less than ``MIN_PIECE_MM2`` in plane and beyond the
        largest vertebra label; and for each level the label of a disc at its lower end (the lowest has none),
        0 beyond the largest. A level without bone uses up a number as well.
    """
    levels_sra = np.zeros(bone.shape_sra, np.uint8)
    levels_sra[tuple(bone.index_sra.T)] = level + 1
    pieces = cc3d.connected_components(levels_sra, connectivity=26)
    statistics = cc3d.statistics(pieces)
    areas_mm2 = statistics["voxel_counts"] * bone.spacing_sra_mm[1] * bone.spacing_sra_mm[2]
    level_of = np.zeros(len(areas_mm2), int)
    level_of[pieces.ravel()] = levels_sra.ravel()
    large = [piece for piece in range(1, len(areas_mm2)) if areas_mm2[piece] >= MIN_PIECE_MM2]
    large.sort(key=lambda piece: -statistics["centroids"][piece][1])
    label_of, first_numbers, number = np.zeros(len(areas_mm2), int), [], 1
    for level in range(1, n_levels + 1):
        first_numbers.append(number)
        mine = [piece for piece in large if level_of[piece] == level]
        between_discs = 1 < level < n_levels
        count = 1 if between_discs else len(mine)
        label_of[mine] = number if between_discs else np.arange(number, number + count)
        number += count
    label_of[label_of > MAX_VERTEBRA_LABEL] = 0
    disc_labels = [DISC_OFFSET + first if first <= MAX_VERTEBRA_LABEL else 0 for first in first_numbers]
    return label_of.astype(np.uint8)[pieces], disc_labels
