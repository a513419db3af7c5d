"""Where the outline of bone lies: within the pixels that are most probably bone, not at their edge.

The shipped network learns from phantoms whose vertebrae reach into their dark shell; the references of real
images mostly end before it. Its probability falls over that shell, from nearly 1 inside to little outside.
"""

import numpy as np
from scipy import ndimage

TOUCHING = np.ones((3, 3))


def beyond_outline(is_bone: np.ndarray, probability: np.ndarray, level: float) -> np.ndarray:
    """Return which pixels of bone lie beyond the outline of their piece.

    That outline is drawn at a share of the piece's own highest probability, so that a faint piece becomes as
    much smaller as a sure one, and none is lost.

    Args:
        is_bone: bool (R, A), one slice.
        probability: float (R, A), of bone.
        level: Share of the highest probability, 0 to 1; 0 = nothing lies beyond.

    Returns:
        bool (R, A).
    """
    pieces, n_pieces = ndimage.label(is_bone, TOUCHING)
    if level == 0 or n_pieces == 0:
        return np.zeros(is_bone.shape, dtype=bool)
    highest = ndimage.maximum(probability, pieces, np.arange(n_pieces + 1))
    return is_bone & (probability < np.float32(level) * highest[pieces])
