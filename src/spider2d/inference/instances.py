"""Class maps to instances: vertebrae and discs numbered from the bottom as in SPIDER, the canal one object.

The way: the course of the spine (``spine_frame``), discs along it (``discs``), boundaries where a disc is
missing (``levels``), every vertebra voxel to the level between two boundaries (``vertebra_assign``), small
pieces (``cleanup``), numbers (here). Geometry in mm only, no intensities, no randomness.
"""

from dataclasses import dataclass

import edt
import numpy as np

from spider2d.errors import VolumeError
from spider2d.inference import lone_slice
from spider2d.inference.boundary import Boundary
from spider2d.inference.cleanup import PIECE_LIMITS, PieceLimits, clean_canal, tidy_instances
from spider2d.inference.cuts import add_missing_boundaries
from spider2d.inference.discs import find_discs
from spider2d.inference.levels import (
    BodySample,
    estimate_pitch,
    measure_levels,
    place_walls,
    sample_bodies,
)
from spider2d.inference.numbering import describe, number_levels, vertebra_labels
from spider2d.inference.plausibility import Spine, measure_spine
from spider2d.inference.spine_frame import FAR_MM, SpineFrame, fit_spine
from spider2d.inference.vertebra_assign import Bone, assign_levels
from spider2d.labels import BACKGROUND, CANAL, CANAL_LABEL, DISC, N_CLASSES, VERTEBRA


@dataclass(frozen=True)
class InstanceResult:
    """Instances of one volume.

    Attributes:
        labels_sra: uint8 (S, R, A) SPIDER labels: vertebrae 1.. from the bottom, 100 canal, 200 + k the disc
            below vertebra k.
        notes: What a reader should know about this volume, one sentence each.
        spine: Sizes of the numbered spine; None where there is none (nothing found, a slice beside it).
        beside_bodies: Whether this is a single slice that shows no vertebral body, or rims only.
    """

    labels_sra: np.ndarray
    notes: list[str]
    spine: Spine | None = None
    beside_bodies: bool = False

    @property
    def topmost_incomplete(self) -> bool:
        """Whether the topmost vertebra is cut by the upper edge of the field of view."""
        return self.spine is not None and self.spine.topmost_incomplete


def label_instances(
    classes_sra: np.ndarray,
    spacing_sra_mm: tuple[float, float, float],
    offsets_rc_mm: np.ndarray | None = None,
    image_rows: slice | None = None,
) -> InstanceResult:
    """Turn a class map into numbered instances.

    Args:
        classes_sra: uint8 (S, R, A), classes 0-3 of ``labels.CLASS_NAMES``; other values count as background.
            Slices from left to right, rows from the head down, columns from the front backwards.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        offsets_rc_mm: Predicted in-plane vector (row, column) in mm from each vertebra voxel to the centre
            of its vertebra, float (2, S, R, A); None without a network that predicts it.
        image_rows: The rows that hold image, without padding above and below; None = all.

    Returns:
        The instances; all zero, with a note, where the map holds no vertebra and no disc (and no canal).

    Raises:
        VolumeError: If the arrays' shapes do not fit or a spacing is not positive.
    """
    _check(classes_sra, spacing_sra_mm, offsets_rc_mm)
    labels = np.zeros(classes_sra.shape, dtype=np.uint8)
    found = (classes_sra > BACKGROUND) & (classes_sra < N_CLASSES)
    if not found.any():
        return InstanceResult(labels, ["nothing was found: no vertebra, no disc, no canal"])
    box = _bounding_box(found)
    # A margin of one voxel lets every later step look at neighbours without asking for the edge.
    classes = np.pad(np.where(found[box], classes_sra[box], np.uint8(BACKGROUND)), 1)
    offsets = (
        None if offsets_rc_mm is None else np.pad(offsets_rc_mm[(slice(None), *box)], ((0, 0), *[(1, 1)] * 3))
    )
    spacing = tuple(float(length) for length in spacing_sra_mm)
    first, stop, _ = (image_rows or slice(None)).indices(classes_sra.shape[1])
    edge_rows = (first - box[1].start + 1, stop - box[1].start)
    boxed, notes, spine = _label_box(classes, spacing, offsets, edge_rows, len(classes_sra) == 1)
    labels[box] = boxed[1:-1, 1:-1, 1:-1]
    return InstanceResult(labels, notes, spine, beside_bodies=lone_slice.NOTE in notes)


def _check(classes_sra: np.ndarray, spacing_sra_mm: tuple, offsets_rc_mm: np.ndarray | None) -> None:
    if classes_sra.ndim != 3 or len(spacing_sra_mm) != 3 or not np.all(np.array(spacing_sra_mm) > 0):
        raise VolumeError(
            f"instances need a class map (slice, row, column) and three positive spacings in mm; "
            f"found shape {classes_sra.shape} and spacing {tuple(spacing_sra_mm)}"
        )
    if offsets_rc_mm is not None and offsets_rc_mm.shape != (2, *classes_sra.shape):
        raise VolumeError(
            f"offsets to fit the class map need shape {(2, *classes_sra.shape)}; found {offsets_rc_mm.shape}"
        )


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def _label_box(
    classes: np.ndarray,
    spacing: tuple,
    offsets: np.ndarray | None,
    edge_rows: tuple[int, int],
    is_lone_slice: bool,
) -> tuple[np.ndarray, list[str], Spine | None]:
    """Label a padded box; ``edge_rows`` are the first and last row with image, counted in the box's rows."""
    limits = lone_slice.piece_limits(spacing[0]) if is_lone_slice else PIECE_LIMITS
    canal = clean_canal(classes == CANAL, spacing, limits)
    labels = np.where(canal, np.uint8(CANAL_LABEL), np.uint8(BACKGROUND))
    vertebra_index, disc_index = np.argwhere(classes == VERTEBRA), np.argwhere(classes == DISC)
    if len(vertebra_index) + len(disc_index) == 0:
        return labels, ["no vertebra and no disc was found"], None
    frame = fit_spine(np.where((classes == CANAL) & ~canal, np.uint8(BACKGROUND), classes), spacing)
    vertebra_mm = _millimetres(vertebra_index, spacing)
    at = tuple(vertebra_index.T)
    offset = None if offsets is None else offsets[:, *at].T.astype(np.float32)
    bodies = sample_bodies(vertebra_mm, spacing, frame, offset)
    disc_mm = _millimetres(disc_index, spacing)
    disc_number, boundaries, pitch_mm = _find_boundaries(disc_mm, bodies, spacing, frame)

    depth = edt.edt(classes == VERTEBRA, anisotropy=(FAR_MM, *spacing[1:]), parallel=1)
    bone = Bone(vertebra_index, vertebra_mm, depth[at], spacing, classes.shape)
    level = assign_levels(bone, boundaries, offset)

    levels = measure_levels(boundaries, bodies, pitch_mm)
    discs = np.flatnonzero(levels.is_disc)
    numbering = number_levels(levels)
    is_body = frame.in_front_of_wall(vertebra_mm)
    values = vertebra_labels(level, is_body, numbering)
    disc_labels = [numbering.disc_label(index) for index in discs]
    lone = None
    if is_lone_slice:
        rows_mm = np.array([disc_mm[disc_number == number, 1].mean() for number in range(len(discs))])
        lone = lone_slice.number_lone_slice(bone, level, is_body, offset, canal, rows_mm, levels, numbering)
    if lone:
        values, disc_labels = lone.bone, lone.discs
    of_disc = np.array([*disc_labels, 0], dtype=np.uint8)[disc_number]
    for index, instances in ((vertebra_index, values), (disc_index, of_disc)):
        labels += _tidied(classes.shape, index, instances, spacing, limits)
    if lone:
        return labels, [lone.note], None
    spine = measure_spine(labels, vertebra_index[is_body], levels, numbering, spacing[1], edge_rows)
    return labels, describe(numbering, levels.is_disc), spine


def _millimetres(index_sra: np.ndarray, spacing: tuple) -> np.ndarray:
    return index_sra.astype(np.float32) * np.array(spacing, dtype=np.float32)


def _find_boundaries(
    disc_mm: np.ndarray, bodies: BodySample, spacing: tuple, frame: SpineFrame
) -> tuple[np.ndarray, list[Boundary], float]:
    """Return each disc voxel's disc number (-1 = none), all boundaries from the bottom up, and the pitch."""
    disc_number, discs = find_discs(disc_mm, spacing, frame)
    pitch_mm = estimate_pitch(discs, bodies)
    boundaries = place_walls(add_missing_boundaries(discs, bodies, frame, pitch_mm), bodies, frame)
    return disc_number, boundaries, pitch_mm


def _tidied(
    shape: tuple, index_sra: np.ndarray, values: np.ndarray, spacing: tuple, limits: PieceLimits
) -> np.ndarray:
    """Return an array with ``values`` at the voxels, loose fragments joined or dropped."""
    instances = np.zeros(shape, dtype=np.uint8)
    instances[tuple(index_sra.T)] = values
    return tidy_instances(instances, spacing, limits)
