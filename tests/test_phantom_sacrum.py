"""The sacrum beside its middle, and the lowest transverse processes above it."""

from itertools import product

import numpy as np

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.bones import SACRUM_OWNER, paint_bones
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.sacrum import broad_wings, low_wings, make_sacrum, stout_joint_processes


def section_beside(anatomy, owner, beside_mm):
    """Positions (down, back; mm) in S1's frame of a bone's section ``beside_mm`` to the right of S1."""
    s1 = anatomy.sacrum.segments[0][0]
    origin = s1.centre + (beside_mm, -80, -70)
    grid = Grid((1, 170, 150), (1.0, 1.0, 1.0), tuple(float(mm) for mm in origin))
    bones = paint_bones(anatomy, grid)
    _, down, back = s1.local(grid.open_mesh((slice(0, 1), slice(0, 170), slice(0, 150))))
    inside = (bones.nearest < 0) & (bones.owner == owner)
    return np.array([np.broadcast_to(axis, inside.shape)[inside] for axis in (down, back)])


def test_wings_of_the_sacrum_of_wild_patients_are_as_tall_and_as_far_back_as_real_ones():
    """A real patient, 36 mm beside S1: 1755 and 2070 mm2, from 18 mm above to 58 below and 5 before S1."""
    sections = {}
    for wildness in (0.0, 0.4):
        sections[wildness] = [
            section_beside(sample_anatomy(seed, wildness=wildness), SACRUM_OWNER, 36.0) for seed in range(60)
        ]
    areas_mm2 = {wildness: np.median([s.shape[1] for s in found]) for wildness, found in sections.items()}
    assert 1300 < areas_mm2[0.4] < 2100 and areas_mm2[0.0] < 0.75 * areas_mm2[0.4]
    lower_edge_mm, front_mm = np.median([(s[0].max(), s[1].min()) for s in sections[0.4]], axis=0)
    assert 40 < lower_edge_mm < 60 and -10 < front_mm < 2
    assert not sample_anatomy(3).sacrum.fat_spots


def test_low_wings_lie_further_forward_and_end_higher_than_broad_ones():
    segments = sample_anatomy(3).sacrum.segments
    s1, reach_mm = segments[0][0], {}
    for name, make, where in (("broad", broad_wings, s1), ("low", low_wings, segments)):
        ends = np.array([
            [s1.axes.T @ (p - s1.centre) for part in parts for p in (part.start, part.end)]
            for parts in (make(np.random.default_rng(seed), where, 1.0) for seed in range(20))
        ])  # fmt: skip
        assert ends[..., 0].min() < -40 and ends[..., 0].max() > 40  # mm, on either side
        reach_mm[name] = ends[..., 2].min(axis=1).mean(), ends[..., 1].max(axis=1).mean()
    assert reach_mm["low"][0] < 5 and reach_mm["broad"][0] > 7  # how far back the front lies
    assert reach_mm["low"][1] < 38 < reach_mm["broad"][1]  # how far down the lower end lies


def test_low_wings_are_those_of_some_wild_patients():
    anatomy = sample_anatomy(3)
    (s1, body), joints = anatomy.sacrum.segments[0], (np.array([-17.0, 0, 20]), np.array([17.0, 0, 20]))
    made = [make_sacrum(np.random.default_rng(seed), s1, body, joints, 1.0, 0.4) for seed in range(200)]
    n_parts = [len(sacrum.parts) for sacrum in made]  # low ones have two on either side, broad ones five
    assert set(n_parts) == {min(n_parts), min(n_parts) + 6}
    assert 0.15 < n_parts.count(min(n_parts)) / len(n_parts) < 0.35


def test_lowest_transverse_process_is_as_massive_at_its_root_as_a_real_one():
    """Sections of the fifth lumbar vertebra of a real patient: 279 and 342 mm2, 32 mm beside the middle."""
    areas_mm2 = {0.0: [], 0.4: []}
    for seed, wildness in product(range(24), areas_mm2):
        anatomy = sample_anatomy(seed, "healthy", wildness)
        areas_mm2[wildness].append(section_beside(anatomy, anatomy.vertebrae[0].label, 32.0).shape[1])
    assert np.median(areas_mm2[0.0]) < 120 and 200 < np.median(areas_mm2[0.4]) < 400


def test_stout_joint_processes_end_in_front_of_the_joints():
    anatomy = sample_anatomy(3)
    (s1, body), *_ = anatomy.sacrum.segments
    joints = tuple(s1.world((side * 17.0, -16.0, body.half_depth + 13.5)) for side in (-1, 1))
    left, right = stout_joint_processes(np.random.default_rng(0), s1, body, joints)
    for part, joint, side in ((left, joints[0], -1), (right, joints[1], 1)):
        offset = s1.axes.T @ (part.end - joint)
        assert 0 <= side * offset[0] <= 5 and 0 <= offset[1] <= 4 and -6 <= offset[2] <= -3
