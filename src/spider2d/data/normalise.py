"""Intensity normalisation of one volume, by percentiles of its foreground.

MR intensities have no unit, and SPIDER holds two conventions (from -1000 = padding, and from 0 up), padding
floors and saturation spikes. Extraction and inference both normalise with the functions of this module.
"""

from dataclasses import dataclass

import numpy as np

from spider2d.errors import VolumeError

FLOOR, CEILING = 0.0, 2.0
"""Range of normalised values. Padding and air lie at ``FLOOR``: whatever is added around an image has it."""

LOW_PERCENTILE = 1.0
HIGH_PERCENTILE = 90.0
_TRIM_PERCENT = 0.5
_MAX_SAMPLES = 150_000


@dataclass(frozen=True)
class IntensityWindow:
    """The two intensities of a volume, in its own values, that become 0 and 1."""

    low: float
    high: float


def fit_window(array: np.ndarray) -> IntensityWindow:
    """Find the intensities of a volume that become 0 and 1.

    Voxels with the volume's lowest value are taken for padding and left out. Of the others, ``low`` is the
    1st percentile (air), and ``high`` the 90th percentile of the foreground, the voxels above the mean (the
    mean of the values trimmed to their central 99 %, so that spikes do not move it). An affine change of the
    intensities changes the window likewise.

    Args:
        array: Real array (..., H, W) in any unit, at least 2D; rows and columns are thinned out evenly when
            the volume is large.

    Returns:
        The window, with low < high.

    Raises:
        VolumeError: The array is empty or constant.
    """
    samples = _sample(array)
    values = samples[samples > samples.min()] if samples.size else samples
    if values.size == 0:
        raise VolumeError(
            f"the image holds {'one value only' if samples.size else 'no voxels'}, so it cannot be "
            "normalised; an MR image is needed (was a mask or an empty export given?)"
        )
    low, trim_low, trim_high = np.percentile(values, [LOW_PERCENTILE, _TRIM_PERCENT, 100 - _TRIM_PERCENT])
    foreground = values[values >= np.clip(values, trim_low, trim_high).mean()]
    high = np.percentile(foreground, HIGH_PERCENTILE)
    if high <= low:  # two values only, for example a mask: the padding becomes 0 and the other one 1
        low = samples.min()
    return IntensityWindow(float(low), float(high))


def apply_window(array: np.ndarray, window: IntensityWindow) -> np.ndarray:
    """Map a volume's intensities so that the window becomes 0-1, clipped to ``FLOOR``-``CEILING``.

    Args:
        array: Real array of any shape, in the intensities the window was fitted to.
        window: What ``fit_window`` returned for the volume.

    Returns:
        float32 array of the same shape, values 0-2: air 0, bright tissue about 1.
    """
    # float64 for what float32 cannot hold: 32-bit integers, and floats of more digits or another size.
    scaled = array.astype(np.result_type(array.dtype, np.float32))
    scaled -= window.low
    scaled *= 1.0 / (window.high - window.low)
    return np.clip(scaled, FLOOR, CEILING, out=scaled).astype(np.float32, copy=False)


def _sample(array: np.ndarray) -> np.ndarray:
    """Return about ``_MAX_SAMPLES`` values (N,) as float64, evenly spaced over rows and columns."""
    step = max(1, int(np.sqrt(array.size / _MAX_SAMPLES)))
    return array[..., ::step, ::step].astype(np.float64).ravel()
