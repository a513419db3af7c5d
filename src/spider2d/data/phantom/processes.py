"""Processes and pedicles of wild patients: what one patient's have in common, and their parts."""

from dataclasses import dataclass, replace

import numpy as np

from spider2d.data.phantom.arch import JOINT_SPREAD_MM, Joints
from spider2d.data.phantom.shapes import Body, Capsule, Frame, rotation

WING_SHARE, FUSED_SHARE = 0.25, 0.6
WING_SIDES = ((-1,), (1,), (-1, 1), (-1, 1))
SLIGHT_SHARE = 0.4
"""Of patients with slender arches: with them a network did better on real slices."""
PEDICLE_MM = (7.5, 6.4, 5.6, 5.0, 4.6, 4.2, 3.8)
"""Half width of the pedicles from the lowest lumbar vertebra upwards; those above are as the last."""


@dataclass(frozen=True)
class Habit:
    """What the processes of one patient have in common, apart from the vertebra they stand on.

    Attributes:
        size: Factor on the thickness of the transverse processes.
        forward_mm, up_mm: How far their tips are displaced.
        tilt_deg: By how much their rear edge stands higher than the front one.
        to_sacrum_mm: How far the lowest ones reach down towards the wings of the sacrum.
        wing_sides: Sides (-1 left, 1 right) on which the lowest vertebra has a broad wing, as transitional
            ones have.
        is_fused: Whether these wings have grown together with the sacrum.
        cortex_mm: Thickness of their dark shell.
        stoutness: How much the joint processes have grown (0-1), as worn joints do.
        joint_cortex_mm: Thickness of their dark shell; that of worn joints is thick.
        joint_spread_mm: How far upper joint processes stand to the side, and lower ones to the middle, of
            their joint.
        pedicle_size: Factor on the width of the pedicles.
        lamina_mm: Half height of the laminae.
        plate_mm: Half thickness of the laminae and of the spinous process.
        lamina_tilt_deg: By how much their upper edge leans forward.
        is_slight: Whether arches are slender: without `broad_pedicles`, `thick_spinous_process` and
            `lateral_mass`, and with laminae that end above the lower joint processes.
    """

    size: float
    forward_mm: float
    up_mm: float
    tilt_deg: float
    to_sacrum_mm: float
    wing_sides: tuple[int, ...]
    is_fused: bool
    cortex_mm: float
    stoutness: float
    joint_cortex_mm: float
    joint_spread_mm: tuple[float, float]
    pedicle_size: float
    lamina_mm: float
    plate_mm: float
    lamina_tilt_deg: float
    is_slight: bool


def sample_habit(rng: np.random.Generator, body_cortex_mm: float, arch_cortex_mm: float) -> Habit:
    """Return the processes of a patient.

    In one of eight the lowest transverse ones meet the sacrum, and in one of four there are broad wings, far
    more often than in life, so that networks see enough of them (Castellvi et al., Spine 9:493-495, 1984,
    types II to IV).
    """
    stoutness = rng.uniform(0, 1)
    wing_sides = WING_SIDES[rng.integers(len(WING_SIDES))] if rng.random() < WING_SHARE else ()
    is_slight = rng.random() < SLIGHT_SHARE
    return Habit(
        size=rng.uniform(0.8, 1.35),
        forward_mm=rng.uniform(-3, 6),
        up_mm=rng.uniform(-4, 6),
        tilt_deg=rng.uniform(-15, 50),
        to_sacrum_mm=rng.uniform(8, 18) if rng.random() < 0.12 else 0.0,
        wing_sides=wing_sides,
        is_fused=bool(wing_sides) and rng.random() < FUSED_SHARE,
        cortex_mm=body_cortex_mm * rng.uniform(0.5, 1.1),
        stoutness=stoutness,
        joint_cortex_mm=arch_cortex_mm + stoutness * rng.uniform(0, 2),
        joint_spread_mm=JOINT_SPREAD_MM if is_slight else (rng.uniform(0, 3), rng.uniform(2, 6)),
        pedicle_size=rng.uniform(0.8, 1.3),
        lamina_mm=rng.uniform(8.5, 13) if is_slight else rng.uniform(10, 18),
        plate_mm=rng.uniform(2.8, 4.4) if is_slight else rng.uniform(3.4, 6.2),
        lamina_tilt_deg=rng.uniform(5, 35),
        is_slight=is_slight,
    )


def varied_transverse_processes(
    rng: np.random.Generator, frame: Frame, body: Body, k: int, thoracic: bool, habit: Habit
) -> tuple[Capsule, ...]:
    """Return transverse processes of vertebra ``k`` (0 = lowest), thick at the base, thinner at the tip.

    They are flat plates, taller than deep, with an uneven crest. The lower a vertebra, the further forward
    they stand; on the lowest one, whose processes are the stoutest, they spring from the side of the body.
    Those of thoracic vertebrae are shorter and point backwards: ribs pass in front of them.
    """
    parts, depth = [], body.half_depth
    forward = habit.forward_mm + max(0, 2 - k) * rng.uniform(2, 5) + rng.normal(0, 1.5)
    forward += rng.uniform(0, 6) if k == 0 else 0.0
    if thoracic:
        forward = rng.uniform(-10, -1)
    down = -0.3 * body.half_height - habit.up_mm + rng.normal(-1.5, 2.5)
    radii = np.array((3.5, rng.uniform(3.4, 6.6), rng.uniform(2.8, 4.9))) * habit.size
    radii *= ((1, 1.1, 1.5), (1, 1.1, 1.3))[k] if k < 2 else 1
    axes = frame.axes @ rotation(habit.tilt_deg + rng.normal(0, 10))
    for side in (-1, 1):
        reach = body.half_width + (rng.uniform(0, 12) if thoracic else rng.uniform(11, 26))
        base = np.array((side * 0.6 * body.half_width, -0.38 * body.half_height, depth + 7.0))
        tip = np.array((side * reach, down + rng.normal(0, 1.5), depth + 12 - forward + rng.normal(0, 1.5)))
        middle, end = (base + tip) / 2, frame.world(tip)
        parts.append(Capsule(frame.world(base), frame.world(middle), tuple(radii), axes))
        parts.append(Capsule(frame.world(middle), end, tuple(radii * rng.uniform(0.7, 1)), axes))
        for _ in range(2):
            off = axes @ (rng.uniform(-1, 1, 3) * radii * (0, 0.9, 0.7))
            crest = tuple(radii * rng.uniform(0.4, 0.8, 3))
            parts.append(Capsule(frame.world(base) + off, end + off * rng.uniform(-0.5, 1), crest, axes))
        if k == 0:
            if habit.is_slight:
                root = (side * 0.75 * body.half_width, down + rng.uniform(-2, 6), depth * rng.uniform(0, 0.8))
                parts.append(Capsule(frame.world(root), frame.world(middle), tuple(radii), axes))
            else:
                parts += lateral_mass(rng, frame, body, side, end, habit.size)
            if habit.to_sacrum_mm:
                foot = end + frame.axes @ (0, habit.to_sacrum_mm, 2)
                parts.append(Capsule(end, foot, tuple(radii * 1.3), axes))
    return tuple(replace(part, cortex_mm=habit.cortex_mm) for part in parts)


def lateral_mass(
    rng: np.random.Generator, frame: Frame, body: Body, side: int, tip: np.ndarray, size: float
) -> tuple[Capsule, ...]:
    """Return the cone from which the lowest transverse process springs.

    Args:
        rng: Source of variation.
        frame: Pose of the lowest vertebra.
        body: Shape of its body; the cone starts within its side.
        side: -1 left, 1 right.
        tip: End of the process (``sra`` mm); the cone ends half way to it.
        size: Factor on the thickness.
    """
    size *= rng.uniform(0.7, 1.05)
    level_mm, back_mm = rng.uniform(-7, -1), body.half_depth * rng.uniform(0.7, 1.0)
    middle_mm, end_mm = body.half_width + np.array((rng.uniform(0, 4), rng.uniform(6, 10)))
    root = frame.world((side * 0.8 * body.half_width, level_mm, 0.8 * back_mm))
    middle, end = (frame.world((side * right_mm, level_mm, back_mm)) for right_mm in (middle_mm, end_mm))
    places = [root, middle, end, (end + tip) / 2]
    axes = frame.axes @ rotation(rng.uniform(-15, 15))
    radii = ((4.5, 8.5, 13.0), (4.0, 8.0, 9.0), (3.5, 6.5, 6.0))
    return tuple(
        Capsule(start, stop, tuple(size * np.array(radius)), axes, power=rng.uniform(2, 3))
        for start, stop, radius in zip(places[:-1], places[1:], radii, strict=True)
    )


def sacral_wings(
    rng: np.random.Generator, frame: Frame, body: Body, s1: Frame, habit: Habit
) -> tuple[Capsule, ...]:
    """Return the wings of a transitional lowest vertebra: tall fins from its sides down onto the sacrum's.

    Args:
        rng: Source of variation.
        frame: Pose of the lowest vertebra.
        body: Shape of its body.
        s1: Pose of the first sacral segment.
        habit: Says on which sides they are, none without.
    """
    parts = []
    for side in habit.wing_sides:
        root = frame.world(
            (side * 0.7 * body.half_width, rng.uniform(-2, 4), rng.uniform(2, body.half_depth))
        )
        lateral = side * (body.half_width + rng.uniform(13, 26))
        tip = frame.world((lateral, rng.uniform(-2, 6), rng.uniform(0.7, 1.5) * body.half_depth))
        foot_down, foot_back = rng.uniform(-18, -8), rng.uniform(6, 26)
        thick, deep = rng.uniform(5, 9), rng.uniform(4.5, 9.5)
        axes = rotation(rng.uniform(-25, 25))
        parts.append(Capsule(root, tip, (7.0, rng.uniform(6, 11), deep), axes))
        for start, reach in ((tip, lateral), ((root + tip) / 2, (lateral + side * body.half_width) / 2)):
            foot = s1.world((reach, foot_down, foot_back))
            parts.append(Capsule(start, foot, (thick, 6.0, deep * rng.uniform(0.9, 1.4)), axes))
    return tuple(replace(part, cortex_mm=habit.cortex_mm) for part in parts)


def broad_pedicles(
    rng: np.random.Generator, frame: Frame, body: Body, k: int, habit: Habit
) -> tuple[Capsule, ...]:
    """Return pedicles that are the broader, and stand the further out, the lower vertebra ``k`` lies.

    They cover the slimmer ones of `vertebra_arch`, whose inner edge remains.
    """
    half_width_mm = PEDICLE_MM[min(k, len(PEDICLE_MM) - 1)] * habit.pedicle_size
    level_mm, parts = rng.uniform(-0.45, -0.15) * body.half_height, []
    for side in (-1, 1):
        right_mm = side * (rng.uniform(0.88, 0.96) * body.half_width - half_width_mm)
        start = frame.world((right_mm, level_mm, 0.4 * body.half_depth))
        tip_mm = right_mm + side * rng.uniform(0, 3), level_mm, body.half_depth + rng.uniform(6, 10)
        radii = (half_width_mm, rng.uniform(5.5, 8), 4.2)
        parts.append(Capsule(start, frame.world(tip_mm), radii, frame.axes, power=rng.uniform(2, 3)))
    return tuple(parts)


def thick_spinous_process(
    rng: np.random.Generator, frame: Frame, body: Body, k: int, habit: Habit
) -> tuple[Capsule, ...]:
    """Return the plate that makes the spinous process of a lumbar vertebra as thick as in life."""
    size = 0.75 if k == 0 else 1.0
    base_mm, level_mm = body.half_depth + rng.uniform(20, 23), rng.uniform(0.4, 0.8) * body.half_height
    start = frame.world((0, level_mm, base_mm))
    drop_mm, length_mm = rng.uniform(2, 10), rng.uniform(12, 24)
    stop = frame.world((rng.normal(0, 1), level_mm + size * drop_mm, base_mm + size * length_mm))
    radii = (habit.plate_mm * rng.uniform(0.75, 1.1), size * rng.uniform(7, 13), 4.5)
    return (Capsule(start, stop, radii, frame.axes @ rotation(rng.uniform(-5, 25)), power=2.3),)


def stout_joint_processes(
    rng: np.random.Generator, frame: Frame, body: Body, joints: list[Joints], habit: Habit
) -> tuple[Capsule, ...]:
    """Return joint processes that reach further to the front and the back of `vertebra_arch`'s joints."""
    stoutness, (outwards_mm, inwards_mm) = habit.stoutness, habit.joint_spread_mm
    side_mm, depth, parts = 0.57 * body.half_width, body.half_depth, []
    for side, below, above in zip((-1, 1), *joints, strict=True):
        rear, front = stoutness * rng.uniform(3, 6.5), stoutness * rng.uniform(0, 3)
        isthmus = frame.world((side * (side_mm - 0.5), 0.5 * body.half_height, depth + 14.0))
        lower_tip = below + frame.axes @ (-side * inwards_mm, rng.uniform(2, 7), 3.0 + rear)
        parts.append(Capsule(isthmus, lower_tip, (5.4, 5.0 + front / 2, 4.6 + rear), frame.axes))
        pillar = frame.world((side * (side_mm + 1.0), -0.3 * body.half_height, depth + 8.5))
        upper_tip = above + frame.axes @ (side * outwards_mm, -rng.uniform(1, 5), -3.8 - front)
        parts.append(Capsule(pillar, upper_tip, (5.4, 5.2, 5.4 + front), frame.axes))
    return tuple(replace(part, cortex_mm=habit.joint_cortex_mm) for part in parts)


def tall_laminae(
    rng: np.random.Generator, frame: Frame, body: Body, joints: list[Joints], habit: Habit
) -> tuple[Capsule, ...]:
    """Return laminae as tall plates that overlap like tiles, and run down into the lower joint processes.

    Their upper edge lies in front, at the canal.
    """
    side_mm, depth, level = 0.57 * body.half_width, body.half_depth, 0.5 * body.half_height
    parts = []
    for side, below in zip((-1, 1), joints[0], strict=True):
        axes = frame.axes @ rotation(habit.lamina_tilt_deg + rng.normal(0, 5))
        start = frame.world((side * (side_mm - 1), level, depth + rng.uniform(15, 17)))
        stop = frame.world((side * 1.5, level + rng.uniform(0, 3), depth + rng.uniform(19, 22)))
        thick = habit.plate_mm * rng.uniform(0.85, 1.1)
        parts.append(Capsule(start, stop, (3.2, habit.lamina_mm * rng.uniform(0.85, 1.1), thick), axes))
        if habit.is_slight:
            continue
        lower = below - frame.axes @ (side * (habit.joint_spread_mm[1] + 2), -rng.uniform(2, 9), -5.0)
        parts.append(Capsule((start + stop) / 2, lower, (rng.uniform(3.5, 5.5), 6.0, thick), frame.axes))
    return tuple(parts)
