"""Class maps in which a network has missed or invented a whole part."""

import numpy as np

from spider2d.labels import CANAL_LABEL, DISC_OFFSET, VERTEBRA


def miss_disc(classes_sra: np.ndarray, labels_sra: np.ndarray, vertebra: int) -> np.ndarray:
    """Return the class map with the disc below a vertebra taken for vertebra."""
    return np.where(labels_sra == DISC_OFFSET + vertebra, np.uint8(VERTEBRA), classes_sra)


def add_false_sacrum(
    classes_sra: np.ndarray,
    labels_sra: np.ndarray,
    spacing_sra_mm: tuple[float, float, float],
    height_mm: float,
) -> np.ndarray:
    """Return the class map with the part of the sacrum just below the lowest disc taken for vertebra."""
    disc = labels_sra == DISC_OFFSET + 1
    below = disc.copy()
    for shift in range(1, 1 + round(height_mm / spacing_sra_mm[1])):
        below[:, shift:] |= disc[:, :-shift]
    false = below & (labels_sra == 0)
    return np.where(false, np.uint8(VERTEBRA), classes_sra)


def drop_canal(classes_sra: np.ndarray, labels_sra: np.ndarray) -> np.ndarray:
    """Return the class map without the canal."""
    return np.where(labels_sra == CANAL_LABEL, np.uint8(0), classes_sra)
