"""Fat that is taken for bone, in images whose brightest values were cut off.

Windowed images (8-bit exports, pictures) show fat as one flat white. Marrow is darker than fat in T1 and T2
images, and not white where fat is suppressed, so what is white as far as one can see is no bone.
"""

import numpy as np
from scipy import ndimage

from spider2d.labels import BACKGROUND, VERTEBRA

MIN_CLIPPED_SHARE = 0.01
"""An image counts as cut off when this share of its voxels has the highest value."""
MAX_WHITE_SHARE, MAX_WHITE_SHARE_BESIDE_BODIES = 0.05, 0.5
"""If more of the bone is white, marrow itself is cut off, and white tells nothing. Beside the bodies, where
much of what is called bone is none, more is allowed."""


def drop_saturated_bone(
    classes_sra: np.ndarray, array_sra: np.ndarray, max_white_share: float = MAX_WHITE_SHARE
) -> np.ndarray:
    """Return the class map without the vertebra voxels that lie in white patches.

    Patches less than 3 pixels wide stay, and so do those enclosed by bone (haemangiomas).

    Args:
        classes_sra: uint8 (S, R, A), classes.
        array_sra: The image in any unit, same shape.
        max_white_share: Of the vertebra voxels; if more would go, none goes.

    Returns:
        ``classes_sra`` itself where the image is not cut off or too much of the bone is white; else a copy.
    """
    highest = array_sra.max()
    if np.count_nonzero(array_sra == highest) < MIN_CLIPPED_SHARE * array_sra.size:
        return classes_sra
    kept = classes_sra.copy()
    for classes_hw, image_hw in zip(kept, array_sra, strict=True):
        bone = classes_hw == VERTEBRA
        white = ndimage.binary_opening(image_hw == highest)
        if (bone & white).any():
            classes_hw[bone & ~ndimage.binary_fill_holes(bone & ~white)] = BACKGROUND
    n_bone = np.count_nonzero(classes_sra == VERTEBRA)
    n_dropped = n_bone - np.count_nonzero(kept == VERTEBRA)
    return kept if n_dropped <= max_white_share * n_bone else classes_sra
