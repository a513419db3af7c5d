"""One way to predict a stack of slices, whatever the network looks at."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from spider2d.inference.slicewise import SliceBatch, predict_slices
from spider2d.inference.windows import predict_windows
from spider2d.models.spec import NetworkSpec
from spider2d.models.volume_spec import VolumeSpec


def predict_stack(
    network: torch.nn.Module,
    stack_shw: np.ndarray,
    slice_spacing_mm: float,
    spec: NetworkSpec,
    batch_size: int,
    **options: Any,
) -> Iterator[SliceBatch]:
    """Predict every slice of a stack: slice by slice, or in 3D windows.

    Args:
        network: Network in evaluation mode.
        stack_shw: float32 array (S, H, W), normalised, pixels of ``spec.pixel_size_mm``.
        slice_spacing_mm: Distance between neighbouring slices.
        spec: What the network expects; decides the way.
        batch_size: Slices or windows per forward pass.
        options: ``test_time_augmentation``, ``device`` and ``precision`` of both ways.
    """
    predict = predict_windows if isinstance(spec, VolumeSpec) else predict_slices
    return predict(network, stack_shw, slice_spacing_mm, spec, batch_size, **options)


def forward_size(spec: NetworkSpec, slice_hw: tuple[int, int]) -> tuple[int, ...]:
    """Return what goes through the network at once: rows and columns of a slice, or the sides of a window."""
    return spec.patch_shw if isinstance(spec, VolumeSpec) else slice_hw
