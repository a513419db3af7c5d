"""The posterior arch as capsules: pedicles, joint processes, laminae, transverse and spinous processes.

Neighbouring joint processes are built towards one joint position from both sides, so that facet joints touch
in every pose. What wild patients have in addition is in `processes`.
"""

from dataclasses import replace

import numpy as np

from spider2d.data.phantom.shapes import Body, Capsule, Frame

Joints = tuple[np.ndarray, np.ndarray]
JOINT_SPREAD_MM = 1.0, 0.8
"""Of ordinary patients; see `vertebra_arch`."""


def joint_positions(rng: np.random.Generator, frames: list[Frame], bodies: list[Body]) -> list[Joints]:
    """Return the (left, right) facet-joint positions at every disc, and above the last vertebra."""
    joints = []
    for lower, lower_body, upper, body in zip(frames[:-1], bodies[:-1], frames[1:], bodies[1:], strict=True):
        top = lower.centre - lower.axes[:, 1] * lower_body.half_height
        middle = (top + upper.centre + upper.axes[:, 1] * body.half_height) / 2
        joints.append(_joint_pair(rng, Frame(middle, upper.axes), body))
    top_edge = frames[-1].world((0, -bodies[-1].half_height - 3, 0))
    joints.append(_joint_pair(rng, Frame(top_edge, frames[-1].axes), bodies[-1]))
    return joints


def _joint_pair(rng: np.random.Generator, disc: Frame, body: Body) -> Joints:
    lateral = 0.69 * body.half_width
    behind = body.half_depth + 13.5 + rng.normal(0, 0.7)
    return tuple(disc.world((side * lateral, rng.normal(0, 0.8), behind)) for side in (-1, 1))


def vertebra_arch(
    rng: np.random.Generator,
    frame: Frame,
    body: Body,
    joints: list[Joints],
    thoracic: bool,
    lowest: bool,
    transverse: bool = True,
    joint_spread_mm: tuple[float, float] = JOINT_SPREAD_MM,
) -> tuple[Capsule, ...]:
    """Return the arch of one vertebra.

    Args:
        rng: Source of ordinary variation.
        frame: Pose of the vertebra.
        body: Shape of its body.
        joints: Facet-joint positions below and above.
        thoracic: Whether transverse and spinous processes have their thoracic form.
        lowest: Whether it is the vertebra on the sacrum, whose spinous process is short.
        transverse: Whether to add the ordinary transverse processes.
        joint_spread_mm: How far upper joint processes stand to the side, and lower ones to the middle, of
            their joint.
    """
    side_mm, height, depth = 0.57 * body.half_width, body.half_height, body.half_depth
    top, end = -0.38 * height, 0.62 * height
    lamina_mm = depth + rng.uniform(19.5, 21.5)
    transverse_mm = rng.uniform(9, 13) if thoracic else rng.uniform(16, 23)
    transverse_back = 13.0 if thoracic else rng.uniform(3, 6)

    def part(start: tuple, stop: tuple, radii: tuple[float, float, float]) -> Capsule:
        return Capsule(frame.world(start), frame.world(stop), radii, frame.axes)

    parts = []
    for side, below, above in zip((-1, 1), *joints, strict=True):
        pillar = (side * (side_mm + 1.0), top, depth + 9.0)
        isthmus = (side * (side_mm - 0.5), end, depth + 13.5)
        parts.append(part((side * side_mm, top, depth * 0.5), pillar, (4.5, 6.8, 4.2)))
        parts.append(part(pillar, isthmus, (4.8, 4.8, 5.0)))
        superior_tip = above + frame.axes @ (side * joint_spread_mm[0], -3.5, -3.8)
        parts.append(Capsule(frame.world(pillar), superior_tip, (5.4, 5.2, 5.8), frame.axes))
        inferior_tip = below + frame.axes @ (-side * joint_spread_mm[1], 4.0, 3.0)
        parts.append(Capsule(frame.world(isthmus), inferior_tip, (5.4, 5.0, 4.6), frame.axes))
        parts.append(part(isthmus, (side * 1.5, 0.5 * height, lamina_mm), (3.4, 8.5, 3.0)))
        tip = (side * (side_mm + transverse_mm), top - rng.uniform(-2, 3), depth + 8.5 + transverse_back)
        if transverse:
            parts.append(part(pillar, tip, (3.4, 4.4, 2.8)))
    return (*parts, *spinous_process(rng, frame, lamina_mm, end, thoracic, lowest))


def spinous_process(
    rng: np.random.Generator, frame: Frame, base_mm: float, level_mm: float, thoracic: bool, lowest: bool
) -> tuple[Capsule, ...]:
    """Return the spinous process: a tall plate in the lumbar, a sloping rod in the thoracic spine."""
    if thoracic:
        stop = (rng.normal(0, 0.5), level_mm + rng.uniform(12, 19), base_mm + rng.uniform(15, 21))
        return (Capsule(frame.world((0, level_mm, base_mm)), frame.world(stop), (3.1, 5.5, 4.5), frame.axes),)
    size = 0.75 if lowest else 1.0
    length, drop, lateral = size * rng.uniform(19, 26), size * rng.uniform(4, 8), rng.normal(0, 0.7)
    start = frame.world((0, level_mm - 1, base_mm + 2))
    stop = frame.world((lateral, level_mm - 1 + drop, base_mm + length))
    return (Capsule(start, stop, (3.2, size * rng.uniform(10, 13), 5.5), frame.axes, power=2.3),)


def vary_parts(rng: np.random.Generator, parts: tuple[Capsule, ...], wildness: float) -> tuple[Capsule, ...]:
    """Return the parts of an arch thicker or thinner, longer or shorter and displaced at random.

    ``wildness`` 1 changes radii by about a quarter, lengths by a tenth and positions by a millimetre or two;
    with 0 the parts stay as they are and nothing is drawn.
    """
    if wildness == 0:
        return parts
    varied = []
    plumpness = rng.lognormal(0.06, 0.12 * wildness)
    for part in parts:
        radii = np.array(part.radii) * plumpness * rng.lognormal(0, 0.2 * wildness, 3)
        start = part.start + rng.normal(0, 0.8 * wildness, 3)
        end = start + (part.end - part.start) * rng.lognormal(0, 0.12 * wildness)
        end = end + rng.normal(0, 1.2 * wildness, 3)
        varied.append(replace(part, start=start, end=end, radii=tuple(radii)))
    return tuple(varied)


def osteophytes(bridging: list[int], k: int, frames: list[Frame], bodies: list[Body]) -> tuple[Capsule, ...]:
    """Return the bony beaks of vertebra ``k`` that reach over a disc and meet the neighbour's.

    Args:
        bridging: Per disc: 0 = none, -1 or 1 = bridge in front, left or right of the middle.
        k: Index of the vertebra; index ``k`` + 1 in ``frames`` and ``bodies``, where 0 is S1.
        frames: Poses.
        bodies: Shapes.
    """
    spurs, frame, body = [], frames[k + 1], bodies[k + 1]
    for disc, sign, other in ((k, 1, k), (k + 1, -1, k + 2)):
        if disc < len(bridging) and bridging[disc] and other > 0:
            side = 6.0 * bridging[disc]
            start = frame.world((side, sign * (body.half_height - 4), -body.half_depth + 2.5))
            far = frames[other].world(
                (side, -sign * (bodies[other].half_height - 4), -bodies[other].half_depth + 2.5)
            )
            stop = (start + far) / 2 + frame.axes @ (0, 0, -2.0)
            spurs.append(Capsule(start, stop, (9.0, 3.4, 3.4), frame.axes))
    return tuple(spurs)
