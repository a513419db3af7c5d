"""The network over the slices of one volume: batches in, class probabilities and centre offsets out.

Nothing here knows about files or grids: the stack is normalised already and has the network's pixel size.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from spider2d.data.plane import neighbour_indices, pad_to_multiple
from spider2d.errors import ConfigError
from spider2d.models.build import fast_layout
from spider2d.models.spec import OFFSET_UNIT_MM, ModelSpec, NetworkSpec
from spider2d.models.unet2d import split_output

TTA_GAMMAS = (0.75, 1.33)
TTA_SCALES = (0.8, 0.9, 1.1, 1.2)


class SliceBatch(NamedTuple):
    """Predictions of B slices: probabilities (B, 4, H, W), offsets (B, 2, H, W) in mm or None."""

    slice_indices: list[int]
    probabilities: torch.Tensor
    offsets_mm: torch.Tensor | None


def predict_slices(
    network: torch.nn.Module,
    stack_shw: np.ndarray,
    slice_spacing_mm: float,
    spec: ModelSpec,
    batch_size: int,
    test_time_augmentation: bool = False,
    device: str = "cpu",
    precision: str = "fp32",
) -> Iterator[SliceBatch]:
    """Predict every slice of a stack, batch by batch, in slice order.

    Args:
        network: Module in evaluation mode on ``device``, (N, C, H, W) -> (N, 4 [+ 2], H, W).
        stack_shw: float32 array (S, H, W), normalised, pixels of ``spec.pixel_size_mm``; any H and W.
        slice_spacing_mm: Distance between neighbouring slices; chooses the 2.5D channels.
        spec: What the network expects.
        batch_size: Slices per forward pass (at least 1). The result does not depend on it.
        test_time_augmentation: Average over contrast and scale variants, and the left-right mirrored stack
            for 2.5D (7-8 times the cost). Never anterior-posterior flips.
        device: Torch device of the network.
        precision: "fp32", or "bf16" for autocast.

    Yields:
        ``SliceBatch`` with float32 tensors on ``device``, cropped back to (H, W). The offsets point from a
        pixel to its vertebra's centre: row, column in mm (None without an offset head).
    """
    padded_shw, crop = pad_to_multiple(stack_shw, spec.pad_multiple)
    n_slices = len(padded_shw)
    channels = [
        neighbour_indices(n_slices, slice_spacing_mm, i, spec.channel_offsets_mm) for i in range(n_slices)
    ]
    for start in range(0, n_slices, batch_size):
        indices = list(range(start, min(start + batch_size, n_slices)))
        images = torch.from_numpy(padded_shw[np.array([channels[i] for i in indices])]).to(device)
        with torch.inference_mode(), autocast(device, precision):
            probabilities, offsets_mm = (
                _predict_augmented(network, images, spec)
                if test_time_augmentation
                else predict_batch(network, images, spec)
            )
        yield SliceBatch(
            indices, probabilities[(..., *crop)], None if offsets_mm is None else offsets_mm[(..., *crop)]
        )


def autocast(device: str, precision: str) -> AbstractContextManager:
    """Return the autocast context of a precision ("fp32": none, "bf16")."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def choose_device(wanted: str) -> str:
    """Resolve "auto" to "cuda" where there is a usable GPU, else "cpu".

    Raises:
        ConfigError: "cuda" without a usable GPU.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch finds no usable GPU here; take device auto or cpu")
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_precision(wanted: str, device: str) -> str:
    """Resolve "auto" to "bf16" where the hardware multiplies in bf16, else "fp32"; return others as given."""
    if wanted != "auto":
        return wanted
    if torch.device(device).type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_has_bf16() else "fp32"


def cpu_has_bf16() -> bool:
    """Return whether this CPU multiplies in bf16 (AVX-512 BF16 or AMX); others only imitate it, slowly."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def predict_batch(
    network: torch.nn.Module, images: torch.Tensor, spec: NetworkSpec
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return probabilities (N, 4, ...) and offsets (N, 2, ...) in mm, or None, of a batch (N, C, ...)."""
    output = network(fast_layout(images))
    logits, offsets = split_output(output.float(), spec)
    return logits.softmax(dim=1), None if offsets is None else offsets * OFFSET_UNIT_MM


def _predict_augmented(
    network: torch.nn.Module, images_nchw: torch.Tensor, spec: ModelSpec
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Average ``predict_batch`` over the test-time variants, each brought back to the plain grid."""
    results = [predict(images_nchw) for predict in _variants(network, spec)]
    probabilities = torch.stack([p for p, _ in results]).mean(dim=0)
    offsets = [o for _, o in results if o is not None]
    return probabilities, torch.stack(offsets).mean(dim=0) if offsets else None


def _variants(network: torch.nn.Module, spec: ModelSpec) -> list[Callable]:
    """Return the functions images -> (probabilities, offsets) of test-time augmentation."""
    plain = [lambda images: predict_batch(network, images, spec)]
    gammas = [lambda images, g=g: predict_batch(network, images.clamp(min=0) ** g, spec) for g in TTA_GAMMAS]
    scales = [lambda images, s=s: _predict_scaled(network, images, spec, s) for s in TTA_SCALES]
    offsets = list(spec.channel_offsets_mm)
    mirrored_alike = len(offsets) > 1 and offsets == [-offset for offset in reversed(offsets)]
    mirror = [lambda images: predict_batch(network, images.flip(1), spec)] if mirrored_alike else []
    return plain + gammas + scales + mirror


def _predict_scaled(
    network: torch.nn.Module, images_nchw: torch.Tensor, spec: ModelSpec, scale: float
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Predict the images enlarged by ``scale`` (to whole multiples) and bring the result back.

    Both axes get their own exact factor, by which the offsets (lengths in the enlarged picture) are divided.
    """
    height, width = images_nchw.shape[-2:]
    step = spec.pad_multiple
    size = [max(step, round(side * scale / step) * step) for side in (height, width)]
    enlarged = F.interpolate(images_nchw, size=size, mode="bilinear", align_corners=False)
    probabilities, offsets_mm = predict_batch(network, enlarged, spec)
    back = {"size": (height, width), "mode": "bilinear", "align_corners": False}
    probabilities = F.interpolate(probabilities, **back)
    if offsets_mm is None:
        return probabilities, None
    factors = torch.tensor([size[0] / height, size[1] / width], device=offsets_mm.device)
    return probabilities, F.interpolate(offsets_mm, **back) / factors[:, None, None]
