"""From predicted slices back to the volume's own in-plane grid.

Class probabilities are interpolated, then the most probable class is taken; the slice axis is never
interpolated. Slices come in batches, so only one batch of probabilities is in memory at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from spider2d.data.plane import resample_plane_to
from spider2d.inference.outline import beyond_outline
from spider2d.inference.slicewise import SliceBatch
from spider2d.labels import BACKGROUND, VERTEBRA

CONFIDENCE_SCALE = 255
"""Confidence is stored in whole steps of 1 / 255."""


@dataclass(frozen=True)
class ClassVolume:
    """What the network says about every voxel of the canonical native grid.

    Attributes:
        classes_sra: uint8 (S, R, A), the most probable class.
        confidence_sra: uint8 (S, R, A), probability of that class times ``CONFIDENCE_SCALE``. None where a
            foreign program does not tell.
        offsets_rc_mm: float16 (2, S, R, A), from each voxel to its vertebra's centre: row, column in mm.
            Zero on slices without any finding. None without an offset head.
    """

    classes_sra: np.ndarray
    confidence_sra: np.ndarray | None
    offsets_rc_mm: np.ndarray | None


def restack(
    batches: Iterable[SliceBatch], shape_sra: Sequence[int], with_offsets: bool, outline_level: float = 0.0
) -> ClassVolume:
    """Collect predicted slices into volumes on the native in-plane grid.

    Args:
        batches: Predictions, each slice once; any pixel size, the same extent in mm as the native slices.
        shape_sra: Slices, rows and columns of the native grid.
        with_offsets: Whether the batches carry offsets.
        outline_level: Of vertebrae; see `spider2d.inference.outline`.

    Returns:
        The restacked volume. Slices no batch names are background with confidence 0.
    """
    volume = ClassVolume(
        np.zeros(shape_sra, np.uint8),
        np.zeros(shape_sra, np.uint8),
        np.zeros((2, *shape_sra), np.float16) if with_offsets else None,
    )
    for batch in batches:
        for position, index in enumerate(batch.slice_indices):
            offsets = None if batch.offsets_mm is None else batch.offsets_mm[position]
            _insert_slice(volume, index, batch.probabilities[position], offsets, outline_level)
    return volume


def _insert_slice(
    volume: ClassVolume,
    index: int,
    probabilities_chw: torch.Tensor,
    offsets_chw_mm: torch.Tensor | None,
    outline_level: float,
) -> None:
    """Write one slice's class, confidence and offsets; probabilities (4, H, W), offsets (2, H, W)."""
    size_hw = volume.classes_sra.shape[1:]
    native = resample_plane_to(probabilities_chw.cpu().numpy(), size_hw)
    confidence, classes = (array.numpy() for array in torch.from_numpy(native).max(dim=0))
    beyond = beyond_outline(classes == VERTEBRA, native[VERTEBRA], outline_level)
    classes[beyond], confidence[beyond] = BACKGROUND, native[BACKGROUND][beyond]
    volume.classes_sra[index] = classes
    volume.confidence_sra[index] = np.round(confidence * CONFIDENCE_SCALE)
    if volume.offsets_rc_mm is not None and (volume.classes_sra[index] != BACKGROUND).any():
        volume.offsets_rc_mm[:, index] = resample_plane_to(offsets_chw_mm.cpu().numpy(), size_hw)
