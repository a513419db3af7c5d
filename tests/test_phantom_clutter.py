"""What is painted beside the spine of wild patients."""

import numpy as np
import pytest

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.clutter import (
    fat_lobules,
    fat_pads,
    fat_planes,
    intertransverse_muscles,
    muscle_bundles,
    quadratus_lumborum,
    sample_clutter,
)
from spider2d.data.phantom.other_bones import transverse_tip


@pytest.fixture(scope="module")
def wild():
    return sample_anatomy(4, wildness=0.4)


def test_ordinary_patients_have_no_clutter():
    assert sample_clutter(np.random.default_rng(0), sample_anatomy(4)) == []


def test_lobules_are_fat_within_a_septum_of_another_tissue(wild):
    things = fat_lobules(np.random.default_rng(1), wild)
    assert len(things) > 10
    for (wall, outer), (filling, inner) in zip(things[::2], things[1::2], strict=True):
        assert filling == "deep_fat" != wall
        assert (outer.start == inner.start).all() and (outer.end == inner.end).all()
        septum_mm = np.subtract(outer.radii, inner.radii)
        assert (
            septum_mm == pytest.approx(septum_mm[0]) and 0.5 <= septum_mm[0] <= 1.6 < min(inner.radii) + 0.3
        )


def test_pads_are_fat_without_a_wall_with_specks_inside(wild):
    things = fat_pads(np.random.default_rng(1), wild)
    pads = [part for name, part in things if name == "deep_fat"]
    specks = [part for name, part in things if name == "muscle_fat"]
    assert len(pads) > 3 and len(pads) + len(specks) == len(things)
    assert min(min(pad.radii) for pad in pads) >= 3 > 1.6 >= max(max(speck.radii) for speck in specks)
    for pad in pads:
        nearest = min(wild.vertebrae, key=lambda v: np.linalg.norm(v.frame.centre - pad.start))
        right, _, posterior = nearest.frame.axes.T @ (pad.start - nearest.frame.centre)
        assert abs(right) > 3 and posterior > 0  # beside the middle, behind the front of the body


def test_bundles_are_muscle_within_a_sheath_of_fat_and_most_of_them_low(wild):
    rng = np.random.default_rng(2)
    things = [thing for _ in range(5) for thing in muscle_bundles(rng, wild)]
    names = [name for name, _ in things]
    assert set(names) == {"deep_fat", "muscle", "ligament"}
    bundles = [
        (sheath, bundle)
        for (_, sheath), (name, bundle) in zip(things[:-1], things[1:], strict=True)
        if name == "muscle"
    ]
    assert len(bundles) == names.count("muscle") == names.count("deep_fat") >= 10
    for sheath, bundle in bundles:
        assert (sheath.start == bundle.start).all() and (sheath.end == bundle.end).all()
        assert len({round(a - b, 6) for a, b in zip(sheath.radii, bundle.radii, strict=True)}) == 1
        assert 0.8 <= sheath.radii[0] - bundle.radii[0] <= 4
    assert np.mean([bundle.start[1] > wild.vertebrae[2].frame.centre[1] for _, bundle in bundles]) > 0.4


def test_planes_of_fat_lead_down_and_backwards_from_the_transverse_processes(wild):
    things = fat_planes(np.random.default_rng(1), wild)
    assert things and {name for name, _ in things} <= {"deep_fat", "muscle_fat"}
    tips = np.array([transverse_tip(v, side) for v in wild.vertebrae for side in (-1, 1)])
    for _, plane in things:
        assert np.linalg.norm(tips - plane.start, axis=1).min() < 11
        along = (plane.end - plane.start) / np.linalg.norm(plane.end - plane.start)
        assert along[1] > 0 and plane.radii[2] <= 1.6
        np.testing.assert_allclose(plane.axes.T @ along, (0, 1, 0), atol=0.35)  # vertebrae lean to the side


def test_muscles_between_transverse_processes_run_upwards_beside_the_bodies(wild):
    for _, part in intertransverse_muscles(np.random.default_rng(1), wild):
        assert part.start[1] - part.end[1] > 15  # mm up from one vertebra to the next
        nearest = min(wild.vertebrae, key=lambda v: np.linalg.norm(v.frame.centre - part.start))
        right, _, posterior = nearest.frame.axes.T @ (part.start - nearest.frame.centre)
        assert abs(right) > nearest.body.half_width - 8 and posterior > 0


def test_quadratus_lumborum_leads_from_the_lowest_vertebra_to_the_last_ribs(wild):
    things = quadratus_lumborum(np.random.default_rng(1), wild)
    assert {name for name, _ in things} == {"muscle"}
    assert len(things) == 2 * wild.disease.n_lumbar
    for (_, part), (_, following) in zip(things[:-1], things[1:], strict=True):
        assert (part.end == following.start).all() or part is things[len(things) // 2 - 1][1]
    lowest = wild.vertebrae[0]
    starts = [part.start - lowest.frame.centre for _, part in things[:: wild.disease.n_lumbar]]
    left, right = (float(lowest.frame.axes[:, 0] @ start) for start in starts)
    assert left < -lowest.body.half_width - 13 and right > -left / 3
