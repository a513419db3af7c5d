"""Label volumes for tests of scores: two vertebrae on paper, and random ones."""

import numpy as np

from spider2d.data.volume import Geometry, Volume

SPACING_XYZ = (4.0, 0.5, 0.8)
LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def volume(array_zyx, direction=LPS, spacing=SPACING_XYZ):
    """Return labels (z, y, x) as a volume; its voxels are anisotropic unless said otherwise."""
    return Volume(array_zyx, Geometry(array_zyx.shape[::-1], spacing, (3.0, -7.0, 11.0), direction))


def spine(shape=(23, 17, 7)):
    """Two vertebrae of 5 x 5 x 3 voxels with a disc of 2 x 5 x 3 between them, and a canal behind them."""
    labels = np.zeros(shape, dtype=np.uint16)
    labels[2:7, 3:8, 2:5] = 1
    labels[7:9, 3:8, 2:5] = 201
    labels[9:14, 3:8, 2:5] = 2
    labels[2:18, 10:12, 3:5] = 100
    return labels


def random_labels(rng):
    """Return blocks of random labels with holes, uint8 of shape (9, 8, 6)."""
    labels = rng.choice(np.array([1, 2, 3, 100, 201, 202], dtype=np.uint8), size=(3, 4, 3))
    labels = labels.repeat(3, 0).repeat(2, 1).repeat(2, 2)
    return np.where(rng.random(labels.shape) < 0.6, labels, 0)
