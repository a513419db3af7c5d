"""Coloured label overlays on grey slices: the one place that decides colours."""

import colorsys

import numpy as np

from spider2d.labels import CANAL, CANAL_LABEL, DISC, MAX_DISC_LABEL, VERTEBRA, class_of_label

CANAL_COLOUR = (0.25, 0.65, 1.0)
_GOLDEN_RATIO = 0.618034


def _colour_of_label(label: int) -> tuple[float, float, float]:
    """Return one label's RGB colour (0-1): warm hues for vertebrae, greens for discs, blue for the canal."""
    kind = class_of_label(label)
    if kind == CANAL:
        return CANAL_COLOUR
    if kind == VERTEBRA:  # neighbours must differ: steps of the golden ratio through magenta, red, yellow
        return colorsys.hsv_to_rgb((0.86 + 0.32 * ((label * _GOLDEN_RATIO) % 1.0)) % 1.0, 0.75, 1.0)
    if kind == DISC:
        return colorsys.hsv_to_rgb(0.33 + 0.16 * ((label * _GOLDEN_RATIO) % 1.0), 0.85, 0.95)
    return (0.6, 0.6, 0.6)


_COLOURS = np.array([_colour_of_label(label) for label in range(MAX_DISC_LABEL + 31)], dtype=np.float32)

_LABEL_OF_CLASS = np.zeros(256, dtype=np.uint8)
_LABEL_OF_CLASS[[VERTEBRA, DISC, CANAL]] = 1, 201, CANAL_LABEL


def labels_of_classes(classes: np.ndarray) -> np.ndarray:
    """Return one example label per class, so that a class map can be drawn as a label map."""
    return _LABEL_OF_CLASS[classes]


def overlay_rgb(image_hw: np.ndarray, labels_hw: np.ndarray, alpha: float = 0.4) -> np.ndarray:
    """Draw a label map over a grey slice: translucent areas with an opaque outline.

    Args:
        image_hw: Float array (H, W); values are clipped to 0-1.
        labels_hw: Integer array (H, W) with SPIDER label values; 0 leaves the image as it is.
        alpha: Opacity of the areas, 0-1.

    Returns:
        uint8 array (H, W, 3).
    """
    grey = np.repeat(np.clip(image_hw, 0, 1).astype(np.float32)[..., None], 3, axis=2)
    colours = _COLOURS[np.minimum(labels_hw.astype(np.int64), len(_COLOURS) - 1)]
    opacity = np.where(_outline(labels_hw), 0.9, alpha)[..., None] * (labels_hw > 0)[..., None]
    blended = grey * (1 - opacity) + colours * opacity
    return np.round(blended * 255).astype(np.uint8)


def _outline(labels_hw: np.ndarray) -> np.ndarray:
    """Return the pixels (H, W) whose right or lower neighbour has another label, on the labelled side(s)."""
    edge = np.zeros(labels_hw.shape, dtype=bool)
    across = labels_hw[:, 1:] != labels_hw[:, :-1]
    down = labels_hw[1:] != labels_hw[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge & (labels_hw > 0)
