"""Every vertebra voxel to its level: bent sheets as a first guess, then, near the joints, along the bone."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from spider2d.inference.boundary import TYPICAL_PITCH_MM, Boundary
from spider2d.inference.joint_sheet import above_sheet

UNSURE_MM = 18.0
"""Behind the bodies, voxels closer to a sheet than this are decided by the bone they hang on."""
BODY_MM = 2.0
"""Voxels less far behind the posterior wall than this belong to a body, where the sheet is certain."""
WRONG_SIDE_MM = 2.0
"""On the wrong side of the sheet, a path costs e times as much with every such distance from it."""
NECK_POWER = 3.0
"""A path through bone half as thick costs 2 to this power as much."""
VOTE_TRUST = 0.5
"""A predicted centre 1 mm nearer to one vertebra than to the other counts as this many mm above the sheet."""
STEPS_SRA = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, -1))
"""Neighbours (with their opposites) on a path: across slices straight on only, for slices are thick."""


@dataclass(frozen=True)
class Bone:
    """The vertebra class as a list of voxels.

    Attributes:
        index_sra: Voxel indices (N, 3), none on the edge of the array.
        points_mm: Positions (N, 3), float32.
        depth_mm: Distance of each voxel from the edge of the bone within its slice, (N,), above 0.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        shape_sra: Shape of the array.
    """

    index_sra: np.ndarray
    points_mm: np.ndarray
    depth_mm: np.ndarray
    spacing_sra_mm: tuple[float, float, float]
    shape_sra: tuple[int, int, int]


def assign_levels(bone: Bone, boundaries: list[Boundary], offsets_mm: np.ndarray | None = None) -> np.ndarray:
    """Return for every voxel its level: the number of boundaries below it, int16 (N,).

    Args:
        bone: The vertebra class; N may be 0.
        boundaries: From the bottom up; may be empty.
        offsets_mm: Predicted in-plane vector (row, column) from each voxel to the centre of its
            vertebra, (N, 2).
    """
    level = np.zeros(len(bone.points_mm), dtype=np.int16)
    above = np.full(len(level), np.inf, dtype=np.float32)
    joint = np.zeros(len(level), dtype=np.int16)
    for number, (boundary, scale) in enumerate(zip(boundaries, _scales(boundaries), strict=True)):
        height, behind = above_sheet(boundary, bone.points_mm, scale)
        level += height > 0
        nearest = (behind > BODY_MM) & (np.abs(height) < np.abs(above))
        above[nearest], joint[nearest] = height[nearest], number
    unsure = np.flatnonzero(np.abs(above) < UNSURE_MM)
    if offsets_mm is not None and len(unsure):
        centres = _centres(level, bone.points_mm[:, 1:], len(boundaries) + 1)
        target = bone.points_mm[unsure, 1:] + offsets_mm[unsure]
        above[unsure] += VOTE_TRUST * _nearer_to_upper(target, centres, joint[unsure])
        level[unsure] = joint[unsure] + (above[unsure] > 0)
    bonds = _bonds(unsure, bone)
    for number in np.unique(joint[unsure]):
        _part_joint(level, unsure[joint[unsure] == number], int(number), above, bonds, bone.depth_mm)
    return level


def _scales(boundaries: list[Boundary]) -> list[float]:
    """Return the size of the spine at every boundary, 1 at the typical pitch."""
    if len(boundaries) < 2:
        return [1.0] * len(boundaries)
    distance = np.diff([boundary.height_mm for boundary in boundaries])
    around = (np.append(distance[:1], distance) + np.append(distance, distance[-1:])) / 2
    return list(np.clip(around / TYPICAL_PITCH_MM, 0.6, 1.3))


def _centres(level: np.ndarray, position_mm: np.ndarray, n_levels: int) -> np.ndarray:
    """Return the mean in-plane position of every level (n_levels, 2), far away for empty levels."""
    count = np.bincount(level, minlength=n_levels)
    total = np.stack([np.bincount(level, position_mm[:, axis], n_levels) for axis in (0, 1)], axis=1)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], 1e3)


def _nearer_to_upper(target_mm: np.ndarray, centres_mm: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return by how much (mm) targets (N, 2) lie nearer to the level above their joint than to the lower."""
    to_lower = np.linalg.norm(target_mm - centres_mm[joint], axis=1)
    to_upper = np.linalg.norm(target_mm - centres_mm[joint + 1], axis=1)
    # Two neighbours are one pitch apart; an offset that points far from both tells no more than that.
    return np.clip(to_lower - to_upper, -TYPICAL_PITCH_MM, TYPICAL_PITCH_MM)


def _bonds(voxels: np.ndarray, bone: Bone) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of neighbouring voxels whose first is one of ``voxels``, and their distance (mm)."""
    number = np.full(bone.shape_sra, -1, dtype=np.int32)
    number[tuple(bone.index_sra.T)] = np.arange(len(bone.index_sra), dtype=np.int32)
    tails, heads, lengths = [], [], []
    for step in STEPS_SRA:
        length = float(np.linalg.norm(np.multiply(step, bone.spacing_sra_mm)))
        for sign in (1, -1):
            neighbour = number[tuple((bone.index_sra[voxels] + np.multiply(sign, step)).T)]
            is_bone = neighbour >= 0
            tails.append(voxels[is_bone])
            heads.append(neighbour[is_bone])
            lengths.append(np.full(np.count_nonzero(is_bone), length))
    return np.concatenate(tails), np.concatenate(heads), np.concatenate(lengths)


def _part_joint(
    level: np.ndarray, voxels: np.ndarray, number: int, above: np.ndarray, bonds: tuple, depth_mm: np.ndarray
) -> None:
    """Give the unsure voxels of one joint to the vertebra above or below it, in place.

    Each goes to the side from which the shorter path leads to it through unsure bone. Narrow places (the
    joint space) and the wrong side of the sheet make paths long. Voxels that no path reaches keep their
    level.

    Args:
        level: Levels of all voxels (N,), changed in place.
        voxels: Numbers of the unsure voxels of this joint.
        number: The boundary's number; ``number`` and ``number + 1`` are the levels below and above.
        above: Height of each voxel above the sheet in mm, (N,).
        bonds: Neighbours, as from ``_bonds``.
        depth_mm: Depth of each voxel inside the bone, (N,).
    """
    tail, head, length = bonds
    mine = np.zeros(len(level), dtype=bool)
    mine[voxels] = True
    use = mine[tail]
    tail, head, length = tail[use], head[use], length[use]
    used, node = np.unique(np.concatenate([tail, head]), return_inverse=True)
    ends = (node[len(tail) :], node[: len(tail)])
    cost = length / np.minimum(depth_mm[tail], depth_mm[head]) ** NECK_POWER
    path = np.full((2, len(used)), np.inf)
    for side, sign in enumerate((1.0, -1.0)):
        start = np.flatnonzero(~mine[used] & (level[used] == number + side))
        if len(start):
            wrong = np.clip(sign * above[tail], 0, 2 * UNSURE_MM)
            graph = sparse.csr_matrix((cost * np.exp(wrong / WRONG_SIDE_MM), ends), shape=(len(used),) * 2)
            path[side] = csgraph.dijkstra(graph, indices=start, min_only=True)
    reached = mine[used] & np.isfinite(path).any(axis=0)
    level[used[reached]] = np.where(path[0] <= path[1], number, number + 1)[reached]
