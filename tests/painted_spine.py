"""A spine painted with flat intensities, and a network that reads the classes off them: known answers."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from spider2d.data.volume import Geometry, Volume, from_canonical
from spider2d.labels import CANAL, DISC, VERTEBRA
from spider2d.models.spec import ModelSpec

PIXEL_MM = 0.8
INTENSITY_OF_CLASS = np.array([100, 400, 700, 1000], dtype=np.int16)  # and 0 = air, the padding
LEVELS = (0.0, 1 / 3, 2 / 3, 1.0)
"""The same intensities as the normalisation maps them: 100 is the darkest but for air, 1000 the brightest."""

OBLIQUE = Rotation.from_euler("xyz", [4, -9, 13], degrees=True).as_matrix()
LPS = OBLIQUE  # x R -> L, y A -> P, z I -> S: the slice axis is last in the array, as in T1 and T2
PIR = OBLIQUE @ np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]])  # the slice axis is first, as in SPACE


def spec(**changes):
    return ModelSpec(**{"pixel_size_mm": PIXEL_MM, "offset_head": False, **changes})


class ReadsIntensities(torch.nn.Module):
    """Gives each pixel the class whose normalised intensity is nearest to that of the middle channel."""

    def forward(self, images_nchw):
        levels = torch.tensor(LEVELS)[:, None, None]
        middle = images_nchw[:, images_nchw.shape[1] // 2, None].float()
        return -200.0 * (middle - levels) ** 2


def paint_classes(shape_sra=(9, 151, 101)):
    """Four bodies (20 mm), three discs (8 mm) and a straight canal; the posterior arch is left out."""
    classes = np.zeros(shape_sra, np.uint8)
    inner = slice(1, -1)
    for k in range(4):
        top = 8 + 35 * k
        classes[inner, top : top + 25, 30:66] = VERTEBRA
        if k < 3:
            classes[inner, top + 25 : top + 35, 31:65] = DISC
    classes[3:6, 4:147, 66:86] = CANAL
    return classes


def paint_volume(direction, classes_sra=None, spacing_sra_mm=(4.0, PIXEL_MM, PIXEL_MM)):
    """Return (volume, its canonical classes) on an oblique grid; axes of the file as ``direction`` says."""
    classes_sra = paint_classes() if classes_sra is None else classes_sra
    image_sra = INTENSITY_OF_CLASS[classes_sra]
    image_sra[:, :, :3] = 0
    geometry = Geometry((1, 1, 1), (1.0, 1.0, 1.0), (0.0,) * 3, tuple(np.ravel(direction).tolist()))
    axes_xyz = geometry.orientation.axes_xyz
    size, spacing = [0, 0, 0], [0.0, 0.0, 0.0]
    for canonical, axis in enumerate(axes_xyz):
        size[axis], spacing[axis] = image_sra.shape[canonical], spacing_sra_mm[canonical]
    geometry = Geometry(tuple(size), tuple(spacing), (-31.25, 12.5, 140.0625), geometry.direction)
    return from_canonical(image_sra, Volume(np.empty(size[::-1], np.int16), geometry)), classes_sra
