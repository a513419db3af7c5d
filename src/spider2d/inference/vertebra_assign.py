"""Every vertebra voxel to its level: bent sheets between the levels first, then floods along the bone."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from spider2d.inference.boundary import TYPICAL_PITCH_MM, Boundary

UNSURE_MM = 8.0
"""Behind the bodies, voxels closer to a sheet than this are decided by the bone they hang on."""
NECK_POWER = 2.0


def assign_levels(
    index_sra: np.ndarray, depth_mm: np.ndarray, spacing_sra_mm: tuple, boundaries: list[Boundary], shape_sra: tuple
) -> np.ndarray:
    """Return for every vertebra voxel the number of boundaries below it, int16 (N,).

    Args:
        index_sra: Voxel indices (N, 3).
        depth_mm: Distance of each voxel from the edge of the vertebra class, (N,).
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        boundaries: From the bottom up; may be empty.
        shape_sra: Shape of the array the indices belong to.
    """
    points_mm = index_sra.astype(np.float32) * np.array(spacing_sra_mm, dtype=np.float32)
    level = np.zeros(len(index_sra), dtype=np.int16)
    unsure = np.zeros(len(index_sra), dtype=bool)
    for boundary, scale in zip(boundaries, _scales(boundaries), strict=True):
        above = boundary.above_sheet(points_mm, scale)
        level += above > 0
        unsure |= (np.abs(above) < UNSURE_MM * scale) & (boundary.behind_wall(points_mm) > 2.0)
    return flood(level, unsure, index_sra, depth_mm, spacing_sra_mm, shape_sra)


def _scales(boundaries: list[Boundary]) -> list[float]:
    """Return the size of the spine at every boundary, 1 at the typical pitch."""
    if len(boundaries) < 2:
        return [1.0] * len(boundaries)
    distance = np.diff([boundary.height_mm for boundary in boundaries])
    around = (np.append(distance[:1], distance) + np.append(distance, distance[-1:])) / 2
    return list(np.clip(around / TYPICAL_PITCH_MM, 0.6, 1.3))


def flood(
    level: np.ndarray,
    unsure: np.ndarray,
    index_sra: np.ndarray,
    depth_mm: np.ndarray,
    spacing_sra_mm: tuple,
    shape_sra: tuple,
) -> np.ndarray:
    """Give every unsure voxel the level of the sure voxel that is nearest along the bone.

    Paths are measured in mm divided by the depth inside the bone, so that they avoid narrow necks (the joints).

    Args:
        level: Level of each voxel (N,).
        unsure: Voxels to decide, bool (N,). Those that no sure voxel reaches keep their level.
        index_sra: Voxel indices (N, 3).
        depth_mm: Distance of each voxel from the edge of the bone, (N,).
        spacing_sra_mm: Voxel size in mm.
        shape_sra: Shape of the array.
    """
    if not unsure.any() or unsure.all():
        return level
    number = np.full(shape_sra, -1, dtype=np.int32)
    number[tuple(index_sra.T)] = np.arange(len(index_sra), dtype=np.int32)
    tails, heads, costs = [], [], []
    unsure_index = index_sra[unsure]
    unsure_number = np.flatnonzero(unsure).astype(np.int32)
    for step in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, -1)):
        length = float(np.linalg.norm(np.array(step) * np.array(spacing_sra_mm)))
        for sign in (1, -1):
            neighbour = unsure_index + sign * np.array(step)
            inside = np.all((neighbour >= 0) & (neighbour < np.array(shape_sra)), axis=1)
            head = np.full(len(neighbour), -1, np.int32)
            head[inside] = number[tuple(neighbour[inside].T)]
            ok = head >= 0
            tails.append(unsure_number[ok])
            heads.append(head[ok])
            narrow = np.minimum(depth_mm[unsure_number[ok]], depth_mm[head[ok]])
            costs.append(length / narrow**NECK_POWER)
    tail, head, cost = np.concatenate(tails), np.concatenate(heads), np.concatenate(costs)
    used, compact = np.unique(np.concatenate([tail, head]), return_inverse=True)
    n_edges = len(tail)
    graph = sparse.csr_matrix(
        (np.concatenate([cost, cost]), (np.concatenate([compact[n_edges:], compact[:n_edges]]),
         np.concatenate([compact[:n_edges], compact[n_edges:]]))), shape=(len(used), len(used)))
    seeds = np.flatnonzero(~unsure[used])
    if len(seeds) == 0:
        return level
    distance, _, source = csgraph.dijkstra(graph, indices=seeds, min_only=True, return_predecessors=True)
    reached = np.isfinite(distance)
    result = level.copy()
    result[used[reached]] = level[used[source[reached]]]
    return result
