"""A single slice beside the bodies: a vertebra shows in pieces, and no body can be judged by its size."""

import cc3d
import numpy as np
from scipy import ndimage

from spider2d.data.normalise import apply_window, fit_window
from spider2d.inference.numbering import Numbering
from spider2d.inference.restack import CONFIDENCE_SCALE
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import BACKGROUND, DISC_OFFSET, MAX_VERTEBRA_LABEL, VERTEBRA

LONE_SLICE = 3
"""Slices of a padded box that holds one slice."""
MIN_BODY_MM2 = 300.0
"""A lone slice goes through the bodies when it shows one of at least this area (whole ones: 700 or more)."""
MIN_PIECE_MM2 = 30.0
UNSURE_CONFIDENCE = 0.7
"""Mean confidence below which a piece of bone is more often fat between threads than bone (at 0.8 true pieces
go too; measured in experiments/README.md)."""
SURE_CONFIDENCE, DARK = 0.8, 0.55
"""Marrow is of one brightness in one slice: a piece with less than this share of that of the surer ones is
muscle or a vessel (true pieces: down to 0.56)."""
NOTE = (
    "this slice lies beside the vertebral bodies: bone between two discs counts as one vertebra, other "
    "pieces of bone are numbered from the bottom"
)


def drop_doubtful_pieces(
    classes_sra: np.ndarray, confidence_sra: np.ndarray, array_sra: np.ndarray, pixel_mm2: float
) -> np.ndarray:
    """Return the classes of a slice beside the bodies without pieces of bone that are unsure or too dark.

    Where there are bodies, or neighbouring slices, these tell false pieces from true ones; here nothing does.

    Args:
        classes_sra: uint8 (1, R, A), classes 0-3.
        confidence_sra: uint8 of the same shape, probability of the class times ``CONFIDENCE_SCALE``.
        array_sra: The image in any unit, same shape, not constant.
        pixel_mm2: Area of a pixel in mm2.

    Returns:
        A copy in which pieces with a mean confidence below ``UNSURE_CONFIDENCE`` are background, and those
        darker than ``DARK`` of the surer ones' brightness (0 = air); the surest one of at least
        ``MIN_PIECE_MM2`` always stays.
    """
    pieces, n_pieces = cc3d.connected_components(
        (classes_sra == VERTEBRA).astype(np.uint8), connectivity=26, return_N=True
    )
    if n_pieces == 0:
        return classes_sra.copy()
    size, numbers = np.bincount(pieces.ravel())[1:], range(1, n_pieces + 1)
    sureness = ndimage.mean(confidence_sra / CONFIDENCE_SCALE, pieces, numbers)
    brightness = ndimage.mean(apply_window(array_sra, fit_window(array_sra)), pieces, numbers)
    large = size * pixel_mm2 >= MIN_PIECE_MM2
    surest = sureness[large].max(initial=0)
    sure = large & (sureness >= min(SURE_CONFIDENCE, surest))
    usual = np.average(brightness[sure], weights=size[sure]) if sure.any() else 0.0
    doubtful = (sureness < min(UNSURE_CONFIDENCE, surest)) | (brightness < DARK * usual)
    doubtful &= sureness < surest
    return np.where(np.concatenate(([False], doubtful))[pieces], np.uint8(BACKGROUND), classes_sra)


def is_beside_bodies(
    n_slices: int, body_volume_mm3: np.ndarray, numbering: Numbering, slice_mm: float
) -> bool:
    """Return whether a padded box holds a single slice that shows no vertebral body, or rims only."""
    whole = body_volume_mm3.max(initial=0) >= MIN_BODY_MM2 * slice_mm
    return n_slices == LONE_SLICE and not (whole and numbering.vertebra_of_level.any())


def number_pieces(bone: Bone, level: np.ndarray, n_levels: int) -> tuple[np.ndarray, list[int]]:
    """Number bone from the bottom up: one number between two discs, one per piece below and above all discs.

    Args:
        bone: The voxels of bone, rows from the head down.
        level: Level of each of them, 0 = below the lowest disc, (N,).
        n_levels: Number of levels.

    Returns:
        Labels of bone, uint8 (S, R, A), 0 for pieces of less than ``MIN_PIECE_MM2`` in plane and beyond the
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
    return label_of.astype(np.uint8)[pieces], disc_labels
