"""What lies around the phantom's spine, and where."""

import numpy as np
import pytest

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.field_of_view import place_grid, sample_padding
from spider2d.data.phantom.habitus import sample_habitus
from spider2d.data.phantom.surroundings import locate, paint_surroundings, sample_noises
from spider2d.data.phantom.tissues import TISSUE

SHAPE, SPACING = (21, 150, 160), (4.4, 2.0, 2.0)


@pytest.fixture(scope="module")
def scene():
    anatomy = sample_anatomy(2, "healthy")
    grid = place_grid(anatomy, SHAPE, SPACING, np.random.default_rng(0))
    return anatomy, grid, paint_surroundings(anatomy, sample_noises(2, grid), grid)


def test_every_voxel_has_a_tissue(scene):
    _, _, tissues = scene
    assert tissues.shape == SHAPE
    assert tissues.dtype == np.uint8
    assert (tissues != TISSUE["outside"]).all()


def test_back_muscle_fat_skin_and_air_follow_from_front_to_back(scene):
    anatomy, grid, tissues = scene
    row = int(np.argmin(np.abs(grid.coordinates(1) + 60)))
    slice_number = int(np.argmin(np.abs(grid.coordinates(0) - 18)))
    line = tissues[slice_number, row]
    fascia = anatomy.midline.at("fascia_mm", grid.coordinates(1)[row])
    behind = line[grid.coordinates(2) > fascia + 6]
    before = line[(grid.coordinates(2) > fascia - 20) & (grid.coordinates(2) < fascia - 2)]
    assert (np.isin(before, [TISSUE["muscle"], TISSUE["muscle_fat"], TISSUE["deep_fat"]])).mean() > 0.9
    names = [TISSUE["subcutaneous_fat"], TISSUE["skin"], TISSUE["air"]]
    first_seen = [int(np.argmax(behind == tissue)) for tissue in names]
    assert first_seen == sorted(first_seen)
    assert behind[-1] == TISSUE["air"]


def test_psoas_lies_beside_the_lower_bodies_only(scene):
    anatomy, grid, tissues = scene
    place = locate(anatomy, grid)
    level = np.broadcast_to(np.abs(place.down + 40) < 10, SHAPE)
    depth = np.broadcast_to((place.posterior > place.front) & (place.posterior < place.rear), SHAPE)

    def muscle(least, most):
        zone = level & depth & (place.side > least) & (place.side < most)
        return (tissues[zone] == TISSUE["muscle"]).mean()

    assert muscle(30, 42) > 0.5
    assert muscle(0, 8) < 0.05


def test_aorta_lies_in_front_of_the_spine_on_the_left(scene):
    anatomy, grid, tissues = scene
    place = locate(anatomy, grid)
    upper = np.broadcast_to((place.down > -200) & (place.down < -120), SHAPE)
    near = (
        (place.posterior < place.front) & (place.posterior > place.front - 30) & (np.abs(place.side - 12) < 8)
    )
    vessel = np.isin(tissues, [TISSUE["vessel"], TISSUE["slow_vessel"]]) & near & upper
    assert (vessel & (place.right < 0)).sum() > 200


def test_habitus_varies_between_patients_but_not_for_one():
    first, again, other = (sample_habitus(sample_anatomy(seed)) for seed in (1, 1, 2))
    assert first.back_fat_mm == again.back_fat_mm != other.back_fat_mm
    assert len(first.organs) == len(again.organs)


def test_long_grids_are_padded_outside_the_measured_block():
    for seed in range(6):
        padding = sample_padding(np.random.default_rng(seed), (3, 400, 200), (4.0, 1.0, 1.0))
        assert padding.shape == (3, 400, 200)
        assert padding[:, :15, 80:120].all()
        assert padding[:, -15:, 80:120].all()
        assert not padding[:, 60:-60, 30:-30].any()


def test_short_grids_are_padded_at_most_in_the_corners():
    padded = [
        sample_padding(np.random.default_rng(s), (3, 200, 200), (4.0, 1.0, 1.0)).mean() for s in range(8)
    ]
    assert min(padded) == 0 < max(padded) < 0.1
