"""What lies around the phantom's spine, and where."""

from dataclasses import replace

import numpy as np
import pytest

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.field_of_view import place_grid, sample_padding
from spider2d.data.phantom.habitus import sample_habitus
from spider2d.data.phantom.other_bones import transverse_tip
from spider2d.data.phantom.surroundings import (
    locate,
    paint_fat_streaks,
    paint_fat_webs,
    paint_lean_muscles,
    paint_psoas,
    paint_surroundings,
    sample_noises,
    sample_streaks,
)
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


def test_threads_darken_fat_behind_the_front_of_the_spine_alone(scene):
    anatomy, grid, _ = scene
    place, noises = locate(anatomy, grid), sample_noises(2, grid)
    tissues = np.full(SHAPE, TISSUE["deep_fat"], np.uint8)
    tissues[:, :, :5] = TISSUE["muscle"]
    paint_fat_webs(tissues, noises, place, 0.0)
    assert np.isin(tissues, [TISSUE["deep_fat"], TISSUE["muscle"]]).all()
    paint_fat_webs(tissues, noises, place, 0.15)
    threads = np.isin(tissues, [TISSUE["muscle_fat"], TISSUE["interspinous"]])
    behind = np.broadcast_to(place.posterior > place.front - 20, SHAPE)
    assert 0.1 < threads[behind].mean() < 0.5 and not threads[~behind].any()
    assert (tissues[:, :, :5] == TISSUE["muscle"]).all()


def test_streaks_leave_plain_lumps_of_fat_between_them(scene):
    anatomy, grid, _ = scene
    place, noises = locate(anatomy, grid), sample_noises(2, grid)
    streaks = sample_streaks(2, noises, grid)
    behind = np.broadcast_to(place.posterior > place.front - 20, SHAPE)
    shares = []
    for share in (0.0, 0.3, 0.8):
        tissues = np.full(SHAPE, TISSUE["deep_fat"], np.uint8)
        paint_fat_streaks(tissues, streaks, noises, place, share)
        painted = tissues != TISSUE["deep_fat"]
        assert not painted[~behind].any()
        shares.append(painted[behind].mean())
    assert shares[0] < 0.05 and shares[0] < shares[1] < shares[2] < 0.6


def test_psoas_of_half_the_size_leaves_fat_beside_the_bodies(scene):
    anatomy, grid, _ = scene
    place, noises = locate(anatomy, grid), sample_noises(2, grid)
    habitus, sizes = sample_habitus(anatomy), {}
    for size, gap_mm in ((1.0, 0.0), (0.5, 0.0), (1.0, 5.0)):
        tissues = np.full(SHAPE, TISSUE["deep_fat"], np.uint8)
        varied = replace(habitus, psoas_size=size, psoas_gap_mm=gap_mm)
        paint_psoas(tissues, noises, place, place.posterior + 0 * noises.lumps, varied)
        muscle = np.argwhere(tissues != TISSUE["deep_fat"])
        sizes[size, gap_mm] = len(muscle), np.broadcast_to(place.side, SHAPE)[tuple(muscle.T)].min()
    assert 0.15 < sizes[0.5, 0.0][0] / sizes[1.0, 0.0][0] < 0.3  # a quarter of the section
    assert sizes[1.0, 5.0][1] >= sizes[1.0, 0.0][1] + 3


def test_only_wild_patients_have_threads_and_another_psoas():
    habitus = sample_habitus(sample_anatomy(3))
    assert (habitus.fat_webs, habitus.psoas_size, habitus.psoas_gap_mm) == (0.0, 1.0, 0.0)
    assert habitus.fat_streaks == 0
    wild = sample_habitus(sample_anatomy(3, wildness=0.4))
    assert 0 <= wild.fat_webs <= 0.15 and 0 <= wild.fat_streaks <= 0.8
    assert 0.5 <= wild.psoas_size <= 1.1 and -2 <= wild.psoas_gap_mm <= 5


def test_muscles_of_lean_patients_touch_the_transverse_processes_but_for_a_septum(scene):
    anatomy, grid, _ = scene
    place = locate(anatomy, grid)
    tissues = np.full(SHAPE, TISSUE["deep_fat"], np.uint8)
    paint_lean_muscles(tissues, np.zeros(SHAPE), place, anatomy, septum_mm=3.0)
    muscle = tissues == TISSUE["muscle"]
    bodies = np.broadcast_to(place.side < anatomy.vertebrae[0].body.half_width, SHAPE)
    assert muscle.any() and not muscle[bodies].any()
    tip = transverse_tip(anatomy.vertebrae[2], 1)
    level, half_way = (int(np.argmin(np.abs(grid.coordinates(1) - tip[1] - mm))) for mm in (0, 17))
    lateral = int(np.argmin(np.abs(grid.coordinates(0) - tip[0])))
    fat_mm = 2.0 * (~muscle[lateral, :, np.abs(grid.coordinates(2) - tip[2]) < 20]).sum(axis=0)
    assert 8 <= fat_mm[level] <= 16  # twice septum_mm on either side of the process
    assert fat_mm[half_way] <= 8  # half of it, as far from one process as from the next
    thinner = np.full(SHAPE, TISSUE["deep_fat"], np.uint8)
    paint_lean_muscles(thinner, np.zeros(SHAPE), place, anatomy, septum_mm=1.0)
    assert (thinner == TISSUE["muscle"]).sum() > muscle.sum()
