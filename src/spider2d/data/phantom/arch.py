"""The posterior arch as capsules: pedicles, joint processes, laminae, transverse and spinous processes.

Neighbouring joint processes are built towards a common joint position from both sides, so that facet joints
touch in every pose.
"""

import numpy as np

from spider2d.data.phantom.shapes import Body, Capsule, Frame

Joints = tuple[np.ndarray, np.ndarray]


def joint_positions(frames: list[Frame], bodies: list[Body], rng: np.random.Generator) -> list[Joints]:
    """Return the (left, right) facet-joint position at every disc, and one above the last vertebra."""
    joints = []
    for lower, upper, body in zip(frames[:-1], frames[1:], bodies[1:], strict=True):
        thoracic = body.half_width < 20.5
        lateral = 12.0 if thoracic else 16.0 * body.half_width / 23
        middle = (
            lower.world((0, -bodies[0].half_height, 0)) * 0.5 + upper.world((0, body.half_height, 0)) * 0.5
        )
        axes = upper.axes
        behind = body.half_depth + 11.5 + rng.normal(0, 0.7)
        joints.append(
            tuple(middle + axes @ np.array([side * lateral, rng.normal(0, 0.8), behind]) for side in (-1, 1))
        )
    top, body = frames[-1], bodies[-1]
    joints.append(
        tuple(top.world((s * 12.0, -body.half_height - 3, body.half_depth + 11.5)) for s in (-1, 1))
    )
    return joints


def vertebra_arch(
    rng: np.random.Generator, frame: Frame, body: Body, below: Joints, above: Joints, thoracic: bool
) -> tuple[Capsule, ...]:
    """Return the arch of one vertebra; ``below`` and ``above`` are its facet-joint positions."""
    height, depth = body.half_height, body.half_depth
    side_mm = body.half_width * (0.57 if not thoracic else 0.60)
    spinous_mm, drop_mm = rng.uniform(20, 27), rng.uniform(2, 7)
    if thoracic:
        spinous_mm, drop_mm = rng.uniform(16, 22), rng.uniform(14, 20)

    def part(start: tuple, end: tuple, radii: tuple) -> Capsule:
        return Capsule(frame.world(start), frame.world(end), radii, frame.axes)

    parts = []
    pillar_top, pillar_end = -0.35 * height, 0.65 * height
    for side, joint_below, joint_above in zip((-1, 1), below, above, strict=True):
        root = (side * side_mm, pillar_top, depth * 0.5)
        pillar = (side * (side_mm + 1.0), pillar_top, depth + 9)
        isthmus = (side * (side_mm - 0.5), pillar_end, depth + 13.5)
        parts.append(part(root, pillar, (4.4, 6.5, 4.0)))
        parts.append(part(pillar, isthmus, (4.6, 4.5, 3.8)))
        tip = joint_above + frame.axes @ np.array([side * 1.0, -5.0, -2.6])
        parts.append(Capsule(frame.world(pillar), tip, (4.6, 4.5, 3.6), frame.axes))
        tip = joint_below + frame.axes @ np.array([-side * 0.5, 4.0, 2.2])
        parts.append(Capsule(frame.world(isthmus), tip, (4.6, 4.5, 3.6), frame.axes))
        parts.append(part(isthmus, (side * 1.5, pillar_end, depth + 21), (3.4, 7.5, 3.2)))
        reach, back = (side_mm + rng.uniform(16, 23), 4.0) if not thoracic else (side_mm + 13, 13.0)
        parts.append(part(pillar, (side * reach, pillar_top - 1.5, depth + 8 + back), (3.4, 4.2, 3.0)))
    base = (0, pillar_end, depth + 21)
    tip = (0, pillar_end + drop_mm, depth + 21 + spinous_mm)
    parts.append(part(base, tip, (3.1, 7.5 if not thoracic else 5.0, 5.0)))
    return tuple(parts)


def sacral_parts(segments: list[tuple[Frame, Body]], joints: Joints) -> tuple[Capsule, ...]:
    """Return wings, crest and upper joint processes of the sacrum."""
    parts = []
    (s1, body), (s2, _), (s3, body3) = segments[:3]
    for side, joint in zip((-1, 1), joints, strict=True):
        wing_start = s1.world((side * 20, 2, 3))
        parts.append(Capsule(wing_start, s1.world((side * 42, 6, 12)), (10.0, 12.0, 12.0), s1.axes))
        parts.append(
            Capsule(s1.world((side * 34, 10, 8)), s2.world((side * 28, 8, 8)), (12.0, 10.0, 9.0), s2.axes)
        )
        tip = joint + s1.axes @ np.array([side * 1.0, 3.0, -2.6])
        parts.append(Capsule(s1.world((side * 17, -6, body.half_depth + 2)), tip, (5.0, 5.0, 4.0), s1.axes))
        parts.append(
            Capsule(s1.world((side * 16, 0, 12)), s1.world((side * 16, 4, 24)), (5.0, 8.0, 4.0), s1.axes)
        )
    crest = [
        s1.world((0, 4, body.half_depth + 21)),
        s2.world((0, 0, 29)),
        s3.world((0, 4, body3.half_depth + 8)),
    ]
    for start, end in zip(crest[:-1], crest[1:], strict=True):
        parts.append(Capsule(start, end, (16.0, 3.0, 2.6), s2.axes))
    return tuple(parts)
