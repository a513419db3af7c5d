"""A tiny data set in SPIDER's form for the tests: boxes for vertebrae, discs and canal."""

from pathlib import Path

import numpy as np

from spider2d.data.geometry import Geometry
from spider2d.data.volume import Volume, from_canonical, write_volume

OBLIQUE = tuple(
    (
        np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # x = A-P, y = I-S, z = L-R
        @ np.array([[1.0, 0.0, 0.0], [0.0, np.cos(0.2), -np.sin(0.2)], [0.0, np.sin(0.2), np.cos(0.2)]])
    ).ravel()
)
SUPERIOR_FIRST_LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def labels_sra(shape_sra=(5, 61, 47)):
    """Return canonical labels: three vertebrae, two discs between, the canal behind; outer slices empty."""
    labels = np.zeros(shape_sra, dtype=np.uint8)
    height, width = shape_sra[1:]
    step = height // 4
    for number in (1, 2, 3):
        top = height - 4 - number * step
        labels[1:-1, top : top + step - 3, width // 4 : width // 2] = number
        if number > 1:
            labels[1:-1, top + step - 3 : top + step, width // 4 : width // 2] = 199 + number
    labels[1:-1, 4:-4, width // 2 + 3 : width // 2 + 8] = 100
    return labels


def image_sra(labels, seed=0):
    """Return a canonical image (int16) with one grey value per class, noise, and air in the first columns."""
    rng = np.random.default_rng(seed)
    image = 300.0 + 4 * (labels > 0) * (labels < 100) * 100 + 250 * (labels == 100) - 120 * (labels > 200)
    image[:, :, :6] = 0
    return np.abs(image + rng.normal(0, 15, image.shape)).astype(np.int16)


def write_series(root: Path, name: str, spacing_xyz_mm=(4.4, 0.5, 0.7), direction=None, seed=0, labels=None):
    """Write one image and its mask; axes, flips and obliqueness follow from ``direction``."""
    labels = labels_sra() if labels is None else labels
    geometry = geometry_for(labels.shape, spacing_xyz_mm, direction or SUPERIOR_FIRST_LPS)
    like = Volume(np.zeros(geometry.size_xyz[::-1], dtype=np.int16), geometry)
    write_volume(root / "images" / f"{name}.mha", from_canonical(image_sra(labels, seed), like))
    write_volume(root / "masks" / f"{name}.mha", from_canonical(labels, like))


def geometry_for(shape_sra, spacing_xyz_mm, direction) -> Geometry:
    """Return the geometry whose canonical shape is ``shape_sra``."""
    trial = Geometry(shape_sra, spacing_xyz_mm, (-3.0, 20.0, 7.5), direction)
    size_xyz = [0, 0, 0]
    for axis_sra, axis_xyz in enumerate(trial.orientation.axes_xyz):
        size_xyz[axis_xyz] = shape_sra[axis_sra]
    return Geometry(tuple(size_xyz), spacing_xyz_mm, trial.origin_xyz_mm, direction)


def write_dataset(root: Path) -> Path:
    """Write four series of three patients: LPS and oblique PIR grids, with anisotropic pixels."""
    write_series(root, "1_t1", seed=1)
    write_series(root, "1_t2", seed=2)
    write_series(root, "2_t2_SPACE", (0.5, 0.5, 0.9), OBLIQUE, 3, labels_sra((9, 75, 65)))
    write_series(root, "3_t2", (5.1, 0.7, 0.7), seed=4)
    return root
