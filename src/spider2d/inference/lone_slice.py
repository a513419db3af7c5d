"""A single slice that lies beside the bodies or leaves them, as in scoliosis: a vertebra shows in pieces.

No body can be judged by its size there, but every pixel of bone tells where the network believes the centre
of its vertebra: within 2 mm of the same place all over one vertebra, 20 mm or more from there in the next.
"""

from dataclasses import dataclass, replace

import cc3d
import numpy as np
from scipy import ndimage, signal

from spider2d.inference.cleanup import PieceLimits
from spider2d.inference.column import is_along_column
from spider2d.inference.levels import Levels
from spider2d.inference.numbering import Numbering
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import DISC_OFFSET, MAX_VERTEBRA_LABEL

MIN_BODY_MM2 = 300.0
"""A lone slice goes through the bodies when it shows one of at least this area (whole ones: 700 or more)."""
MIN_PIECE_MM2 = 12.0
"""Of bone or disc in one slice; the tips of transverse processes show 15 mm2 and more. Single slices often
state no true thickness, so their pieces are judged by area."""
MAX_GAP_MM = 30.0
"""In a single slice the canal lies between a body and its arch."""
CENTRE_SPREAD_MM, MIN_CENTRE_DISTANCE_MM = 3.0, 18.0
"""Predicted centres are smoothed by the first; those of neighbours lie further apart than the second."""
NOTE = (
    "this slice lies beside the vertebral bodies: vertebrae are numbered from the lowest bone or disc found"
)
LEAVING_NOTE = (
    "this slice leaves the vertebral bodies (no canal is behind the last one): bone and discs beyond it are "
    "numbered too"
)
NO_CANAL_NOTE = (
    "no canal was found in this slice: vertebrae are told apart by their predicted centres and numbered from "
    "the lowest bone or disc found"
)


def piece_limits(slice_mm: float) -> PieceLimits:
    """Return what is done with loose pieces in a single slice of a stated thickness."""
    return PieceLimits(least_mm3=MIN_PIECE_MM2 * slice_mm, max_gap_mm=MAX_GAP_MM)


def is_beside_bodies(body_volume_mm3: np.ndarray, numbering: Numbering, slice_mm: float) -> bool:
    """Return whether a single slice shows no vertebral body, or rims only."""
    whole = body_volume_mm3.max(initial=0) >= MIN_BODY_MM2 * slice_mm
    return not (whole and numbering.vertebra_of_level.any())


@dataclass(frozen=True)
class LoneNumbers:
    """Labels of a lone slice: of each voxel of bone, uint8 (N,), and of each disc, (D,); 0 = none."""

    bone: np.ndarray
    discs: np.ndarray
    note: str


def number_lone_slice(
    bone: Bone,
    level: np.ndarray,
    is_body: np.ndarray,
    offsets_rc_mm: np.ndarray | None,
    canal_sra: np.ndarray,
    disc_row_mm: np.ndarray,
    levels: Levels,
    numbering: Numbering,
) -> LoneNumbers | None:
    """Number a lone slice that lies beside the bodies, leaves them or shows no canal; None for any other.

    Args:
        bone: The voxels of bone, rows from the head down.
        level: Level of each of them, (N,).
        is_body: Whether each lies in front of the posterior wall, (N,).
        offsets_rc_mm: Predicted vector (row, column) from each of them to its vertebra's centre, (N, 2); None
            without a network that predicts it: the slice is then never taken for one that leaves the bodies.
        canal_sra: bool (S, R, A).
        disc_row_mm: Middle row of each disc from the bottom up, (D,).
        levels: Sizes of the levels.
        numbering: Which of them hold a body.
    """
    discs = np.flatnonzero(levels.is_disc)
    if is_beside_bodies(levels.volume_mm3, numbering, bone.spacing_sra_mm[0]):
        if offsets_rc_mm is not None and len(level):
            return LoneNumbers(*number_column(bone, offsets_rc_mm, disc_row_mm), NOTE)
        labels, below_level = number_pieces(bone, level, len(levels.volume_mm3))
        return LoneNumbers(labels, np.array([below_level[index + 1] for index in discs], np.uint8), NOTE)
    if offsets_rc_mm is None:
        return None
    numbered = np.flatnonzero(numbering.vertebra_of_level)
    ends = [is_body & (level == numbered[end]) for end in (0, -1)]
    below, above = (is_left_behind(canal_sra, bone.index_sra[body, 1]) for body in ends)
    if not (below or above):
        return None
    if below:
        note = LEAVING_NOTE if canal_sra.any() else NO_CANAL_NOTE
        return LoneNumbers(*number_by_centres(bone, offsets_rc_mm, disc_row_mm), note)
    is_counted = discs >= numbering.lowest - 1  # those below the disc of vertebra 1 are the sacrum's
    values, disc_labels = number_by_centres(bone, offsets_rc_mm, disc_row_mm[is_counted], ends[0])
    all_labels = np.append(np.zeros(np.count_nonzero(~is_counted), np.uint8), disc_labels)
    return LoneNumbers(values, all_labels, LEAVING_NOTE)


def number_column(
    bone: Bone, offsets_rc_mm: np.ndarray, disc_row_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same as `number_by_centres`, with 0 for bone that lies away from the column."""
    kept = is_along_column(bone, offsets_rc_mm, MIN_PIECE_MM2)
    labels = np.zeros(len(kept), np.uint8)
    column = replace(
        bone, index_sra=bone.index_sra[kept], points_mm=bone.points_mm[kept], depth_mm=bone.depth_mm[kept]
    )
    labels[kept], disc_labels = number_by_centres(column, offsets_rc_mm[kept], disc_row_mm)
    return labels, disc_labels


def number_by_centres(
    bone: Bone,
    offsets_rc_mm: np.ndarray,
    disc_row_mm: np.ndarray,
    first_body: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Tell vertebrae apart by their predicted centres and number them and the discs from the bottom up.

    Args:
        bone: The voxels of bone, at least one, rows from the head down.
        offsets_rc_mm: Predicted vector (row, column) from each of them to its vertebra's centre, (N, 2).
        disc_row_mm: Middle row of each disc, (D,).
        first_body: The voxels, bool (N,), of the body known to be vertebra 1; None = the lowest bone counts.

    Returns:
        The label of each voxel, uint8 (N,), 0 where it belongs to none; and of each disc, uint8 (D,).
    """
    group, centre_row_mm = group_by_centre(bone, offsets_rc_mm)
    if first_body is not None:
        first = max(int(np.median(group[first_body])), 0)
        group, centre_row_mm = np.maximum(group - first, -1), centre_row_mm[first:]
    numbers, disc_labels = number_upwards(centre_row_mm, disc_row_mm)
    return np.append(numbers, np.uint8(0))[group], disc_labels


def is_left_behind(canal_sra: np.ndarray, body_rows: np.ndarray) -> bool:
    """Return whether a lone slice leaves the bodies at one of them: no canal lies at its height.

    Args:
        canal_sra: bool (S, R, A).
        body_rows: Row of each voxel of the body.
    """
    return not canal_sra.any(axis=(0, 2))[body_rows].any()


def group_by_centre(bone: Bone, offsets_rc_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group bone by the predicted heights of the vertebrae's centres.

    Args:
        bone: The voxels of bone, at least one, rows from the head down.
        offsets_rc_mm: Predicted vector (row, column) from each of them to its vertebra's centre, (N, 2).

    Returns:
        The group of each voxel, (N,), 0 the lowest, -1 in groups of less than ``MIN_PIECE_MM2``; and the row
        (mm) of each group's centre.
    """
    pixel_mm2 = float(np.prod(bone.spacing_sra_mm[1:]))
    row_mm = bone.points_mm[:, 1] + offsets_rc_mm[:, 0]
    margin_mm = 4 * CENTRE_SPREAD_MM
    first_mm = row_mm.min() - margin_mm  # bins of 1 mm from here
    count = np.bincount((row_mm - first_mm).astype(int), minlength=int(np.ptp(row_mm) + 2 * margin_mm))
    density = ndimage.gaussian_filter1d(count.astype(float), CENTRE_SPREAD_MM, mode="constant")
    peaks, _ = signal.find_peaks(density, distance=MIN_CENTRE_DISTANCE_MM)
    centre_mm = (first_mm + 0.5 + peaks)[::-1]
    nearest = np.abs(row_mm[:, None] - centre_mm).argmin(axis=1)
    is_large = np.bincount(nearest, minlength=len(centre_mm)) * pixel_mm2 >= MIN_PIECE_MM2
    group_of = np.where(is_large, np.cumsum(is_large) - 1, -1)
    return group_of[nearest], centre_mm[is_large]


def number_upwards(vertebra_row_mm: np.ndarray, disc_row_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number vertebrae and discs from the bottom up by their rows (mm from the head down).

    A disc belongs to the next vertebra above it; of two discs without a vertebra between them each uses up a
    number.

    Args:
        vertebra_row_mm: Middle row of each vertebra, (V,).
        disc_row_mm: Middle row of each disc, (D,).

    Returns:
        SPIDER labels of vertebrae, uint8 (V,), and discs, uint8 (D,), 0 beyond the largest.
    """
    rows_mm = np.append(vertebra_row_mm, disc_row_mm)
    labels, number, after_disc = np.zeros(len(rows_mm), np.uint8), 1, False
    for index in np.argsort(-rows_mm, kind="stable"):
        is_disc = index >= len(vertebra_row_mm)
        number += is_disc and after_disc
        if number <= MAX_VERTEBRA_LABEL:
            labels[index] = number + DISC_OFFSET * is_disc
        number += not is_disc
        after_disc = is_disc
    return labels[: len(vertebra_row_mm)], labels[len(vertebra_row_mm) :]


def number_pieces(bone: Bone, level: np.ndarray, n_levels: int) -> tuple[np.ndarray, list[int]]:
    """Number bone without predicted centres: one number between two discs, one per piece below and above all.

    Args:
        bone: The voxels of bone, rows from the head down.
        level: Level of each of them, 0 = below the lowest disc, (N,).
        n_levels: Number of levels.

    Returns:
        Label of each voxel, uint8 (N,), 0 for pieces of less than ``MIN_PIECE_MM2`` in plane and beyond the
        largest vertebra label; and for each level the label of a disc at its lower end (the lowest has none),
        0 beyond the largest. A level without bone uses up a number as well.
    """
    levels_sra = np.zeros(bone.shape_sra, np.uint8)
    levels_sra[tuple(bone.index_sra.T)] = level + 1
    pieces = cc3d.connected_components(levels_sra, connectivity=26)
    statistics = cc3d.statistics(pieces)
    areas_mm2 = statistics["voxel_counts"] * bone.spacing_sra_mm[1] * bone.spacing_sra_mm[2]
    level_of = np.zeros(len(areas_mm2), int)
    level_of[pieces.ravel()] = levels_sra.ravel()
    large = [piece for piece in range(1, len(areas_mm2)) if areas_mm2[piece] >= MIN_PIECE_MM2]
    large.sort(key=lambda piece: -statistics["centroids"][piece][1])
    label_of, first_numbers, number = np.zeros(len(areas_mm2), int), [], 1
    for level in range(1, n_levels + 1):
        first_numbers.append(number)
        mine = [piece for piece in large if level_of[piece] == level]
        between_discs = 1 < level < n_levels
        count = 1 if between_discs else len(mine)
        label_of[mine] = number if between_discs else np.arange(number, number + count)
        number += count
    label_of[label_of > MAX_VERTEBRA_LABEL] = 0
    disc_labels = [DISC_OFFSET + first if first <= MAX_VERTEBRA_LABEL else 0 for first in first_numbers]
    return label_of.astype(np.uint8)[pieces[tuple(bone.index_sra.T)]], disc_labels
