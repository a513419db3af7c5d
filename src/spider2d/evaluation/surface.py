"""Distances between the surfaces of two binary objects: ASD, HD95 and surface Dice.

The surface of an object is its border voxels, as in the official SPIDER evaluation; every metric is computed
from the same two lists of distances, so the metrics of one pair agree with each other.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

_REACH, _MAX_NEIGHBOURS = 8, 256
"""How far (voxels along an axis), and how many neighbours are looked at one by one; more stop paying."""
_LOOKUPS_PER_VOXEL = 4
"""Neighbours looked at, per voxel of the box: more cost as much as the distance transform they would save."""


class SurfaceDistances(NamedTuple):
    """Distances between two surfaces, in mm, one value per border voxel.

    Attributes:
        reference_to_prediction: 1-D float64; from each border voxel of the reference to the nearest border
            voxel of the prediction. Empty when the reference is empty, infinite when only the prediction is.
        prediction_to_reference: The same in the other direction.
    """

    reference_to_prediction: np.ndarray
    prediction_to_reference: np.ndarray


def border_voxels(mask: np.ndarray) -> np.ndarray:
    """Return the voxels of a mask that have a background voxel among their neighbours.

    Neighbours share a face, an edge or a corner (full connectivity); everything outside the array is
    background, so voxels of the object on the array's edge are border voxels.

    Args:
        mask: Bool array of any dimensionality.

    Returns:
        Bool array of the same shape.
    """
    eroded = mask.copy()
    # A cube-shaped neighbourhood is separable: eroding along one axis after the other gives the same result.
    for axis in range(mask.ndim):
        lines = np.moveaxis(eroded, axis, 0)
        eroded_lines = lines.copy()
        eroded_lines[1:] &= lines[:-1]
        eroded_lines[:-1] &= lines[1:]
        eroded_lines[[0, -1]] = False
        eroded = np.moveaxis(eroded_lines, 0, axis)
    return mask & ~eroded


def surface_distances(
    reference: np.ndarray, prediction: np.ndarray, spacing_mm: tuple[float, ...]
) -> SurfaceDistances:
    """Measure how far the border voxels of each of two objects lie from the other's nearest border voxel.

    Args:
        reference: Bool array of any dimensionality.
        prediction: Bool array of the same shape.
        spacing_mm: Distance between voxel centres along each array axis, in the order of the axes.

    Returns:
        The distances of both directions. With one empty mask, the distances of the other's border voxels are
        infinite; with two, both lists are empty.

    Raises:
        ValueError: Masks that are not bool, shapes that differ, or not one spacing per axis.
    """
    if reference.dtype != bool or prediction.dtype != bool:
        raise ValueError(f"masks must be bool, got {reference.dtype} and {prediction.dtype}")
    if reference.shape != prediction.shape:
        raise ValueError(f"shapes differ: {reference.shape} and {prediction.shape}")
    if len(spacing_mm) != reference.ndim:
        raise ValueError(f"{len(spacing_mm)} spacings for {reference.ndim} axes")
    reference_border, prediction_border = border_voxels(reference), border_voxels(prediction)
    return SurfaceDistances(
        _distances_to(prediction_border, reference_border, spacing_mm),
        _distances_to(reference_border, prediction_border, spacing_mm),
    )


def _distances_to(target: np.ndarray, source: np.ndarray, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """Return the distance in mm from each ``source`` voxel to the nearest ``target`` voxel.

    Surfaces of a good prediction lie close together, so looking at the nearest neighbours one by one finds
    most distances; only for voxels farther away is a distance transform needed. Both are exact.
    """
    distances = _near_distances(target, source, spacing_mm)
    far = np.isinf(distances)
    if far.any() and target.any():
        distances[far] = ndimage.distance_transform_edt(~target, sampling=spacing_mm)[source][far]
    return distances


def _near_distances(target: np.ndarray, source: np.ndarray, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """Return the distances up to a few voxels; infinite where no ``target`` voxel was found that close.

    Large surfaces far apart are given up early, and left to the distance transform.
    """
    offsets, offset_distances_mm = _neighbours(tuple(spacing_mm))
    margin = [(reach, reach) for reach in np.abs(offsets).max(axis=0)]
    padded = np.pad(target, margin)
    strides = np.cumprod((1, *padded.shape[:0:-1]))[::-1]  # steps of the flat index, last axis fastest
    positions = np.flatnonzero(np.pad(source, margin))
    distances = np.full(positions.size, np.inf)
    pending = np.arange(positions.size)
    is_target = padded.ravel()
    lookups = _LOOKUPS_PER_VOXEL * target.size
    for step, distance_mm in zip((offsets @ strides).tolist(), offset_distances_mm.tolist(), strict=True):
        found = is_target[positions[pending] + step]
        distances[pending[found]] = distance_mm
        pending = pending[~found]
        lookups -= found.size
        if not pending.size or lookups < 0:
            break
    return distances


@lru_cache(maxsize=64)
def _neighbours(spacing_mm: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets (K, ndim) of the nearest neighbours, nearest first, and their distances in mm.

    Only those closer than any voxel beyond the reach, so that none nearer is left out.
    """
    offsets = np.stack(np.meshgrid(*[np.arange(-_REACH, _REACH + 1)] * len(spacing_mm)), axis=-1)
    offsets = offsets.reshape(-1, len(spacing_mm))
    distances_mm = np.sqrt(((offsets * spacing_mm) ** 2).sum(axis=1))
    order = np.argsort(distances_mm, kind="stable")[:_MAX_NEIGHBOURS]
    order = order[distances_mm[order] < (_REACH + 1) * min(spacing_mm)]
    return offsets[order], distances_mm[order]


def average_surface_distance(distances: SurfaceDistances) -> float:
    """Return the average surface distance (ASD) in mm: the mean over the border voxels of both objects.

    The distances of both directions are pooled before averaging (as the official SPIDER evaluation does), so
    the object with the larger surface weighs more.

    Returns:
        A value >= 0; infinite when one object is empty, NaN when both are.
    """
    pooled = np.concatenate(distances)
    return float(pooled.mean()) if pooled.size else float("nan")


def hausdorff_95(distances: SurfaceDistances) -> float:
    """Return the 95th-percentile Hausdorff distance (HD95) in mm.

    It is the larger of the two directions' 95th percentiles (linear interpolation between ranks).

    Returns:
        A value >= 0; infinite when one object is empty, NaN when both are.
    """
    if not any(direction.size for direction in distances):
        return float("nan")
    if not all(direction.size for direction in distances):
        return float("inf")
    return float(max(np.percentile(direction, 95) for direction in distances))


def surface_dice(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Return the share of border voxels of both objects that lie within a tolerance of the other's border.

    After Nikolov et al., J Med Internet Res 23(7):e26151, 2021, with border voxels in place of the area of
    surface elements.

    Args:
        distances: From ``surface_distances``.
        tolerance_mm: Largest distance, inclusive, that counts as agreement.

    Returns:
        A value in 0-1; 0 when one object is empty, NaN when both are.
    """
    pooled = np.concatenate(distances)
    return float((pooled <= tolerance_mm).mean()) if pooled.size else float("nan")
