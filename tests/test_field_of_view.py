"""The ends of the field of view in the instance step: cut vertebrae, and what lies below the spine."""

import numpy as np
import pytest
from toy_spine import BODY_MM, MARGIN_MM, THICK, assert_recovered, toy_spine

from spider2d.inference.instances import label_instances
from spider2d.labels import DISC, VERTEBRA, classes_of_labels


@pytest.mark.parametrize(("top_mm", "cut"), [(-10.0, True), (-2.0, False), (MARGIN_MM, False)])
def test_topmost_vertebra_cut_by_the_field_of_view_is_reported(top_mm, cut):
    reference = toy_spine(THICK, top_mm=top_mm)
    result = label_instances(classes_of_labels(reference), THICK)
    assert result.topmost_incomplete is cut
    assert_recovered(reference, result.labels_sra, 0.97)


def test_short_topmost_vertebra_inside_the_image_is_not_cut():
    reference = toy_spine(THICK, top_mm=-10.0)
    inside = np.pad(reference, ((0, 0), (9, 0), (0, 0)))
    assert not label_instances(classes_of_labels(inside), THICK).topmost_incomplete


@pytest.mark.parametrize(("visible", "cut"), [(0.3, True), (0.6, True), (0.85, True), (1.0, False)])
@pytest.mark.parametrize(("short_px", "border_px"), [(0, 0), (2, 0), (0, 2), (1, 2)])
def test_topmost_body_is_cut_also_below_a_border_and_where_the_mask_ends_short_of_it(
    visible, cut, short_px, border_px
):
    spacing = (4.0, 1.0, 1.1)
    reference = toy_spine(spacing, top_mm=-(1 - visible) * BODY_MM)
    classes = classes_of_labels(reference)
    classes[:, :short_px] = 0
    classes = np.pad(classes, ((0, 0), (border_px, 0), (0, 0)))
    result = label_instances(classes, spacing, image_rows=slice(border_px, None))
    assert result.topmost_incomplete is cut


@pytest.mark.parametrize("border_px", [0, 2])
def test_sliver_of_the_topmost_body_is_cut(border_px):
    spacing = (4.0, 1.0, 1.1)
    classes = classes_of_labels(toy_spine(spacing, top_mm=-0.9 * BODY_MM))
    classes = np.pad(classes, ((0, 0), (border_px, 0), (0, 0)))
    assert label_instances(classes, spacing, image_rows=slice(border_px, None)).topmost_incomplete


def test_arch_of_a_whole_vertebra_at_the_edge_is_not_cut():
    reference = toy_spine(THICK, top_mm=-12.0)
    in_front = np.arange(reference.shape[2]) * THICK[2] <= 50
    reference[((reference == 5) & in_front) | (reference == 205)] = 0  # the arch of 5 joins vertebra 4
    assert not label_instances(classes_of_labels(reference), THICK).topmost_incomplete


@pytest.mark.parametrize("gap_mm", [16.0, 30.0])
@pytest.mark.parametrize("with_disc", [True, False])
def test_bowel_further_down_than_the_next_vertebra_is_none(gap_mm, with_disc):
    reference = toy_spine(THICK)
    lowest = int(np.flatnonzero((reference == 201).any(axis=(0, 2)))[-1])
    reference = np.pad(reference, ((0, 0), (0, 90), (0, 0)))
    classes = classes_of_labels(reference)
    box = (
        np.flatnonzero((reference == 1).any(axis=(1, 2))),
        np.flatnonzero((reference == 201).any(axis=(0, 1))),
    )
    sides, depth = slice(box[0][0], box[0][-1] + 1), slice(box[1][0], box[1][-1] + 1)
    top = lowest + round(gap_mm / THICK[1])
    bottom = top + round(BODY_MM / THICK[1])
    classes[sides, top:bottom, depth] = VERTEBRA
    if with_disc:
        classes[sides, bottom : bottom + 9, depth] = DISC
    assert_recovered(reference, label_instances(classes, THICK).labels_sra, 0.97)
