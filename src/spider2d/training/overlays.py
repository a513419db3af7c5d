"""Pictures for TensorBoard: one slice with its reference and its prediction drawn over it."""

import numpy as np

from spider2d.data.overlay import labels_of_classes, overlay_rgb
from spider2d.data.slices import SliceSeries
from spider2d.labels import BACKGROUND, IGNORE_CLASS


def series_picture(prediction_shw: np.ndarray, series: SliceSeries) -> np.ndarray:
    """Return the slice, the reference over it and the prediction over it, side by side.

    Args:
        prediction_shw: uint8 classes (S, H, W).
        series: The extracted series; its slice with the largest labelled area is shown.

    Returns:
        uint8 array (H, 3 * W, 3).
    """
    classes_shw = np.asarray(series.classes)
    foreground_shw = (classes_shw != BACKGROUND) & (classes_shw != IGNORE_CLASS)
    index = int(foreground_shw.sum(axis=(1, 2)).argmax())
    image_hw = np.asarray(series.image[index], dtype=np.float32)
    reference_hw = np.where(foreground_shw[index], classes_shw[index], BACKGROUND)
    panels = [np.full_like(reference_hw, BACKGROUND), reference_hw, prediction_shw[index]]
    return np.concatenate([overlay_rgb(image_hw, labels_of_classes(panel)) for panel in panels], axis=1)
