import numpy as np

from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.sacrum import stout_joint_processes


def test_wings_of_the_sacrum_of_wild_patients_reach_further_forward_and_down():
    def reach(anatomy):
        """Largest extent of the sacrum's parts in S1's frame: right, down, and front (mm)."""
        s1 = anatomy.sacrum.segments[0][0]
        ends = np.array(
            [[s1.axes.T @ (end - s1.centre) for end in (p.start, p.end)] for p in anatomy.sacrum.parts]
        )
        radii = np.array([p.radii for p in anatomy.sacrum.parts])[:, None]
        return (ends + radii)[..., 0].max(), (radii - ends)[..., 2].max()

    gains = []
    for seed in range(3, 9):
        wild, ordinary = reach(sample_anatomy(seed, wildness=0.4)), reach(sample_anatomy(seed))
        assert wild[0] > 48
        gains.append(wild[1] - ordinary[1])
    assert min(gains) > 0 and np.mean(gains) > 3
    assert not sample_anatomy(3).sacrum.fat_spots


def test_stout_joint_processes_end_in_front_of_the_joints():
    anatomy = sample_anatomy(3)
    (s1, body), *_ = anatomy.sacrum.segments
    joints = tuple(s1.world((side * 17.0, -16.0, body.half_depth + 13.5)) for side in (-1, 1))
    left, right = stout_joint_processes(np.random.default_rng(0), s1, body, joints)
    for part, joint, side in ((left, joints[0], -1), (right, joints[1], 1)):
        offset = s1.axes.T @ (part.end - joint)
        assert 0 <= side * offset[0] <= 5 and 0 <= offset[1] <= 4 and -6 <= offset[2] <= -3
