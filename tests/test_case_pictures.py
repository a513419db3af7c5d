import io

import numpy as np
from matplotlib.image import imread

from spider2d.data.overlay import overlay_rgb
from spider2d.reports.case_pictures import (
    BOTH_WRONG,
    ONLY_FIRST,
    ONLY_OTHER,
    disagreement,
    draw_case,
    draw_disagreement,
    overlay_panels,
)
from spider2d.reports.case_volumes import CaseVolumes


def case():
    grey = np.linspace(0, 1, 3 * 41 * 23).reshape(3, 41, 23)
    reference = np.zeros((3, 41, 23), np.uint8)
    reference[1, 5:15, 5:12], reference[1:, 5:30, 14:17] = 1, 100
    first, other = reference.copy(), np.roll(reference, 3, axis=1)
    return CaseVolumes(grey, reference, {"A": first, "B": other}, aspect=0.8)


def test_disagreement_by_hand():
    reference = np.array([1, 1, 1, 1, 100, 0, 2])
    first = np.array([3, 0, 201, 0, 100, 5, 2])
    other = np.array([0, 7, 100, 0, 100, 5, 9])
    # instance numbers are free: 3 and 7 are vertebrae as 1 is, and 9 is one as 2 is
    assert disagreement(reference, first, other).tolist() == [ONLY_FIRST, ONLY_OTHER, BOTH_WRONG, 0, 0, 0, 0]


def test_panels_show_the_slice_with_most_canal():
    panels = overlay_panels(case())
    assert list(panels) == ["image", "reference", "A", "B"]
    assert (panels["reference"] == panels["A"]).all() and (panels["B"] != panels["A"]).any()
    assert panels["image"].shape == (41, 23, 3)
    more = case()
    more.reference_sra[2, 30:35, 14:17] = 100
    image = overlay_panels(more)["image"]
    np.testing.assert_array_equal(image, overlay_rgb(more.grey_sra[2], np.zeros((41, 23), np.uint8)))


def test_pictures_are_drawn():
    row = imread(io.BytesIO(draw_case(case(), {"A": "Dice 1"}, "best: 1_t1")))
    difference = imread(io.BytesIO(draw_disagreement(case(), "A", "B", "1_t1")))
    assert row.shape[1] > row.shape[0] > 200
    assert difference.shape[0] > 200


def test_identical_methods_have_nothing_to_show_but_are_drawn():
    same = case()
    same.labels_sra["B"] = same.labels_sra["A"]
    assert draw_disagreement(same, "A", "B", "1_t1")[:4] == b"\x89PNG"


def test_empty_reference():
    empty = case()
    nothing = np.zeros_like(empty.reference_sra)
    empty = CaseVolumes(empty.grey_sra, nothing, {"A": nothing, "B": nothing + 1}, 1.0)
    assert draw_disagreement(empty, "A", "B", "none")[:4] == b"\x89PNG"
    assert len(overlay_panels(empty)) == 4
