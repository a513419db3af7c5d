"""What a spine's sizes tell: each check on sizes written down by hand, and against the phantoms."""

import numpy as np
import pytest

from spider2d.data.phantom.series import make_series
from spider2d.data.phantom.variants import VARIANTS
from spider2d.inference.instances import label_instances
from spider2d.inference.plausibility import Spine, find_doubts
from spider2d.labels import classes_of_labels

THICK = ((15, 320, 320), (4.4, 0.9, 0.9))


def spine(volumes=(40.0, 42, 40, 37, 34, 30), distance_mm=36.0, below_mm=80.0, first_disc=201):
    """Return a spine of bodies (ml) from the bottom, with a disc below each from ``first_disc`` up."""
    bodies = {label: 1000.0 * volume for label, volume in enumerate(volumes, start=1)}
    discs = {201 + k: distance_mm * k for k in range(first_disc - 201, len(volumes))}
    return Spine(bodies, discs, below_mm, topmost_incomplete=False)


def codes(measured):
    return [doubt.code for doubt in find_doubts(measured)]


def test_an_ordinary_spine_raises_no_doubt():
    assert codes(spine()) == []
    assert codes(Spine({}, {201: 0.0}, 80.0, False)) == []


def test_small_lowest_vertebra_and_one_without_a_disc_are_doubtful():
    assert codes(spine((21.0, 42, 40))) == []  # half of the next one
    (doubt,) = find_doubts(spine((20.0, 42, 40)))
    assert (doubt.code, doubt.label) == ("lowest_doubtful", 1)
    assert "far smaller" in doubt.message and "off by one" in doubt.message
    (doubt,) = find_doubts(spine(first_disc=202))
    assert doubt.code == "lowest_doubtful" and "no disc" in doubt.message


@pytest.mark.parametrize(("below_mm", "expected"), [(18.0, ["lower_end_cut"]), (18.1, [])])
def test_image_that_ends_at_the_lowest_vertebra(below_mm, expected):
    assert codes(spine(below_mm=below_mm)) == expected


@pytest.mark.parametrize("distance_mm", [27.9, 48.1])
def test_distance_of_discs_that_adults_do_not_have(distance_mm):
    (doubt,) = find_doubts(spine(distance_mm=distance_mm))
    assert doubt.code == "disc_distance" and f"{distance_mm:.0f} mm apart" in doubt.message


def test_only_the_lowest_five_distances_count():
    # Five of 30 mm, then the thoracic spine of 20 mm; of all eleven the median would be 20 mm.
    height = dict(enumerate(np.cumsum([0.0] + [30.0] * 5 + [20.0] * 6).tolist(), start=201))
    assert codes(Spine({1: 1.0}, height, 80.0, False)) == []
    assert codes(Spine({1: 1.0}, {k: v * 0.9 for k, v in height.items()}, 80.0, False)) == ["disc_distance"]


def test_sizes_that_rise_from_the_bottom_up():
    rising = (20.0, 24, 28, 32, 36, 40)
    assert codes(spine(rising)) == ["upside_down"]
    assert codes(spine(rising[:5])) == []  # four whole ones below the topmost are too few
    assert codes(spine((*rising, 40, 8, 20))) == ["upside_down"]  # further up are sacrum and bowel
    assert codes(spine((40.0, 41, 42, 43, 44, 45))) == []  # 2 percent each


@pytest.mark.parametrize(("number", "variant"), list(enumerate(VARIANTS)))
def test_phantoms_raise_no_doubt(number, variant):
    series = make_series(9000 + number, "t1", *THICK, variant)
    classes = classes_of_labels(series.labels_sra)
    assert codes(label_instances(classes, series.spacing_sra_mm).spine) == []


def test_phantom_upside_down_with_a_wrong_pixel_size_or_without_a_sacrum_is_told():
    series = make_series(9003, "t1", *THICK, "healthy")
    classes = classes_of_labels(series.labels_sra)
    assert "upside_down" in codes(label_instances(classes[:, ::-1], series.spacing_sra_mm).spine)
    for factor in (0.6, 1.6):
        spacing = (4.4, 0.9 * factor, 0.9 * factor)
        assert "disc_distance" in codes(label_instances(classes, spacing).spine)
    lowest_disc = np.flatnonzero((series.labels_sra == 201).any(axis=(0, 2)))
    assert codes(label_instances(classes[:, : lowest_disc[-1] + 8], series.spacing_sra_mm).spine) == [
        "lower_end_cut"
    ]
