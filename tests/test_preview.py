import io

import numpy as np
import pytest
from matplotlib.image import imread
from painted_spine import INTENSITY_OF_CLASS, paint_classes

from spider2d.data.overlay import labels_of_classes
from spider2d.inference.preview import choose_slices, draw_preview


def draw(spacing_sra_mm, remarks=()):
    classes = paint_classes()
    png = draw_preview(
        INTENSITY_OF_CLASS[classes], labels_of_classes(classes), spacing_sra_mm, "name", remarks
    )
    return imread(io.BytesIO(png))[..., :3]


def pictures(picture):
    """Return (top, bottom, left, right) of the dark image area in the first column of panels."""
    dark = picture.max(axis=2) < 0.9
    columns = np.flatnonzero(dark[: len(dark) // 3].mean(axis=0) > 0.5)
    left_panel = columns[: np.flatnonzero(np.diff(columns) > 3)[0] + 1]
    rows = np.flatnonzero(dark[:, left_panel].mean(axis=1) > 0.9)
    first = rows[: np.flatnonzero(np.diff(rows) > 3)[0] + 1]
    return first[0], first[-1] + 1, left_panel[0], left_panel[-1] + 1


@pytest.mark.parametrize("spacing_sra_mm", [(4.0, 0.8, 0.8), (4.0, 0.5, 1.0)])
def test_proportions_are_those_of_the_patient(spacing_sra_mm):
    top, bottom, left, right = pictures(draw(spacing_sra_mm))
    _, rows, columns = paint_classes().shape
    expected = rows * spacing_sra_mm[1] / (columns * spacing_sra_mm[2])
    assert (bottom - top) / (right - left) == pytest.approx(expected, rel=0.02)


def test_image_is_grey_at_the_left_and_coloured_at_the_right():
    picture = draw((4.0, 0.8, 0.8))
    top, bottom, left, right = pictures(picture)
    saturation = np.ptp(picture[top:bottom], axis=2)
    assert saturation[:, left:right].max() < 0.02
    assert saturation[:, right:].max() > 0.4


def test_pictures_lie_as_the_image_and_the_labels_do():
    image, labels = np.zeros((1, 120, 80)), np.zeros((1, 120, 80), np.uint8)
    image[0, 5:55, 5:35] = 1000  # up and in front
    image[0, 55:, 35:] = 100
    labels[0, 70:110, 50:75] = 1  # down and behind
    picture = imread(io.BytesIO(draw_preview(image, labels, (4.0, 1.0, 1.0), "name", [])))[..., :3]
    panel = np.flatnonzero((picture[len(picture) // 2 :].max(axis=2) < 0.9).mean(axis=0) > 0.9)
    left, right = np.split(panel, [np.flatnonzero(np.diff(panel) > 3)[0] + 1])[:2]
    dark = np.flatnonzero((picture[:, left].max(axis=2) < 0.9).mean(axis=1) > 0.4)
    rows = slice(dark[0], dark[-1] + 1)
    middle = (dark[0] + dark[-1]) // 2
    grey = picture[rows, left[0] : left[-1] + 1].mean(axis=2)
    half_h, half_w = (n // 2 for n in grey.shape)
    assert grey[:half_h, :half_w].mean() > 2 * max(
        grey[half_h:, :half_w].mean(), grey[:half_h, half_w:].mean(), grey[half_h:, half_w:].mean()
    )
    coloured_rows, coloured_columns = np.nonzero(
        np.ptp(picture[rows, right[0] : right[-1] + 1], axis=2) > 0.2
    )
    assert coloured_rows.min() > middle - dark[0] and coloured_columns.min() > half_w


def test_many_remarks_and_no_labels_still_make_a_picture():
    image = np.random.default_rng(0).uniform(0, 100, (1, 40, 30))
    png = draw_preview(image, np.zeros((1, 40, 30), np.uint8), (1.0, 0.5, 0.5), "empty", ["remark"] * 30)
    assert imread(io.BytesIO(png)).shape[0] > 300


def test_dollars_in_a_name_are_no_formula():
    labels = np.zeros((1, 20, 16), np.uint8)
    assert draw_preview(np.eye(20, 16)[None], labels, (1.0, 1.0, 1.0), r"scan$a_$b \frac$", ["$x"])


def test_middle_slice_is_the_one_with_most_canal():
    labels = np.zeros((20, 6, 6), np.uint8)
    labels[2] = 5
    labels[9, :2] = 100
    labels[10, :3] = 100
    assert choose_slices(labels, 3.0) == [5, 10, 15]


def test_without_canal_the_slice_with_most_labels_and_without_labels_the_middle():
    labels = np.zeros((20, 6, 6), np.uint8)
    assert choose_slices(labels, 0.9) == [0, 10, 19]
    labels[2] = 5
    assert choose_slices(labels, 5.0) == [0, 2, 5]


def test_one_slice_is_shown_once():
    assert choose_slices(np.zeros((1, 6, 6), np.uint8), 1.0) == [0]


def test_a_long_remark_is_broken_into_lines():
    def heading(remark):
        picture = draw((4.0, 0.8, 0.8), [remark])
        top, *_ = pictures(picture)
        return (picture[: top - 25] < 0.5).all(axis=2)

    text = heading("the pixels of this image look like 0.344 x 0.625 mm " * 4)
    assert text.any(axis=1).sum() > heading("short").any(axis=1).sum() + 20
    assert not text[:, :150].any()  # as much room as the legend takes at the other side


def test_few_rows_make_no_endless_picture():
    middle = paint_classes().shape[1] // 2
    classes = paint_classes()[:, middle : middle + 1]
    png = draw_preview(INTENSITY_OF_CLASS[classes], labels_of_classes(classes), (4.0, 0.8, 0.8), "name")
    assert max(imread(io.BytesIO(png)).shape) <= 3500
