"""Every vertebra voxel to its level: by the bent sheets, then, near the joints, along the bone or by the network."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from spider2d.inference.boundary import TYPICAL_PITCH_MM, Boundary

UNSURE_MM = 18.0
"""Behind the bodies, voxels closer to a sheet than this are decided by the bone they hang on."""
VOTE_MM = 15.0
"""Behind the bodies, voxels closer to a sheet than this follow the network's offsets where it gave any."""
BODY_MM = 2.0
"""Voxels less far behind the posterior wall than this belong to a body, where the sheet is certain."""
STEPS_SRA = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, -1))
"""Neighbours (and their opposites) of the flood: across slices straight on only, for slices are thick."""


def assign_levels(
    index_sra: np.ndarray,
    depth_mm: np.ndarray,
    spacing_sra_mm: tuple[float, float, float],
    boundaries: list[Boundary],
    shape_sra: tuple[int, int, int],
    offsets_mm: np.ndarray | None = None,
) -> np.ndarray:
    """Return for every vertebra voxel its level: the number of boundaries below it, int16 (N,).

    Args:
        index_sra: Voxel indices (N, 3), not on the edge of the array.
        depth_mm: Distance of each voxel from the edge of the bone within its slice, (N,), above 0.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        boundaries: From the bottom up; may be empty.
        shape_sra: Shape of the array the indices belong to.
        offsets_mm: Predicted in-plane vector (row, column) from each voxel to the centre of its vertebra, (N, 2).
    """
    points_mm = index_sra.astype(np.float32) * np.array(spacing_sra_mm, dtype=np.float32)
    level = np.zeros(len(index_sra), dtype=np.int16)
    above = np.full(len(index_sra), np.inf, dtype=np.float32)
    joint = np.zeros(len(index_sra), dtype=np.int16)
    for number, (boundary, scale) in enumerate(zip(boundaries, _scales(boundaries), strict=True)):
        height, behind = boundary.above_sheet(points_mm, scale)
        level += height > 0
        nearer = (behind > BODY_MM) & (np.abs(height) < np.abs(above))
        above = np.where(nearer, height, above)
        joint = np.where(nearer, np.int16(number), joint)
    unsure = np.abs(above) < UNSURE_MM
    bonds = Bonds(*_bonds(np.flatnonzero(unsure), index_sra, spacing_sra_mm, shape_sra))
    for number in range(len(boundaries)):
        resolve(level, unsure & (joint == number), above, number, bonds, depth_mm)
    return level


from dataclasses import dataclass
SIGMA = 2.0
POWER = 3.0
@dataclass
class Bonds:
    tail: np.ndarray
    head: np.ndarray
    length: np.ndarray

def resolve(level, mine, above, number, bonds, depth):
    if not mine.any(): return
    use = mine[bonds.tail]
    tail, head, length = bonds.tail[use], bonds.head[use], bonds.length[use]
    used, node = np.unique(np.concatenate([tail, head]), return_inverse=True)
    ends = (node[len(tail):], node[:len(tail)])
    base = length / np.minimum(depth[tail], depth[head])**POWER
    dist = []
    for lab, sign in ((number, 1.0), (number + 1, -1.0)):
        wrong = np.maximum(sign * above[tail], 0)
        graph = sparse.csr_matrix((base * np.exp(wrong / SIGMA), ends), shape=(len(used),) * 2)
        seeds = np.flatnonzero(~mine[used] & (level[used] == lab))
        if len(seeds) == 0:
            dist.append(np.full(len(used), np.inf)); continue
        dist.append(csgraph.dijkstra(graph, indices=seeds, min_only=True))
    reached = np.isfinite(np.minimum(dist[0], dist[1])) & mine[used]
    level[used[reached]] = np.where(dist[0] <= dist[1], number, number + 1)[reached]


def _scales(boundaries: list[Boundary]) -> list[float]:
    """Return the size of the spine at every boundary, 1 at the typical pitch."""
    if len(boundaries) < 2:
        return [1.0] * len(boundaries)
    distance = np.diff([boundary.height_mm for boundary in boundaries])
    around = (np.append(distance[:1], distance) + np.append(distance, distance[-1:])) / 2
    return list(np.clip(around / TYPICAL_PITCH_MM, 0.6, 1.3))


def vote_by_offset(
    level: np.ndarray, doubtful: np.ndarray, target_mm: np.ndarray, position_mm: np.ndarray
) -> np.ndarray:
    """Move doubtful voxels to the neighbouring level whose centre lies nearest to where their offset points.

    Args:
        level: Level of each voxel, (N,).
        doubtful: Voxels that may move, bool (N,); the others fix the levels' centres.
        target_mm: In-plane position (row, column) each voxel's offset points at, (N, 2).
        position_mm: In-plane position of each voxel, (N, 2).
    """
    n_levels = int(level.max()) + 1
    result = level.copy()
    for _ in range(2):  # the centres move a little once the joints are right
        count = np.bincount(result, minlength=n_levels)
        centres = np.stack([np.bincount(result, position_mm[:, axis], n_levels) for axis in (0, 1)], axis=1)
        centres[count > 0] /= count[count > 0, None]
        centres[count == 0] = np.inf
        target, start = target_mm[doubtful], level[doubtful]
        best, best_distance = start.copy(), np.full(len(start), np.inf)
        for step in (0, -1, 1):
            candidate = np.clip(start + step, 0, n_levels - 1)
            distance = np.linalg.norm(target - centres[candidate], axis=1)
            best = np.where(distance < best_distance, candidate, best)
            best_distance = np.minimum(distance, best_distance)
        result[doubtful] = best
    return result


def flood(
    level: np.ndarray,
    unsure: np.ndarray,
    index_sra: np.ndarray,
    depth_mm: np.ndarray,
    spacing_sra_mm: tuple[float, float, float],
    shape_sra: tuple[int, int, int],
) -> np.ndarray:
    """Give every unsure voxel the level of the sure voxel that is nearest along the bone.

    Paths are measured in mm divided by the depth inside the bone (mm), so that they avoid the narrow places:
    the joints. Shortest paths by Dijkstra's algorithm from all sure voxels at once.

    Args:
        level: Level of each voxel, (N,).
        unsure: Voxels to decide, bool (N,). Those that no sure voxel reaches keep their level.
        index_sra: Voxel indices (N, 3), not on the edge of the array.
        depth_mm: Distance of each voxel from the edge of the bone, (N,), above 0.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        shape_sra: Shape of the array.
    """
    if not unsure.any() or unsure.all():
        return level
    tail, head, length = _bonds(np.flatnonzero(unsure), index_sra, spacing_sra_mm, shape_sra)
    cost = length / np.minimum(depth_mm[tail], depth_mm[head])
    used, node = np.unique(np.concatenate([tail, head]), return_inverse=True)
    seeds = np.flatnonzero(~unsure[used])
    if len(seeds) == 0:
        return level
    ends = (node[len(tail) :], node[: len(tail)])
    graph = sparse.csr_matrix((cost, ends), shape=(len(used), len(used)))
    _, _, source = csgraph.dijkstra(graph, indices=seeds, min_only=True, return_predecessors=True)
    reached = source >= 0
    result = level.copy()
    result[used[reached]] = level[used[source[reached]]]
    return result


def _bonds(
    voxels: np.ndarray, index_sra: np.ndarray, spacing_sra_mm: tuple, shape_sra: tuple
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of neighbouring voxels whose first is in ``voxels``, and their distance (mm)."""
    number = np.full(shape_sra, -1, dtype=np.int32)
    number[tuple(index_sra.T)] = np.arange(len(index_sra), dtype=np.int32)
    tails, heads, lengths = [], [], []
    for step in STEPS_SRA:
        length = float(np.linalg.norm(np.multiply(step, spacing_sra_mm)))
        for sign in (1, -1):
            neighbour = number[tuple((index_sra[voxels] + np.multiply(sign, step)).T)]
            is_bone = neighbour >= 0
            tails.append(voxels[is_bone])
            heads.append(neighbour[is_bone])
            lengths.append(np.full(np.count_nonzero(is_bone), length))
    return np.concatenate(tails), np.concatenate(heads), np.concatenate(lengths)
