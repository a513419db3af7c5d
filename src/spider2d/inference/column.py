"""Bone in a lone slice that lies where no column of vertebrae is: bowel or muscle taken for processes."""

import cc3d
import numpy as np

from spider2d.inference.vertebra_assign import Bone

MAX_AWAY_MM = 45.0
"""The predicted centres of true pieces lay within 40 mm in the slices this was made with (log)."""


def is_along_column(bone: Bone, offsets_rc_mm: np.ndarray, least_mm2: float) -> np.ndarray:
    """Return whether each voxel of a lone slice's bone belongs to one column of vertebrae.

    The column is where most pieces believe the centre of their vertebra to be, from front to back; of two
    such places, that of more bone.

    Args:
        bone: The voxels of bone in one slice, at least one.
        offsets_rc_mm: Predicted vector (row, column) from each of them to its vertebra's centre, (N, 2).
        least_mm2: Smaller pieces have no vote.

    Returns:
        bool (N,): False for pieces whose centre lies more than ``MAX_AWAY_MM`` before or behind the column.
    """
    is_bone = np.zeros(bone.shape_sra, np.uint8)
    is_bone[tuple(bone.index_sra.T)] = 1
    piece = cc3d.connected_components(is_bone, connectivity=26)[tuple(bone.index_sra.T)] - 1
    pixels = np.bincount(piece)
    centre_mm = np.bincount(piece, bone.points_mm[:, 2] + offsets_rc_mm[:, 1]) / pixels
    area_mm2 = pixels * float(np.prod(bone.spacing_sra_mm[1:]))
    weight = (area_mm2 >= least_mm2) + area_mm2 / (2 * area_mm2.sum())
    order = np.argsort(centre_mm, kind="stable")
    summed = np.append(0.0, np.cumsum(weight[order]))
    first = np.searchsorted(centre_mm[order], centre_mm - MAX_AWAY_MM)
    stop = np.searchsorted(centre_mm[order], centre_mm + MAX_AWAY_MM, side="right")
    column_mm = centre_mm[np.round(summed[stop] - summed[first], 9).argmax()]
    return (np.abs(centre_mm - column_mm) <= MAX_AWAY_MM)[piece]
