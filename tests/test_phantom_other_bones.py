import numpy as np
import pytest

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.other_bones import iliac_bones, ribs, transverse_tip


@pytest.fixture(scope="module")
def wild():
    return sample_anatomy(4, wildness=0.4)


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


def test_iliac_bones_stand_beside_the_sacrum_and_reach_behind_it(wild):
    shells = [part for name, part in iliac_bones(np.random.default_rng(1), wild) if name == "cortex"]
    s1, body = wild.sacrum.segments[0]
    right, down, back = np.array([s1.axes.T @ (shell.end - s1.centre) for shell in shells]).T
    assert sorted(np.sign(right)) == [-1, -1, -1, 1, 1, 1]
    assert np.abs(right).min() >= 34 and back.max() >= body.half_depth + 28
    assert ((back >= body.half_depth + 28) & (down >= 5) & (down <= 30)).sum() == 2
