"""One phantom series: image and labels on one grid, as plain arrays."""

from dataclasses import dataclass

import cc3d
import cv2
import numpy as np

from spider2d.data.phantom.anatomy import Anatomy, sample_anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.rendering import Scan, acquire, contrast, make_grain, sample_scan, sensitivity
from spider2d.data.phantom.spine import paint_spine
from spider2d.data.phantom.surroundings import paint_surroundings, sample_noises
from spider2d.data.phantom.tissues import SEQUENCES, brightness_table
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

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

    Raises:
        ValueError: If the sequence or the variant is unknown.
    """
    if sequence not in SEQUENCES:
        raise ValueError(f"unknown sequence {sequence!r}; known: {', '.join(SEQUENCES)}")
    default_shape, default_spacing = DEFAULT_GRID[sequence]
    shape, spacing = tuple(shape_sra or default_shape), tuple(spacing_sra_mm or default_spacing)
    rng = np.random.default_rng([patient_seed, 10 + SEQUENCES.index(sequence)])
    scan = scan or sample_scan(rng, brightness_table(sequence, rng), sequence)
    anatomy = sample_anatomy(patient_seed, variant)
    grid = place_grid(anatomy, shape, spacing, rng)
    n_sub = N_SUB_SLICES if spacing[0] > THICK_SLICE_MM else 1
    labels, spine = paint_spine(anatomy, grid.with_sub_slices(n_sub))
    labels = visible_labels(anatomy, labels[n_sub // 2 :: n_sub], grid)
    image = render(scan, anatomy, grid, spine, n_sub, rng)
    return PhantomSeries(image, labels, np.zeros(shape, bool), spacing, sequence, anatomy)


def render(
    scan: Scan, anatomy: Anatomy, grid: Grid, spine: np.ndarray, n_sub: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the image (float32) of a spine of ``n_sub`` sub-slices per slice in its surroundings."""
    noises = sample_noises(anatomy.seed, grid)
    around = np.repeat(paint_surroundings(anatomy, noises, grid), n_sub, axis=0)
    tissues = np.where(spine > 0, spine, around)
    grain = 0.7 * make_grain(rng, grid.shape_sra, grid.spacing_sra_mm[1]) + 0.9 * noises.lumps
    image = contrast(scan, tissues, n_sub, grain)
    levels, middle = grid.coordinates(1), grid.shape_sra[0] // 2
    skin, front = (anatomy.midline.at(name, levels) for name in ("fascia_mm", "front_mm"))
    image *= sensitivity(
        scan, grid, skin + 10, front, smooth(noises.lumps[middle], 60 / grid.spacing_sra_mm[1])
    )
    return acquire(scan, image, grid.spacing_sra_mm[1:], rng) * np.float32(RAW_SCALE)


def smooth(plane: np.ndarray, sigma_px: float) -> np.ndarray:
    """Return a strongly smoothed plane scaled to [-1, 1]."""
    small = cv2.resize(plane, (48, 48), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px * 48 / plane.shape[0])
    return cv2.resize(small / np.abs(small).max(), plane.shape[::-1], interpolation=cv2.INTER_CUBIC)


def place_grid(
    anatomy: Anatomy,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> Grid:
    """Return a grid around the spine whose upper edge suits the anatomy.

    The lower edge lies below S1; the upper edge runs through a disc, or through the upper half of the
    topmost body where the anatomy wants that vertebra cut.
    """
    extent = [n * s for n, s in zip(shape, spacing, strict=True)]
    bottom = min(75.0, 0.28 * extent[1])
    wanted_top = bottom - extent[1]
    cut = 0.35 if anatomy.disease.cut_top else -0.1
    edges = [
        v.frame.centre[1] - v.body.half_height * (1 - 2 * cut) * v.frame.axes[1, 1] for v in anatomy.vertebrae
    ]
    top = min(edges, key=lambda edge: abs(edge - wanted_top))
    middle = np.interp(top + extent[1] / 2, anatomy.canal.down_mm, anatomy.canal.posterior_mm)
    right = float(np.mean([v.frame.centre[0] for v in anatomy.vertebrae[:6]]))
    origin = (
        right - extent[0] / 2 + spacing[0] / 2,
        top + spacing[1] / 2,
        float(middle) - 0.55 * extent[2] + spacing[2] / 2,
    )
    return Grid(shape, spacing, origin)


def visible_labels(anatomy: Anatomy, labels: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the labels of vertebrae with a visible body, their discs and the canal, one piece each."""
    top = grid.coordinates(1)[0]
    shown = [CANAL_LABEL]
    for vertebra in anatomy.vertebrae:
        height = vertebra.body.half_height * vertebra.frame.axes[1, 1]
        if vertebra.frame.centre[1] + 0.3 * height > top:
            shown += [vertebra.label, DISC_OFFSET + vertebra.label]
    labels = np.where(np.isin(labels, shown), labels, np.uint8(0))
    return keep_largest_pieces(labels)


def keep_largest_pieces(labels: np.ndarray) -> np.ndarray:
    """Return the labels reduced to the largest 26-connected piece of each."""
    pieces = cc3d.connected_components(labels, connectivity=26)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    value = np.zeros(len(sizes), np.uint8)
    value[pieces.ravel()] = labels.ravel()
    keep = np.zeros(len(sizes), np.uint8)
    for label in np.unique(value[1:]):
        candidates = np.flatnonzero(value == label)
        best = candidates[np.argmax(sizes[candidates])]
        keep[best] = label
    return keep[pieces]
