import numpy as np
import pytest

from spider2d.evaluation.anatomy_ratios import describe_pairs, extent_mm, measure_pairs

SPACING_RA_MM = (0.5, 1.0)


def two_vertebrae():
    """Bodies 30 mm high and 40 deep, a disc of 9 x 44 mm between, a canal 14 mm deep and a process behind."""
    labels = np.zeros((200, 100), np.int16)
    labels[10:70, 10:50] = 1
    labels[70:88, 8:52] = 202
    labels[88:148, 10:50] = 2
    labels[:, 60:74] = 100
    labels[100:130, 80:90] = 2  # 15 x 10 mm
    return labels


def test_ratios_are_those_on_paper():
    (pair,) = measure_pairs(two_vertebrae(), SPACING_RA_MM)
    assert pair.disc_height_to_body_height == pytest.approx(9 / 30, abs=0.01)
    assert pair.canal_depth_to_body_depth == pytest.approx(14 / 40, abs=0.01)
    assert pair.body_height_to_body_depth == pytest.approx(30 / 40, abs=0.01)
    assert pair.disc_depth_to_body_depth == pytest.approx(44 / 40, abs=0.01)
    assert pair.area_behind_canal_to_body == pytest.approx(150 / 1200)


def test_a_tilted_spine_has_the_same_ratios():
    upright = two_vertebrae()[::2]  # 1 mm pixels
    grid = np.stack(np.mgrid[-60:160, -60:160], -1) - (50.0, 50.0)
    turned = grid @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + (50.0, 50.0)
    row, column = np.rint(turned).astype(int).transpose(2, 0, 1)
    inside = (row >= 0) & (row < 100) & (column >= 0) & (column < 100)
    tilted = np.where(inside, upright[row.clip(0, 99), column.clip(0, 99)], 0)
    (straight,), (slanted,) = measure_pairs(upright, (1.0, 1.0)), measure_pairs(tilted, (1.0, 1.0))
    assert slanted.disc_height_to_body_height == pytest.approx(straight.disc_height_to_body_height, abs=0.02)
    assert slanted.canal_depth_to_body_depth == pytest.approx(straight.canal_depth_to_body_depth, abs=0.03)
    assert slanted.body_height_to_body_depth == pytest.approx(straight.body_height_to_body_depth, abs=0.05)


@pytest.mark.parametrize("missing", [1, 2, 202, 100])
def test_a_pair_that_lacks_a_structure_is_left_out(missing):
    labels = two_vertebrae()
    labels[labels == missing] = 0
    assert measure_pairs(labels, SPACING_RA_MM) == []


def test_scraps_of_a_body_or_a_disc_are_not_measured():
    for label, kept in ((1, slice(60, 70)), (202, slice(70, 72))):  # 200 and 44 mm2
        labels = two_vertebrae()
        scrap = labels[kept] == label
        labels[labels == label] = 0
        labels[kept][scrap] = label
        assert measure_pairs(labels, SPACING_RA_MM) == []


def test_the_extent_of_a_row_of_pixels_counts_whole_pixels():
    row = np.stack([np.zeros(40), np.arange(40.0)], 1)
    spacing = np.array(SPACING_RA_MM)
    assert extent_mm(row, np.array([0.0, 1.0]), spacing) == pytest.approx(40)
    assert extent_mm(row, np.array([1.0, 0.0]), spacing) == pytest.approx(0.5)


def test_percentiles_are_described_one_line_per_ratio():
    pairs = measure_pairs(two_vertebrae(), SPACING_RA_MM)
    lines = describe_pairs(pairs * 3)
    assert len(lines) == 5
    assert lines[4].split() == ["area", "behind", "canal", "to", "body", *["0.125"] * 5]
    assert describe_pairs([]) == []
