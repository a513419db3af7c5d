"""One phantom series: image and labels on one grid, as plain arrays."""

from dataclasses import dataclass

import cc3d
import numpy as np

from spider2d.data.phantom.anatomy import Anatomy, sample_anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.rendering import add_noise, blur_in_plane, coil_sensitivity
from spider2d.data.phantom.spine import paint_spine
from spider2d.data.phantom.surroundings import paint_surroundings
from spider2d.data.phantom.tissues import SEQUENCES, brightness_table
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

N_SUB_SLICES = 3
DEFAULT_GRID = {
    "t1": ((17, 384, 384), (4.0, 0.75, 0.75)),
    "t2": ((17, 384, 384), (4.0, 0.75, 0.75)),
    "t2_SPACE": ((80, 384, 384), (0.9, 0.75, 0.75)),
}


@dataclass(frozen=True)
class PhantomSeries:
    """A phantom image and its labels.

    Attributes:
        image_sra: float32 image in the raw scale of a scanner (0 and up).
        labels_sra: uint8 labels as SPIDER.
        padding_ra: Boolean (rows, columns): outside what the scanner measured.
        spacing_sra_mm: Voxel spacing along slice, row and column.
        sequence: "t1", "t2" or "t2_SPACE".
        patient_seed: Seed of the anatomy.
        anatomy: The anatomy the series shows.
    """

    image_sra: np.ndarray
    labels_sra: np.ndarray
    padding_ra: np.ndarray
    spacing_sra_mm: tuple[float, float, float]
    sequence: str
    patient_seed: int
    anatomy: Anatomy


def make_series(
    patient_seed: int,
    sequence: str,
    shape_sra: tuple[int, int, int] | None = None,
    spacing_sra_mm: tuple[float, float, float] | None = None,
    variant: str | None = None,
) -> PhantomSeries:
    """Return one series of one patient.

    Args:
        patient_seed: Seed of the patient; all sequences of a patient share the anatomy.
        sequence: "t1", "t2" or "t2_SPACE".
        shape_sra: Slices, rows, columns; a default per sequence.
        spacing_sra_mm: Spacing of slices, rows, columns in mm; a default per sequence.
        variant: A name in ``VARIANTS``, or None for a random mixture of diseases.

    Raises:
        ValueError: If the sequence or the variant is unknown.
    """
    if sequence not in SEQUENCES:
        raise ValueError(f"unknown sequence {sequence!r}; known: {', '.join(SEQUENCES)}")
    shape, spacing = DEFAULT_GRID[sequence]
    shape, spacing = tuple(shape_sra or shape), tuple(spacing_sra_mm or spacing)
    anatomy = sample_anatomy(patient_seed, variant)
    rng = np.random.default_rng([patient_seed, 10 + SEQUENCES.index(sequence)])
    grid = place_grid(anatomy, shape, spacing)
    n_sub = N_SUB_SLICES if spacing[0] > 2 else 1
    labels, spine = paint_spine(anatomy, grid.with_sub_slices(n_sub))
    around = np.repeat(paint_surroundings(anatomy, grid), n_sub, axis=0)
    tissues = np.where(spine > 0, spine, around)
    table = brightness_table(sequence, rng)
    image = table[tissues].reshape(shape[0], n_sub, *shape[1:]).mean(axis=1)
    image *= coil_sensitivity(rng, grid.coordinates(1), grid.coordinates(2), 110.0)
    image = add_noise(rng, blur_in_plane(image, 0.6), 0.015) * 900
    labels = visible_labels(anatomy, labels[n_sub // 2 :: n_sub], grid)
    padding = np.zeros(shape[1:], bool)
    return PhantomSeries(image, labels, padding, spacing, sequence, patient_seed, anatomy)


def place_grid(anatomy: Anatomy, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
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
