import numpy as np
import pytest

from spider2d.inference.body_size import BodySize, measure_bodies, true_size_factors
from spider2d.labels import CANAL, DISC, VERTEBRA


def paint_slice(n_discs=6):
    """Bodies of 25 rows and 36 columns, discs of 10 rows between them and a canal of 20 columns behind."""
    classes = np.zeros((35 * n_discs + 41, 120), np.uint8)
    for k in range(n_discs + 1):
        classes[8 + 35 * k : 33 + 35 * k, 30:66] = VERTEBRA
    for k in range(n_discs):
        classes[33 + 35 * k : 43 + 35 * k, 31:65] = DISC
    classes[4:-4, 66:86] = CANAL
    return classes


@pytest.mark.parametrize("pixel_mm", [0.5, 0.8, 2.0])
def test_distance_of_discs_and_depth_of_bodies(pixel_mm):
    size = measure_bodies(paint_slice(), pixel_mm, slice_mm=4.0)
    assert size.disc_distance_mm == pytest.approx(35 * pixel_mm, rel=0.02)
    assert size.body_depth_mm == pytest.approx(35 * pixel_mm, rel=0.02)  # from the first to the last of 36


def test_small_false_discs_within_bodies_do_not_count():
    """As found where the header states bodies twice as tall as they are."""
    classes = paint_slice()
    for k in range(1, 6):
        classes[18 + 35 * k : 23 + 35 * k, 36:60] = DISC  # a third of a disc's area
    assert measure_bodies(classes, 1.6, 4.0).disc_distance_mm == pytest.approx(56, rel=0.02)


def test_one_missed_disc_does_not_count():
    classes = paint_slice()
    classes[33 + 35 * 2 : 43 + 35 * 2, 31:65] = VERTEBRA
    assert measure_bodies(classes, 0.8, 4.0).disc_distance_mm == pytest.approx(28, rel=0.02)


@pytest.mark.parametrize(
    "classes",
    [
        paint_slice(3),
        np.where(paint_slice() == VERTEBRA, 0, paint_slice()).astype(np.uint8),
        np.where(paint_slice() == DISC, 0, paint_slice()).astype(np.uint8),
        np.zeros((40, 30), np.uint8),
    ],
    ids=["three discs", "no bodies", "no discs", "nothing"],
)
def test_too_little_tells_nothing(classes):
    assert measure_bodies(classes, 0.8, 4.0) is None


@pytest.mark.parametrize(
    ("size", "factors"),
    [
        (None, []),
        (BodySize(36, 34), []),
        (BodySize(54, 47), []),  # large, but possible
        (BodySize(36, 60), [(1.0, 0.5)]),  # columns alone
        (BodySize(50, 60), [(1.0, 0.5)]),  # 50 and 25 mm: the usual 36 mm lie nearer to the first
        (BodySize(54, 60), [(0.5, 0.5)]),
        (BodySize(21, 15), []),
        (BodySize(72, 34), [(0.5, 1.0)]),  # rows alone
        (BodySize(72, 41), [(0.5, 1.0)]),  # 41 and 20.5 mm: the usual 30 mm lie nearer to the first
        (BodySize(72, 44), [(0.5, 0.5)]),
        (BodySize(72, 68), [(0.5, 0.5)]),
        (BodySize(18, 34), [(2.0, 1.0)]),
        (BodySize(18, 17), [(2.0, 2.0)]),
    ],
)
def test_impossible_sizes_tell_what_is_misstated(size, factors):
    assert true_size_factors(size) == factors
