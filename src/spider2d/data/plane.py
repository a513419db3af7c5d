"""In-plane geometry: resampling between pixel sizes, padding for the network, neighbouring slices in mm.

Pixel-centre convention: an image of n pixels of size p covers n * p millimetres, and resampling keeps that
extent. Output pixel i of n_out lies at input coordinate (i + 0.5) * n_in / n_out - 0.5. The pixel size is
therefore met to within half a pixel over the whole extent, and going back to the first size is exact.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np


def resampled_size(
    size_hw: Sequence[int], spacing_rc_mm: Sequence[float], target_mm: float
) -> tuple[int, int]:
    """Return the number of rows and columns at pixel size ``target_mm`` (at least one each)."""
    height, width = (max(1, round(n * mm / target_mm)) for n, mm in zip(size_hw, spacing_rc_mm, strict=True))
    return height, width


def resampled_spacing(
    size_hw: Sequence[int], spacing_rc_mm: Sequence[float], new_size_hw: Sequence[int]
) -> tuple[float, float]:
    """Return the exact row and column pixel size in mm after resampling to ``new_size_hw``."""
    row_mm, column_mm = (
        n * mm / n_new for n, mm, n_new in zip(size_hw, spacing_rc_mm, new_size_hw, strict=True)
    )
    return row_mm, column_mm


def resample_plane(stack_shw: np.ndarray, spacing_rc_mm: Sequence[float], target_mm: float) -> np.ndarray:
    """Resample images to square pixels of ``target_mm`` (linear; smoothed first where it shrinks).

    Args:
        stack_shw: Real array (S, H, W).
        spacing_rc_mm: Row and column pixel size in mm.
        target_mm: Wanted pixel size in mm.

    Returns:
        float32 array (S, H', W') covering the same extent.
    """
    return resample_plane_to(stack_shw, resampled_size(stack_shw.shape[-2:], spacing_rc_mm, target_mm))


def resample_plane_to(stack: np.ndarray, size_hw: Sequence[int]) -> np.ndarray:
    """Resample images or probabilities to a given number of rows and columns over the same extent.

    The inverse of ``resample_plane`` in geometry: a structure returns to where it was.

    Args:
        stack: Real array (..., H, W).
        size_hw: Wanted rows and columns.

    Returns:
        float32 array (..., H', W'); the input itself where it has that size and type already.
    """
    if stack.shape[-2:] == tuple(size_hw):
        return stack.astype(np.float32, copy=False)
    resampled = np.empty((*stack.shape[:-2], *size_hw), dtype=np.float32)
    for index in np.ndindex(stack.shape[:-2]):
        _resize_into(resampled[index], stack[index].astype(np.float32, copy=False))
    return resampled


def resample_plane_labels(
    stack_shw: np.ndarray, spacing_rc_mm: Sequence[float], target_mm: float
) -> np.ndarray:
    """Resample label maps (S, H, W) like ``resample_plane``, taking the nearest pixel; keeps the type."""
    size_hw = resampled_size(stack_shw.shape[1:], spacing_rc_mm, target_mm)
    rows, columns = (
        np.minimum((np.arange(n_new) + 0.5) * n / n_new, n - 1).astype(np.intp)
        for n, n_new in zip(stack_shw.shape[1:], size_hw, strict=True)
    )
    resampled = np.empty((len(stack_shw), *size_hw), dtype=stack_shw.dtype)
    for out_hw, in_hw in zip(resampled, stack_shw, strict=True):
        out_hw[:] = in_hw[rows].take(columns, axis=1)
    return resampled


def pad_to_multiple(stack: np.ndarray, multiple: int = 32) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Pad rows and columns with zeros (the floor of normalised images) to multiples of ``multiple``.

    Args:
        stack: Array (..., H, W).
        multiple: What the network needs its height and width to be multiples of.

    Returns:
        The padded array and the row and column slices that cut the input out of it:
        ``padded[..., rows, columns]`` equals ``stack``.
    """
    height, width = stack.shape[-2:]
    extra = [-height % multiple, -width % multiple]
    before = [n // 2 for n in extra]
    margins = [(0, 0)] * (stack.ndim - 2) + [(b, n - b) for b, n in zip(before, extra, strict=True)]
    crop = (slice(before[0], before[0] + height), slice(before[1], before[1] + width))
    return np.pad(stack, margins), crop


def neighbour_indices(
    n_slices: int, slice_spacing_mm: float, index: int, offsets_mm: Sequence[float]
) -> list[int]:
    """Return the slices that become the channels of one 2.5D sample.

    Args:
        n_slices: Number of slices of the series.
        slice_spacing_mm: Distance of neighbouring slices in mm.
        index: The slice in the middle.
        offsets_mm: Signed distances in mm, one per channel; 0 is the slice itself.

    Returns:
        One slice index per channel: the nearest slice at that distance, clamped to the first and last one.
    """
    return [min(max(index + round(mm / slice_spacing_mm), 0), n_slices - 1) for mm in offsets_mm]


def _resize_into(resized_hw: np.ndarray, image_hw: np.ndarray) -> None:
    """Resize one float32 image linearly into ``resized_hw``, after smoothing the axes that shrink.

    Smoothing and interpolation are both symmetric, so a linear ramp stays the same ramp in mm (averaging over
    the area of output pixels, OpenCV's usual way, shifts it by up to a tenth of a pixel).
    """
    sigmas = [smoothing_sigma(n / n_new) for n, n_new in zip(image_hw.shape, resized_hw.shape, strict=True)]
    if any(sigmas):
        kernel_rc = [2 * math.ceil(3 * sigma) + 1 for sigma in sigmas]
        image_hw = cv2.GaussianBlur(
            image_hw, kernel_rc[::-1], sigmaX=sigmas[1], sigmaY=sigmas[0], borderType=cv2.BORDER_REPLICATE
        )
    cv2.resize(image_hw, resized_hw.shape[::-1], dst=resized_hw, interpolation=cv2.INTER_LINEAR)


def smoothing_sigma(shrink_factor: float) -> float:
    """Return the Gaussian sigma in input pixels that prevents aliasing when an axis shrinks, else 0.

    Pixels are taken for Gaussians whose full width at half maximum is the pixel size; the kernel widens the
    old one to the new one (Cardoso et al., Scale factor point spread function matching, MICCAI 2015).
    """
    return math.sqrt(max(shrink_factor**2 - 1, 0) / (8 * math.log(2)))
