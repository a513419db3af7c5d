"""A 3D network over one volume: overlapping windows, added up slice by slice, back to the volume's slices.

Predictions of only as many slices as a window has are in memory at a time: of what grows with the volume's
depth there is the image on the network's grid alone.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from spider2d.data.slice_axis import old_positions, resample_slices, resampled_count
from spider2d.inference.slicewise import TTA_GAMMAS, SliceBatch, autocast, predict_batch
from spider2d.models.volume_spec import VolumeSpec

Predict = Callable[[torch.Tensor], torch.Tensor]

_SIGMA_SHARE = 1 / 8
"""Standard deviation of a window's weights, as a share of its side (as in nnU-Net and MONAI)."""
_MIN_WEIGHT = 1e-3


def predict_windows(
    network: torch.nn.Module,
    stack_shw: np.ndarray,
    slice_spacing_mm: float,
    spec: VolumeSpec,
    batch_size: int,
    test_time_augmentation: bool = False,
    device: str = "cpu",
    precision: str = "fp32",
) -> Iterator[SliceBatch]:
    """Predict every slice of a stack with a 3D network, in slice order.

    The stack is resampled to the network's slice spacing and predicted there in overlapping windows, whose
    results are averaged with Gaussian weights. Probabilities and offsets are then interpolated linearly to
    the stack's own slices.

    Args:
        network: Module in evaluation mode on ``device``, (N, 1, S, H, W) -> (N, 4 [+ 2], S, H, W).
        stack_shw: float32 array (S, H, W), normalised, pixels of ``spec.pixel_size_mm``; any size.
        slice_spacing_mm: Distance between neighbouring slices.
        spec: What the network expects.
        batch_size: Windows per forward pass (at least 1). The result does not depend on it.
        test_time_augmentation: Average over contrast variants and the left-right mirrored window (4 times the
            cost).
        device: Torch device of the network.
        precision: "fp32", or "bf16" for autocast.

    Yields:
        ``SliceBatch`` of one slice each, as ``predict_slices`` gives it.
    """
    n_own = len(stack_shw)
    n_network = resampled_count(n_own, slice_spacing_mm, spec.slice_spacing_mm)
    grid_shw = resample_slices(stack_shw, n_network)
    predict = partial(
        _predict_variants if test_time_augmentation else _predict_once, network, spec, precision
    )
    finished = enumerate(_network_slices(predict, grid_shw, spec, batch_size, device))
    held: dict[int, torch.Tensor] = {}
    for index, position in enumerate(old_positions(n_network, n_own, range(n_own))):
        below, above = math.floor(position), math.ceil(position)
        held.update(itertools.islice(finished, max(0, above - max(held, default=-1))))
        held = {slice_: values for slice_, values in held.items() if slice_ >= below}
        values = torch.lerp(held[below], held[above], float(position - below))[None]
        n_classes = len(spec.class_names)
        yield SliceBatch([index], values[:, :n_classes], values[:, n_classes:] if spec.offset_head else None)


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """Return where windows begin along an axis: evenly spaced, overlapping by at least a share.

    Args:
        size: Length of the axis, at least ``window``.
        window: Length of a window.
        overlap: Share in [0, 1) of a window that its neighbour covers too.
    """
    step = max(1, int(window * (1 - overlap)))
    n_windows = math.ceil((size - window) / step) + 1
    return np.linspace(0, size - window, n_windows).round().astype(int).tolist()


def gaussian_weights(window_shw: tuple[int, int, int]) -> torch.Tensor:
    """Return the weights (S, H, W) of a window's voxels: 1 in the middle, less towards its borders."""
    weights = torch.ones(())
    for side in window_shw:
        distance = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        weights = weights[..., None] * torch.exp(-((distance / (side * _SIGMA_SHARE)) ** 2) / 2)
    return weights.clamp(min=_MIN_WEIGHT)


def _network_slices(
    predict: Predict, grid_shw: np.ndarray, spec: VolumeSpec, batch_size: int, device: str
) -> Iterator[torch.Tensor]:
    """Yield the prediction (4 [+ 2], H, W) of each slice of the network's own grid."""
    padded, crop = _pad_to_window(grid_shw, spec.patch_shw)
    volume = torch.from_numpy(padded).to(device)
    depth = spec.patch_shw[0]
    starts = window_starts(len(volume), depth, spec.window_overlap)
    weights = gaussian_weights(spec.patch_shw).to(device)
    totals = torch.zeros(spec.out_channels + 1, depth, *volume.shape[1:], device=device)
    for start, following in itertools.zip_longest(starts, starts[1:], fillvalue=len(volume)):
        _add_windows(totals, predict, volume[start : start + depth], spec, batch_size, weights)
        n_done = following - start  # no later window reaches these slices
        for index in range(n_done):
            if crop[0].start <= start + index < crop[0].stop:
                yield totals[:-1, index, *crop[1:]] / totals[-1, index, *crop[1:]]
        totals = torch.cat([totals[:, n_done:], torch.zeros_like(totals[:, :n_done])], dim=1)


def _add_windows(
    totals: torch.Tensor,
    predict: Predict,
    slab_shw: torch.Tensor,
    spec: VolumeSpec,
    batch_size: int,
    weights: torch.Tensor,
) -> None:
    """Add the weighted results of all windows of a slab of their depth, and the weights as last channel."""
    sides = spec.patch_shw[1:]
    row_starts, column_starts = (
        window_starts(size, side, spec.window_overlap)
        for size, side in zip(slab_shw.shape[1:], sides, strict=True)
    )
    places = [
        (slice(row, row + sides[0]), slice(column, column + sides[1]))
        for row, column in itertools.product(row_starts, column_starts)
    ]
    for first in range(0, len(places), batch_size):
        batch = places[first : first + batch_size]
        windows = torch.stack([slab_shw[:, *place] for place in batch])[:, None]
        for place, result in zip(batch, predict(windows), strict=True):
            totals[:-1, :, *place] += result * weights
            totals[-1, :, *place] += weights


def _predict_once(
    network: torch.nn.Module, spec: VolumeSpec, precision: str, windows: torch.Tensor
) -> torch.Tensor:
    """Return probabilities and offsets in mm, one after the other (N, 4 [+ 2], S, H, W)."""
    with torch.inference_mode(), autocast(str(windows.device), precision):
        probabilities, offsets_mm = predict_batch(network, windows, spec)
    return probabilities if offsets_mm is None else torch.cat([probabilities, offsets_mm], dim=1)


def _predict_variants(
    network: torch.nn.Module, spec: VolumeSpec, precision: str, windows: torch.Tensor
) -> torch.Tensor:
    """Average ``_predict_once`` over contrasts and the mirrored window; mirroring keeps in-plane offsets."""
    predict = partial(_predict_once, network, spec, precision)
    contrasts = [predict(windows.clamp(min=0) ** gamma) for gamma in (1.0, *TTA_GAMMAS)]
    return torch.stack([*contrasts, predict(windows.flip(2)).flip(2)]).mean(dim=0)


def _pad_to_window(
    grid_shw: np.ndarray, window_shw: tuple[int, int, int]
) -> tuple[np.ndarray, tuple[slice, slice, slice]]:
    """Pad a volume with zeros (the floor) to the size of a window at least; also return where it lies."""
    extra = [max(0, side - size) for side, size in zip(window_shw, grid_shw.shape, strict=True)]
    before = [n // 2 for n in extra]
    crop = tuple(slice(b, b + size) for b, size in zip(before, grid_shw.shape, strict=True))
    return np.pad(grid_shw, [(b, n - b) for b, n in zip(before, extra, strict=True)]), crop
