"""From a canonical volume to what the network sees: the one path that extraction and inference share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spider2d.data.normalise import IntensityWindow, apply_window, fit_window
from spider2d.data.plane import resample_plane_to, resampled_size
from spider2d.errors import VolumeError

EXTENT_MM = (5.0, 2000.0)
"""Fields of view beyond these, in plane or (the upper limit) across, cannot be true."""


class PreparedStack(NamedTuple):
    """Normalised slices (S, H, W) at the network's pixel size, and the window that normalised them."""

    stack_shw: np.ndarray
    window: IntensityWindow


def prepare_stack(
    array_sra: np.ndarray,
    spacing_sra_mm: Sequence[float],
    pixel_size_mm: float,
    dtype: type[np.floating] = np.float32,
    window: IntensityWindow | None = None,
) -> PreparedStack:
    """Normalise a canonical volume and resample it in plane, slice by slice to keep memory small.

    Args:
        array_sra: Canonical image (slice, row, column), any real type.
        spacing_sra_mm: Its spacing.
        pixel_size_mm: Wanted size of rows and columns.
        dtype: Type of the stack; the computation is in float32.
        window: How to normalise; None = by the volume itself.

    Returns:
        Stack (S, H, W) over the same extent, values 0-2, and the window.

    Raises:
        VolumeError: The image is constant, or its field of view cannot be true.
    """
    check_extent(array_sra.shape, spacing_sra_mm)
    window = window or fit_window(array_sra)
    size_hw = resampled_size(array_sra.shape[1:], spacing_sra_mm[1:], pixel_size_mm)
    stack_shw = np.empty((len(array_sra), *size_hw), dtype=dtype)
    for index, native_hw in enumerate(array_sra):
        # Spikes are clipped before they could spread to their neighbours.
        prepared_hw = resample_plane_to(apply_window(native_hw, window), size_hw)
        stack_shw[index] = to_half(prepared_hw) if dtype is np.float16 else prepared_hw
    return PreparedStack(stack_shw, window)


def check_extent(shape_sra: Sequence[int], spacing_sra_mm: Sequence[float]) -> None:
    """Refuse a field of view that cannot be true, before it fills the memory.

    Raises:
        VolumeError: It is beyond ``EXTENT_MM``, as where the spacing is stated in metres or micrometres.
    """
    across_mm, *plane_mm = (n * mm for n, mm in zip(shape_sra, spacing_sra_mm, strict=True))
    if min(plane_mm) < EXTENT_MM[0] or max(across_mm, *plane_mm) > EXTENT_MM[1]:
        raise VolumeError(
            f"the field of view would be {plane_mm[0]:.1f} x {plane_mm[1]:.1f} mm in plane and "
            f"{across_mm:.1f} mm across (spacing {tuple(spacing_sra_mm)} mm); correct the spacing in the "
            "header"
        )


def rows_with_image(array_sra: np.ndarray) -> slice:
    """Return the rows of a volume (S, R, A) without those above and below that hold one value only (padding).

    A constant volume has no such rows: the slice is empty.
    """
    varies = array_sra.max(axis=(0, 2)) > array_sra.min(axis=(0, 2))
    rows = np.flatnonzero(varies)
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)


def to_half(values: np.ndarray) -> np.ndarray:
    """Return float32 values from 0 to 65000 as float16, ten times as fast as ``astype`` (30 times at 0).

    Times 2 ** -112 the exponent of a float32 is that of a float16 (whose bias is 112 smaller), so the bits of
    the number, rounded to 10 of the mantissa's 23, are those of the float16.
    """
    bits = (values * np.float32(2.0**-112)).view(np.uint32)
    bits += 1 << 12
    bits >>= 13
    return bits.astype(np.uint16).view(np.float16)
