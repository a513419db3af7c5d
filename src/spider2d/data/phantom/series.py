"""One phantom series: image and labels on one grid, as plain arrays."""

from dataclasses import dataclass

import cv2
import numpy as np

from spider2d.data.phantom import field_of_view
from spider2d.data.phantom.anatomy import Anatomy, sample_anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.rendering import (
    Scan,
    acquire,
    contrast,
    make_grain,
    move_abdomen,
    sample_scan,
    sensitivity,
)
from spider2d.data.phantom.spine import paint_spine
from spider2d.data.phantom.surroundings import Noises, paint_surroundings, sample_noises
from spider2d.data.phantom.tissues import brightness_table
from spider2d.data.spider_tables import SEQUENCES

N_SUB_SLICES = 3
THICK_SLICE_MM = 2.0
RAW_SCALE = 900.0
DEFAULT_GRID = {
    "t1": ((17, 384, 384), (4.0, 0.75, 0.75)),
    "t2": ((17, 384, 384), (4.0, 0.75, 0.75)),
    "t2_SPACE": ((80, 384, 320), (0.9, 0.8, 0.8)),
}


@dataclass(frozen=True)
class PhantomSeries:
    """A phantom image and its labels.

    Attributes:
        image_sra: float32 image in the raw scale of a scanner: 0 and up, mostly below 2000.
        labels_sra: uint8 labels as SPIDER.
        padding_sra: Where the grid reaches beyond what was measured (the image is 0 there).
        spacing_sra_mm: Voxel spacing along slice, row and column.
        sequence: "t1", "t2" or "t2_SPACE".
        anatomy: The patient shown.
    """

    image_sra: np.ndarray
    labels_sra: np.ndarray
    padding_sra: np.ndarray
    spacing_sra_mm: tuple[float, float, float]
    sequence: str
    anatomy: Anatomy


def make_series(
    patient_seed: int,
    sequence: str,
    shape_sra: tuple[int, int, int] | None = None,
    spacing_sra_mm: tuple[float, float, float] | None = None,
    variant: str | None = None,
    scan: Scan | None = None,
    wildness: float = 0.0,
) -> PhantomSeries:
    """Return one series of one patient.

    Args:
        patient_seed: Seed of the patient; all sequences of a patient share the anatomy.
        sequence: "t1", "t2" or "t2_SPACE".
        shape_sra: Slices, rows, columns; a default per sequence.
        spacing_sra_mm: Spacing of slices, rows, columns in mm; a default per sequence.
        variant: A name in ``VARIANTS``, or None for a random mixture of diseases.
        scan: Other settings of the scanner, for example with ``tissues.random_brightness_table``; None for
            ordinary ones drawn from the seed.
        wildness: See ``anatomy.sample_anatomy``.

    Raises:
        ValueError: If the sequence or the variant is unknown.
    """
    if sequence not in SEQUENCES:
        raise ValueError(f"unknown sequence {sequence!r}; known: {', '.join(SEQUENCES)}")
    default_shape, default_spacing = DEFAULT_GRID[sequence]
    shape, spacing = tuple(shape_sra or default_shape), tuple(spacing_sra_mm or default_spacing)
    rng = np.random.default_rng([patient_seed, 10 + SEQUENCES.index(sequence)])
    usual_scan = sample_scan(rng, brightness_table(sequence, rng), sequence)
    scan = scan or usual_scan
    anatomy = sample_anatomy(patient_seed, variant, wildness)
    grid = field_of_view.place_grid(anatomy, shape, spacing, rng)
    n_sub = N_SUB_SLICES if spacing[0] > THICK_SLICE_MM else 1
    noises = sample_noises(patient_seed, grid)
    rough = np.repeat(noises.rough, n_sub, axis=0)
    labels, spine = paint_spine(anatomy, grid.with_sub_slices(n_sub), rough)
    around = np.repeat(paint_surroundings(anatomy, noises, grid), n_sub, axis=0)
    image = render(scan, np.where(spine > 0, spine, around), n_sub, anatomy, noises, grid, rng)
    padding = field_of_view.sample_padding(rng, shape, spacing)
    image[padding] = 0
    labels = labels[n_sub // 2 :: n_sub].copy()
    labels[padding] = 0
    labels = field_of_view.visible_labels(anatomy, labels, grid)
    return PhantomSeries(image, labels, padding, spacing, sequence, anatomy)


def render(
    scan: Scan,
    tissues: np.ndarray,
    n_sub: int,
    anatomy: Anatomy,
    noises: Noises,
    grid: Grid,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the image (float32) of tissues given in ``n_sub`` sub-slices per slice of the grid."""
    pixel_mm, middle = grid.spacing_sra_mm[1], grid.shape_sra[0] // 2
    grain = 0.7 * make_grain(rng, grid.shape_sra, pixel_mm) + 0.9 * noises.lumps
    image = contrast(scan, tissues, n_sub, grain, noises.fibres)
    levels, midline = grid.coordinates(1), anatomy.midline
    front_mm = midline.at("front_mm", levels)
    move_abdomen(scan, image, grid, front_mm)
    uneven = smooth(noises.lumps[middle], 60 / pixel_mm)
    image *= sensitivity(scan, grid, midline.at("fascia_mm", levels) + 10, front_mm, uneven)
    return acquire(scan, image, grid.spacing_sra_mm[1:], rng) * np.float32(RAW_SCALE)


def smooth(plane: np.ndarray, sigma_px: float) -> np.ndarray:
    """Return a strongly smoothed plane scaled to [-1, 1]."""
    small = cv2.resize(plane, (48, 48), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px * 48 / plane.shape[0])
    return cv2.resize(small / np.abs(small).max(), plane.shape[::-1], interpolation=cv2.INTER_CUBIC)
