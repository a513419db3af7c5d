"""The sacrum: fused segments, wings, joint processes and crest. It is background in the labels."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.arch import Joints
from spider2d.data.phantom.shapes import Body, Capsule, Frame, rotation

LOW_WINGS_SHARE = 0.25
"""Of wild patients with `low_wings` in place of `broad_wings`."""


@dataclass(frozen=True)
class Sacrum:
    """Sacral segments from S1 downwards, the other bony parts, and the remnants of the discs between.

    ``fat_spots`` are patches of fatty marrow in the wings.
    """

    segments: tuple[tuple[Frame, Body], ...]
    parts: tuple[Capsule, ...]
    remnants: tuple[Capsule, ...]
    fat_spots: tuple[Capsule, ...] = ()


def make_sacrum(
    rng: np.random.Generator, s1: Frame, body: Body, joints: Joints, scale: float, wildness: float = 0.0
) -> Sacrum:
    """Return the sacrum below the given S1, reaching to the lowest facet joints.

    With ``wildness`` above 0 it has wings of their true size, or in a share of patients lower ones, with
    patches of fatty marrow, and stouter joint processes.
    """
    segments, remnants = [(s1, body)], []
    bend, frame, size = rng.uniform(0.6, 1.4), s1, body
    slope = np.rad2deg(np.arctan2(s1.axes[2, 1], s1.axes[1, 1]))
    for number, lean in enumerate((8, 8, -6, -30, -55)):
        axes = rotation(slope + bend * lean)
        end = frame.centre + frame.axes[:, 1] * size.half_height
        size = Body(
            half_width=(22 - 3.5 * number) * scale,
            half_depth=(12.2, 9.5, 7.4, 5.8, 4.6)[number] * scale,
            half_height=(13.0 - 1.2 * number) * scale,
            wedge=0.02,
            concavity=(0.0, 0.0),
            waist=0.05,
            taper=0.11,
        )
        shift = axes @ np.array([0, 0, 0.6 if number == 0 else 0.0])
        frame = Frame(end + axes[:, 1] * (size.half_height + 0.5) + shift, axes)
        segments.append((frame, size))
        joint = end + shift + axes[:, 1] * 0.25
        reach = size.half_depth * rng.uniform(0.35, 0.85)
        thickness = rng.uniform(1.0, 2.6) * (0.8 if number else 1.3)
        remnants.append(Capsule(joint, joint + axes[:, 0] * 0.1, (12 * scale, thickness, reach), axes))
    parts, spots = sacral_parts(segments, joints), ()
    if wildness:
        low = rng.random() < LOW_WINGS_SHARE
        wings = low_wings(rng, segments, scale) if low else broad_wings(rng, s1, scale)
        parts, spots = parts + wings + stout_joint_processes(rng, s1, body, joints), wing_spots(rng, wings)
    return Sacrum(tuple(segments), parts, tuple(remnants), spots)


def broad_wings(rng: np.random.Generator, s1: Frame, scale: float) -> tuple[Capsule, ...]:
    """Return the wings as tall as they are: from above S1's endplate, behind its body, down beside S3.

    Towards the side they become plates that lie before the iliac bones; beside the lower segments they are
    rods. The places (right, down, back in S1's frame) and radii, in mm, are as on computed tomography (see
    `experiments/README.md`).
    """
    parts = []
    size, shift_mm = scale * rng.uniform(0.85, 1.15), (0, rng.uniform(-5, 6), rng.uniform(-7, 6))
    lateral_mm, lean_deg = rng.uniform(42, 52), rng.uniform(-25, 10)
    axes = s1.axes @ rotation(lean_deg)
    starts_ends_radii_mm = (
        ((26, 0, 11), (lateral_mm - 6, -4, 18), (9, 14, 17)),
        ((30, 8, 12), (lateral_mm - 4, 10, 14), (9, 16, 13)),
        ((28, -6, 23), (lateral_mm - 2, -7, 24), (6, 11, 9)),
        ((36, 16, 18), (32, 42, 24), (10, 13, 11)),
        ((lateral_mm - 6, 15, 14), (37, 40, 21), (8, 11, 10)),
    )
    for side in (-1, 1):
        for *ends_mm, radii_mm in starts_ends_radii_mm:
            places = [
                s1.world(size * np.array((side * right, down, back)) + shift_mm + rng.normal(0, 1.5, 3))
                for right, down, back in ends_mm
            ]
            radii = tuple(size * rng.uniform(0.85, 1.15, 3) * radii_mm)
            parts.append(Capsule(*places, radii, axes, power=rng.uniform(2, 2.6)))
    return tuple(parts)


def low_wings(
    rng: np.random.Generator, segments: list[tuple[Frame, Body]], scale: float
) -> tuple[Capsule, ...]:
    """Return round wings, lower and further forward than `broad_wings`, with a short tail beside S2.

    Places (right, down, back in the frames of S1 and S2) and radii are in mm; ``scale`` is the patient's.
    """
    (s1, _), (s2, _) = segments[:2]
    down, back = rng.uniform((14, 15), (22, 24)) * scale
    top, parts = rng.uniform(11, 15), []
    for side in (-1, 1):
        start = s1.world((side * 26 * scale, down - top, rng.uniform(0, 6)))
        lateral, lower = side * rng.uniform(42, 52) * scale, rng.uniform(-3, 4)
        end = s1.world((lateral, down - top + lower, rng.uniform(7, 14)))
        parts.append(Capsule(start, end, (9.0, down, back), s1.axes, power=2.2))
        tail = s2.world((side * 26 * scale, rng.uniform(4, 12), rng.uniform(5, 12)))
        parts.append(Capsule((start + end) / 2, tail, (11.0, 0.75 * down, 0.75 * back), s1.axes))
    return tuple(parts)


def stout_joint_processes(
    rng: np.random.Generator, s1: Frame, body: Body, joints: Joints
) -> tuple[Capsule, ...]:
    """Return upper joint processes as knobs on the rear of the wings, up to the front of the joints."""
    parts = []
    for side, joint in zip((-1, 1), joints, strict=True):
        root = s1.world(
            (side * rng.uniform(18, 26), rng.uniform(-2, 8), body.half_depth + rng.uniform(-4, 4))
        )
        tip = joint + s1.axes @ (side * rng.uniform(0, 5), rng.uniform(0, 4), -rng.uniform(3, 6))
        parts.append(Capsule(root, tip, tuple(rng.uniform((4.5, 4.5, 4), (7, 7, 7))), s1.axes))
    return tuple(parts)


def wing_spots(rng: np.random.Generator, wings: tuple[Capsule, ...]) -> tuple[Capsule, ...]:
    """Return up to a dozen patches in the wings."""
    spots = []
    for _ in range(rng.integers(0, 13)):
        wing = wings[rng.integers(len(wings))]
        place = wing.start + rng.uniform(0, 1) * (wing.end - wing.start)
        place = place + wing.axes @ (rng.uniform(-0.8, 0.8, 3) * wing.radii)
        spots.append(Capsule(place, place + 0.1, tuple(rng.uniform(1.5, 7, 3)), wing.axes))
    return tuple(spots)


def sacral_parts(segments: list[tuple[Frame, Body]], joints: Joints) -> tuple[Capsule, ...]:
    """Return wings, crest and upper joint processes."""
    (s1, body), (s2, _), (s3, body3), (s4, body4) = segments[:4]
    depth, parts = body.half_depth, []

    def add(start: np.ndarray, end: np.ndarray, radii: tuple[float, float, float], frame: Frame) -> None:
        parts.append(Capsule(start, end, radii, frame.axes))

    for side, joint in zip((-1, 1), joints, strict=True):
        add(s1.world((side * 20, 2, 3)), s1.world((side * 42, 6, 12)), (10, 12, 12), s1)
        add(s1.world((side * 34, 10, 8)), s2.world((side * 28, 8, 8)), (12, 10, 9), s2)
        add(s1.world((side * 17, -4, depth + 1)), joint + s1.axes @ (side * 1.0, 4.0, -2.4), (5, 5, 4), s1)
        add(s1.world((side * 17, 0, 10)), s1.world((side * 15, 6, depth + 10)), (5, 8, 5), s1)
        add(
            s1.world((side * 14, 8, depth + 10)),
            s2.world((side * 3, 4, body3.half_depth + 18)),
            (4, 7, 3),
            s1,
        )
    crest = [s1.world((0, 9, depth + 17)), s2.world((0, 2, 27)), s3.world((0, 4, body3.half_depth + 9))]
    crest.append(s4.world((0, 0, body4.half_depth + 3)))
    for start, end in zip(crest[:-1], crest[1:], strict=True):
        add(start, end, (11.0, 3.0, 2.6), s2)
    return tuple(parts)
