"""What is painted beside the spine of wild patients."""

import numpy as np
import pytest

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.clutter import (
    fat_lobules,
    fat_pads,
    intertransverse_muscles,
    sample_clutter,
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
