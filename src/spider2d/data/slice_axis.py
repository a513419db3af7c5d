"""Resampling along the slice axis, which only 3D networks need; conventions as in `spider2d.data.plane`.

n slices of distance p cover n * p millimetres, and resampling keeps that extent: new slice i of n_new lies at
old position (i + 0.5) * n / n_new - 0.5.
"""

from collections.abc import Sequence

import numpy as np

from spider2d.data.plane import smoothing_sigma

_NEGLIGIBLE = 1e-4
"""Shares below this are left out, so that far slices need not be read."""


def resampled_count(n_slices: int, spacing_mm: float, target_mm: float) -> int:
    """Return the number of slices ``target_mm`` apart (at least one)."""
    return max(1, round(n_slices * spacing_mm / target_mm))


def old_positions(n_slices: int, n_new: int, wanted: Sequence[int]) -> np.ndarray:
    """Return where new slices lie among the old ones, clamped to the first and last of them (float64)."""
    positions = (np.asarray(wanted) + 0.5) * n_slices / n_new - 0.5
    return np.clip(positions, 0, n_slices - 1)


def interpolation_weights(n_slices: int, n_new: int, wanted: Sequence[int]) -> np.ndarray:
    """Return the share of every old slice in the wanted new ones.

    Linear interpolation, after a Gaussian smoothing where the slices become fewer.

    Args:
        n_slices: Number of old slices.
        n_new: Number of new slices over the same extent.
        wanted: Indices of new slices.

    Returns:
        float32 array (len(wanted), n_slices); every row sums to 1.
    """
    positions = old_positions(n_slices, n_new, wanted)
    old = np.arange(n_slices)
    weights = np.maximum(1 - np.abs(positions[:, None] - old), 0)
    sigma = smoothing_sigma(n_slices / n_new)
    if sigma > 0:
        kernel = np.exp(-(((old[:, None] - old) / sigma) ** 2) / 2)
        weights = weights @ (kernel / kernel.sum(axis=1, keepdims=True))
    return weights.astype(np.float32)


def nearest_slices(n_slices: int, n_new: int, wanted: Sequence[int]) -> np.ndarray:
    """Return the old slice nearest to each wanted new one, for labels."""
    nearest = (np.asarray(wanted) + 0.5) * n_slices / n_new
    return np.minimum(nearest.astype(np.intp), n_slices - 1)


def resample_slices(stack_shw: np.ndarray, n_new: int, wanted: range | None = None) -> np.ndarray:
    """Resample images along the slice axis.

    Args:
        stack_shw: Real array (S, H, W), possibly memory-mapped: only slices that are needed are read.
        n_new: Number of slices over the same extent.
        wanted: The new slices to return, without gaps; None for all.

    Returns:
        float32 array (len(wanted), H, W).
    """
    n_slices = len(stack_shw)
    wanted = range(n_new) if wanted is None else wanted
    if n_new == n_slices:
        return np.array(stack_shw[wanted.start : wanted.stop], dtype=np.float32)
    weights = interpolation_weights(n_slices, n_new, wanted)
    weights[weights < _NEGLIGIBLE] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(weights.any(axis=0))
    part = slice(used[0], used[-1] + 1)
    return np.tensordot(weights[:, part], np.array(stack_shw[part], dtype=np.float32), axes=1)
