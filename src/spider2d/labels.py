"""SPIDER's label values and the four classes the network sees. Every rule about labels lives here.

Label values of a mask (van der Graaf et al., Scientific Data 11:264, 2024): 0 background, 1-9 vertebrae
counted from the bottom, 100 spinal canal, 201-209 discs; disc ``200 + k`` lies directly below vertebra ``k``.
101-125 mark an incompletely visible vertebra in the output of the IIS baseline.
"""

import numpy as np

BACKGROUND, VERTEBRA, DISC, CANAL = 0, 1, 2, 3
CLASS_NAMES = ("background", "vertebra", "disc", "canal")
N_CLASSES = len(CLASS_NAMES)
STRUCTURES = CLASS_NAMES[1:]
"""Names of the classes that are segmented and scored: all but the background."""
IGNORE_CLASS = 255
"""Class value of pixels the loss leaves out."""

CANAL_LABEL = 100
DISC_OFFSET = 200
PARTIAL_VERTEBRA_OFFSET = 100
MAX_VERTEBRA_LABEL, MAX_PARTIAL_LABEL, MAX_DISC_LABEL = 25, 125, 225

_CLASS_OF_LABEL = np.full(MAX_DISC_LABEL + 1, IGNORE_CLASS, dtype=np.uint8)
_CLASS_OF_LABEL[0] = BACKGROUND
_CLASS_OF_LABEL[1 : MAX_VERTEBRA_LABEL + 1] = VERTEBRA
_CLASS_OF_LABEL[CANAL_LABEL] = CANAL
_CLASS_OF_LABEL[CANAL_LABEL + 1 : MAX_PARTIAL_LABEL + 1] = VERTEBRA
_CLASS_OF_LABEL[DISC_OFFSET + 1 :] = DISC


def class_of_label(label: int) -> int:
    """Return the class (0-3) of one label value, or ``IGNORE_CLASS`` for a value SPIDER does not define."""
    return int(_CLASS_OF_LABEL[label]) if 0 <= label <= MAX_DISC_LABEL else IGNORE_CLASS


def classes_of_labels(labels: np.ndarray) -> np.ndarray:
    """Return the class map of a label array.

    Args:
        labels: Integer array of any shape with SPIDER label values.

    Returns:
        uint8 array of the same shape; values SPIDER does not define become ``IGNORE_CLASS``.
    """
    inside = (labels >= 0) & (labels <= MAX_DISC_LABEL)
    if inside.all():
        return _CLASS_OF_LABEL[labels]
    return np.where(inside, _CLASS_OF_LABEL[np.where(inside, labels, 0)], np.uint8(IGNORE_CLASS))


def disc_below(vertebra_label: int) -> int:
    """Return the label of the disc directly below a vertebra."""
    return DISC_OFFSET + vertebra_label


def unknown_labels(label_values: np.ndarray) -> list[int]:
    """Return the sorted label values (of an array of values or voxels) that SPIDER does not define."""
    values = np.unique(label_values)
    return [int(value) for value in values if class_of_label(int(value)) == IGNORE_CLASS]
