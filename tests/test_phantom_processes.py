"""Processes of wild patients: what they have in common, and how far they reach."""

from dataclasses import replace

import numpy as np

from spider2d.data.phantom import arch, processes
from spider2d.data.phantom.anatomy import sample_anatomy

PLAIN_HABIT = processes.Habit(
    size=1.0,
    forward_mm=0.0,
    up_mm=0.0,
    tilt_deg=0.0,
    to_sacrum_mm=0.0,
    wing_sides=(),
    is_fused=False,
    cortex_mm=0.5,
    stoutness=0.0,
    joint_cortex_mm=1.5,
    joint_spread_mm=(1.5, 4.0),
    pedicle_size=1.0,
    lamina_mm=10.0,
    plate_mm=4.0,
    lamina_tilt_deg=20.0,
    is_slight=False,
)


def test_lowest_transverse_processes_meet_the_sacrum_in_some_patients():
    anatomy = sample_anatomy(5)
    frame, body = anatomy.vertebrae[0].frame, anatomy.vertebrae[0].body
    feet = []
    for to_sacrum_mm in (0.0, 15.0):
        habit = replace(PLAIN_HABIT, to_sacrum_mm=to_sacrum_mm)
        parts = processes.varied_transverse_processes(np.random.default_rng(0), frame, body, 0, False, habit)
        feet.append(max((frame.axes.T @ (p.end - frame.centre))[1] for p in parts))
    assert feet[1] > feet[0] + 5
    habits = [processes.sample_habit(np.random.default_rng(seed), 0.8, 1.2) for seed in range(200)]
    assert all(habit.cortex_mm < 0.9 and 1.2 <= habit.joint_cortex_mm <= 3.2 for habit in habits)
    assert 0.05 < np.mean([habit.to_sacrum_mm > 0 for habit in habits]) < 0.2


def test_lowest_transverse_processes_spring_from_body_and_pedicle_as_cones():
    lowest = sample_anatomy(5).vertebrae[0]
    body, tip = lowest.body, lowest.frame.world((50.0, -5.0, 25.0))
    parts = processes.lateral_mass(np.random.default_rng(0), lowest.frame, body, 1, tip, 1.0)
    ends = [local(lowest, part.start, part.end) for part in parts]
    assert ends[0][0][0] < body.half_width < ends[0][1][0] < ends[1][1][0] < ends[2][1][0] < 50
    assert all(0.5 * body.half_depth < end[2] < 26 and end[1] < 0 for pair in ends for end in pair)
    sections_mm2 = [np.pi * part.radii[1] * part.radii[2] for part in parts]
    assert sections_mm2 == sorted(sections_mm2, reverse=True) and sections_mm2[0] > 2 * sections_mm2[2]
    larger = processes.lateral_mass(np.random.default_rng(0), lowest.frame, body, 1, tip, 2.0)
    assert np.allclose(larger[0].radii, 2 * np.array(parts[0].radii))


def lowest_joints(anatomy):
    """Frames and bodies from S1 upwards, and the joints of the lowest vertebra (below, above)."""
    frames = [anatomy.sacrum.segments[0][0], *(v.frame for v in anatomy.vertebrae)]
    bodies = [anatomy.sacrum.segments[0][1], *(v.body for v in anatomy.vertebrae)]
    return arch.joint_positions(np.random.default_rng(0), frames, bodies)[0:2]


def local(vertebra, *points):
    """Positions in the vertebra's own coordinates: right, down, posterior (mm)."""
    return [vertebra.frame.axes.T @ (point - vertebra.frame.centre) for point in points]


def test_stout_joint_processes_reach_beyond_the_joints_by_their_stoutness():
    anatomy = sample_anatomy(5)
    lowest, joints, rears = anatomy.vertebrae[0], lowest_joints(anatomy), []
    for stoutness in (0.0, 1.0):
        habit = replace(PLAIN_HABIT, stoutness=stoutness)
        rng = np.random.default_rng(0)
        parts = processes.stout_joint_processes(rng, lowest.frame, lowest.body, joints, habit)
        assert len(parts) == 4  # a lower and an upper one on either side
        rears.append(max(local(lowest, p.end)[0][2] + p.radii[2] for p in parts))
    assert rears[1] > rears[0] + 5
    left_joint, left_lower = local(lowest, joints[0][0], parts[0].end)
    assert np.isclose(left_lower[0] - left_joint[0], 4.0)  # towards the middle
    left_joint, left_upper = local(lowest, joints[1][0], parts[1].end)
    assert np.isclose(left_upper[0] - left_joint[0], -1.5)


def test_laminae_are_tall_plates_behind_the_canal_whose_upper_edge_leans_forward():
    anatomy = sample_anatomy(5)
    lowest, joints = anatomy.vertebrae[0], lowest_joints(anatomy)
    parts = processes.tall_laminae(np.random.default_rng(0), lowest.frame, lowest.body, joints, PLAIN_HABIT)
    assert len(parts) == 4
    for side, plate, lower in zip((-1, 1), parts[::2], parts[1::2], strict=True):
        start, end, foot = local(lowest, plate.start, plate.end, lower.end)
        assert side * start[0] > side * end[0] > 0 and end[2] > start[2] > lowest.body.half_depth + 14
        assert plate.radii[1] > 2 * plate.radii[2]
        upper_edge = lowest.frame.axes.T @ (-plate.radii[1] * plate.axes[:, 1])
        assert upper_edge[1] < -6 and upper_edge[2] < -0.5  # mm up and forward
        assert np.allclose(lower.start, (plate.start + plate.end) / 2)
        assert foot[1] > lowest.body.half_height and 5 < side * foot[0] < side * start[0]


def test_slight_arches_of_some_patients_are_slender():
    habits = [processes.sample_habit(np.random.default_rng(seed), 0.8, 1.2) for seed in range(400)]
    slight = [habit for habit in habits if habit.is_slight]
    assert 0.33 < len(slight) / len(habits) < 0.47
    assert all(h.lamina_mm <= 13 and h.plate_mm <= 4.4 for h in slight)
    assert all(h.joint_spread_mm == arch.JOINT_SPREAD_MM for h in slight)
    assert max(h.lamina_mm for h in habits) > 17 and max(h.plate_mm for h in habits) > 6

    anatomy, slender = sample_anatomy(5), replace(PLAIN_HABIT, is_slight=True)
    lowest, joints = anatomy.vertebrae[0], lowest_joints(anatomy)
    laminae = processes.tall_laminae(np.random.default_rng(0), lowest.frame, lowest.body, joints, slender)
    assert len(laminae) == 2  # nothing runs down into the lower joint processes
    sections_mm2 = []
    for habit in (PLAIN_HABIT, slender):
        rng = np.random.default_rng(0)
        parts = processes.varied_transverse_processes(rng, lowest.frame, lowest.body, 0, False, habit)
        roots = [p for p in parts if local(lowest, p.start)[0][2] < lowest.body.half_depth]
        assert {int(np.sign(local(lowest, root.start)[0][0])) for root in roots} == {-1, 1}
        sections_mm2.append(max(np.pi * root.radii[1] * root.radii[2] for root in roots))
    assert sections_mm2[1] < 0.6 * sections_mm2[0]


def test_pedicles_lead_from_the_side_of_the_body_backwards_the_broader_the_lower():
    anatomy = sample_anatomy(5)
    widths = []
    for k in (0, 2, 8):
        vertebra = anatomy.vertebrae[k]
        rng = np.random.default_rng(0)
        parts = processes.broad_pedicles(rng, vertebra.frame, vertebra.body, k, PLAIN_HABIT)
        for side, part in zip((-1, 1), parts, strict=True):
            start, end = local(vertebra, part.start, part.end)
            edge = side * start[0] + part.radii[0]
            assert 0.88 <= edge / vertebra.body.half_width <= 0.96
            assert start[1] < 0 and 0 < start[2] < vertebra.body.half_depth < end[2] - 5
            assert 0 <= side * (end[0] - start[0]) <= 3
        widths.append(2 * parts[0].radii[0])
    assert widths == [15.0, 11.2, 7.6]  # mm


def test_spinous_process_is_a_plate_in_the_middle_behind_the_laminae():
    lowest, third = (sample_anatomy(5).vertebrae[k] for k in (0, 2))
    lengths = []
    for k, vertebra in ((0, lowest), (2, third)):
        rng = np.random.default_rng(0)
        (plate,) = processes.thick_spinous_process(rng, vertebra.frame, vertebra.body, k, PLAIN_HABIT)
        start, end = local(vertebra, plate.start, plate.end)
        assert abs(end[0]) < 4 and start[2] > vertebra.body.half_depth + 19
        assert 3 <= plate.radii[0] <= 4.4 < plate.radii[1]
        lengths.append(end[2] - start[2])
    assert np.isclose(lengths[0] / lengths[1], 0.75)


def test_wings_reach_from_beside_the_lowest_body_to_the_sacrum_on_their_side_only():
    anatomy = sample_anatomy(5)
    s1, lowest = anatomy.sacrum.segments[0][0], anatomy.vertebrae[0]
    for sides in ((), (-1,), (-1, 1)):
        habit = replace(PLAIN_HABIT, wing_sides=sides)
        rng = np.random.default_rng(0)
        parts = processes.sacral_wings(rng, lowest.frame, lowest.body, s1, habit)
        assert {int(np.sign((p.end - s1.centre)[0])) for p in parts} == set(sides)
        assert all(part.cortex_mm == habit.cortex_mm for part in parts)
    ends = np.array([s1.axes.T @ (part.end - s1.centre) for part in parts])
    assert abs(ends[:, 0]).max() > lowest.body.half_width + 12
    assert -18 <= ends[:, 1].max() <= -8  # where the wings of the sacrum begin: S1 is 28 mm tall


def test_some_patients_have_wings_and_only_those_can_be_fused():
    habits = [processes.sample_habit(np.random.default_rng(seed), 0.8, 1.2) for seed in range(400)]
    winged = [habit for habit in habits if habit.wing_sides]
    assert 0.17 < len(winged) / len(habits) < 0.33
    assert 0.4 < np.mean([habit.is_fused for habit in winged]) < 0.8
    assert not any(habit.is_fused for habit in habits if not habit.wing_sides)
    assert {habit.wing_sides for habit in winged} == {(-1,), (1,), (-1, 1)}
