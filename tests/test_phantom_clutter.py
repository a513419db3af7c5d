"""What is painted beside the spine of wild patients."""

import numpy as np
import pytest

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.clutter import (
    fat_lobules,
    fat_pads,
    intertransverse_muscles,
    quadratus_lumborum,
    ribs,
    sample_clutter,
    transverse_tip,
)


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


def test_muscles_between_transverse_processes_run_upwards_beside_the_bodies(wild):
    for _, part in intertransverse_muscles(np.random.default_rng(1), wild):
        assert part.start[1] - part.end[1] > 15  # mm up from one vertebra to the next
        nearest = min(wild.vertebrae, key=lambda v: np.linalg.norm(v.frame.centre - part.start))
        right, _, posterior = nearest.frame.axes.T @ (part.start - nearest.frame.centre)
        assert abs(right) > nearest.body.half_width - 8 and posterior > 0


def local(vertebra, point):
    """Return a position in a vertebra's own coordinates: right, down, posterior (mm)."""
    return vertebra.frame.axes.T @ (point - vertebra.frame.centre)


def test_ribs_pass_in_front_of_the_transverse_processes_of_their_vertebrae(wild):
    shells = [part for name, part in ribs(np.random.default_rng(1), wild) if name == "cortex"]
    thoracic = wild.vertebrae[wild.disease.n_lumbar :]
    for vertebra in thoracic:
        for side in (-1, 1):
            tip = local(vertebra, transverse_tip(vertebra, side))
            right, down, back = np.array([local(vertebra, shell.end) - tip for shell in shells]).T
            passing = (side * right >= 0) & (side * right <= 6) & (np.abs(down) <= 5)
            assert side * tip[0] > 0 and (passing & (back >= -14) & (back <= -5.5)).any()
    assert abs(local(thoracic[0], shells[0].start)[0]) == pytest.approx(thoracic[0].body.half_width)


def test_quadratus_lumborum_leads_from_the_lowest_vertebra_to_the_last_ribs(wild):
    things = quadratus_lumborum(np.random.default_rng(1), wild)
    assert {name for name, _ in things} == {"muscle"}
    assert len(things) == 2 * wild.disease.n_lumbar
    for (_, part), (_, following) in zip(things[:-1], things[1:], strict=True):
        assert (part.end == following.start).all() or part is things[len(things) // 2 - 1][1]
    rights = [local(wild.vertebrae[0], part.start)[0] for _, part in things[:: wild.disease.n_lumbar]]
    assert rights[0] < -wild.vertebrae[0].body.half_width - 13 and rights[1] > -rights[0] / 3
