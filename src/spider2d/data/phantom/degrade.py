"""Class maps as a 2D network gives them: wobbling outlines, holes, false islands."""

import numpy as np
from scipy import ndimage

from spider2d.labels import N_CLASSES, classes_of_labels

WOBBLE_LENGTH_MM = 3.0


def degrade_labels(
    labels_sra: np.ndarray,
    spacing_sra_mm: tuple[float, float, float],
    seed: int,
    wobble_mm: float = 0.8,
    holes: int = 12,
    islands: int = 12,
    spot_mm: float = 3.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn reference labels into a class map with the errors of a slice-wise network.

    Every slice gets its own smooth random displacement of the outlines, then round holes and round false
    islands of random classes, each in one slice.

    Args:
        labels_sra: SPIDER labels (S, R, A).
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        seed: Same seed, same errors.
        wobble_mm: Root mean square of the displacement along each in-plane axis.
        holes: Number of holes inside structures.
        islands: Number of false islands in the background of the structures' bounding box.
        spot_mm: Largest radius of holes and islands; the smallest is a third of it.

    Returns:
        Class map (uint8, S, R, A), and the true instance of each of its voxels (uint8 labels, 0 for false
        ones): the best that any instance step could make of it.
    """
    rng = np.random.default_rng(seed)
    labels = np.stack([_wobble(rng, image, spacing_sra_mm[1:], wobble_mm) for image in labels_sra])
    classes = classes_of_labels(labels)
    if not labels.any():
        return classes, labels
    for _ in range(holes):
        spot = _spot(rng, np.argwhere(labels > 0), labels.shape, spacing_sra_mm, spot_mm)
        classes[spot], labels[spot] = 0, 0
    free = np.argwhere((labels == 0) & _bounding_box(labels_sra))
    for _ in range(islands):
        spot = _spot(rng, free, labels.shape, spacing_sra_mm, spot_mm)
        inside = tuple(axis[labels[spot] == 0] for axis in spot)
        classes[inside] = rng.integers(1, N_CLASSES)
    return classes, labels


def _wobble(rng: np.random.Generator, image: np.ndarray, spacing_rc_mm: tuple, rms_mm: float) -> np.ndarray:
    """Return an image of labels (R, A) displaced by a smooth random field."""
    grid = np.indices(image.shape, dtype=np.float32)
    for axis, spacing in enumerate(spacing_rc_mm):
        sigma = [WOBBLE_LENGTH_MM / length for length in spacing_rc_mm]
        field = ndimage.gaussian_filter(
            rng.standard_normal(image.shape, dtype=np.float32), sigma, truncate=2.5
        )
        grid[axis] += field * (rms_mm / spacing / field.std())
    return ndimage.map_coordinates(image, grid, order=0, mode="nearest")


def _bounding_box(mask: np.ndarray) -> np.ndarray:
    box = np.zeros(mask.shape, dtype=bool)
    box[ndimage.find_objects((mask > 0).astype(np.uint8))[0]] = True
    return box


def _spot(
    rng: np.random.Generator, centres: np.ndarray, shape: tuple, spacing_sra_mm: tuple, spot_mm: float
) -> tuple[np.ndarray, ...]:
    """Return the indices of a disk in one slice around a random one of ``centres`` (N, 3)."""
    slice_, row, column = centres[rng.integers(len(centres))]
    radius = rng.uniform(spot_mm / 3, spot_mm)
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    distance = np.hypot((rows - row) * spacing_sra_mm[1], (columns - column) * spacing_sra_mm[2])
    rows, columns = np.nonzero(distance <= radius)
    return np.full(len(rows), slice_), rows, columns
