"""Bone beside the column of vertebrae in a lone slice."""

import numpy as np
import pytest

from spider2d.inference.column import MAX_AWAY_MM, is_along_column
from spider2d.inference.instances import label_instances
from spider2d.inference.vertebra_assign import Bone
from spider2d.labels import VERTEBRA

SPACING_SRA_MM = (4.0, 2.0, 0.5)


def paint(pieces):
    """Return a lone slice's mask and the offsets (2, S, R, A) of its bone.

    ``pieces``: (first row, first column, centre row, centre column, pixels wide) each, 3 rows tall; all but
    the last in mm.
    """
    mask, offsets = np.zeros((1, 90, 260), bool), np.zeros((2, 1, 90, 260), np.float32)
    rows_mm, columns_mm = (np.indices(mask.shape[1:]).T * SPACING_SRA_MM[1:]).T
    for row_mm, column_mm, centre_row_mm, centre_column_mm, width in pieces:
        row, column = int(row_mm / SPACING_SRA_MM[1]), int(column_mm / SPACING_SRA_MM[2])
        here = np.s_[0, row : row + 3, column : column + width]
        mask[here] = True
        offsets[0][here] = (centre_row_mm - rows_mm)[here[1:]]
        offsets[1][here] = (centre_column_mm - columns_mm)[here[1:]]
    return mask, offsets


def kept_of(pieces, least_mm2=12.0):
    """Return which of the pieces, from the head down, belong to the column."""
    mask, offsets = paint(pieces)
    index = np.argwhere(mask)
    points = (index * SPACING_SRA_MM).astype(np.float32)
    bone = Bone(index, points, np.ones(len(index)), SPACING_SRA_MM, mask.shape)
    kept = is_along_column(bone, offsets[:, mask].T, least_mm2)
    starts_mm = [piece[0] for piece in pieces]
    return [bool(kept[points[:, 1] == start_mm].all()) for start_mm in starts_mm]


def process(row_mm, column_mm=100.0):
    return (row_mm, column_mm, row_mm + 6.0, column_mm - 20.0, 6)  # 3 mm wide, 6 mm tall: 18 mm2


def test_a_large_piece_far_in_front_is_left_out_though_it_has_more_bone():
    bowel = (60.0, 10.0, 60.0, 5.0, 50)  # 150 mm2
    assert kept_of([process(20), process(40), bowel, process(80)]) == [True, True, False, True]


@pytest.mark.parametrize(("away_mm", "is_kept"), [(MAX_AWAY_MM - 1, True), (MAX_AWAY_MM + 1, False)])
def test_a_curved_column_may_deviate_so_far_and_no_further(away_mm, is_kept):
    kept = kept_of([process(20), process(50), process(80, 100.0 - away_mm)])
    assert kept == [True, True, is_kept]


def test_of_two_places_with_as_many_pieces_that_with_more_bone_is_the_column():
    one, large = process(20), (60.0, 20.0, 60.0, 10.0, 20)  # 60 mm2
    assert kept_of([one, large]) == [False, True]
    speck = (40.0, 100.0, 40.0, 80.0, 2)  # 6 mm2 near the first: no vote
    assert kept_of([one, speck, large]) == [False, False, True]
    assert kept_of([one, speck, large], least_mm2=1.0) == [True, True, False]


def test_a_single_piece_is_a_column():
    assert kept_of([process(20)]) == [True]


def test_false_bone_in_front_has_no_label_and_uses_up_no_number():
    mask, offsets = paint([process(20), (60.0, 10.0, 60.0, 5.0, 20), process(100), process(140)])
    classes = np.where(mask, np.uint8(VERTEBRA), np.uint8(0))
    labels = label_instances(classes, SPACING_SRA_MM, offsets).labels_sra[0]
    assert labels[[11, 31, 51, 71], [202, 25, 202, 202]].tolist() == [3, 0, 2, 1]
