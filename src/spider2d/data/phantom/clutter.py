"""What lies beside the lumbar spine and must not be taken for it: ribs, iliac bones, random shapes."""

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy, Vertebra
from spider2d.data.phantom.other_bones import Things, iliac_bones, ribs, transverse_tip
from spider2d.data.phantom.shapes import Capsule, rotation

SACRAL_PAD_SHARE = 0.5
RANDOM_TISSUES = ("muscle", "deep_fat", "organ", "bowel", "vessel", "slow_vessel", "muscle_fat", "ligament")


def sample_clutter(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return (tissue name, place) of the clutter of a patient, later ones covering earlier ones.

    There is none for ordinary patients (``wildness`` 0).
    """
    if anatomy.wildness == 0:
        return []
    return (
        random_shapes(rng, anatomy)
        + fat_lobules(rng, anatomy)
        + fat_pads(rng, anatomy)
        + muscle_bundles(rng, anatomy)
        + fat_planes(rng, anatomy)
        + segmental_vessels(rng, anatomy)
        + quadratus_lumborum(rng, anatomy)
        + intertransverse_muscles(rng, anatomy)
        + ribs(rng, anatomy)
        + iliac_bones(rng, anatomy)
    )


def random_shapes(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return ellipsoids and rods of any tissue, most of them beside the spine: any context is possible."""
    things, midline = [], anatomy.midline
    for _ in range(rng.poisson(30 * anatomy.wildness * rng.uniform(0, 1))):
        down = rng.uniform(-330, 90)
        right, rear = (float(midline.at(name, np.array([down]))[0]) for name in ("right_mm", "rear_mm"))
        start = np.array([right + rng.normal(0, 35), down, rear + rng.uniform(-70, 60)])
        length = rng.choice([0.1, 25.0])
        axes = rotation(*rng.uniform(-60, 60, 3))
        radii = tuple(rng.uniform(2, 13, 3))
        end = start + axes[:, 1] * length
        things.append((str(rng.choice(RANDOM_TISSUES)), Capsule(start, end, radii, axes)))
    return things


def fat_lobules(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return lobules of fat in thin dark septa beside the arches: as large as their processes, but fat."""
    things, crowd = [], rng.uniform(0, 4)
    for vertebra in anatomy.vertebrae:
        for _ in range(rng.poisson(crowd)):
            start, axes = place_by_arch(rng, vertebra, (-8, 30))
            end = start + axes[:, 1] * rng.choice([0.1, rng.uniform(3, 14)])
            radii, septum = rng.uniform(3, 8, 3), rng.uniform(0.5, 1.6)
            wall = str(rng.choice(["muscle", "muscle_fat", "ligament", "cortex"]))
            things.append((wall, Capsule(start, end, tuple(radii), axes)))
            things.append(("deep_fat", Capsule(start, end, tuple(radii - septum), axes)))
    return things


def fat_pads(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return smooth pads of fat behind and beside the arches; large ones fill the corner above the sacrum."""
    things, crowd = [], rng.uniform(-0.5, 2)
    for vertebra in anatomy.vertebrae:
        for _ in range(rng.poisson(max(crowd, 0))):
            start, axes = place_by_arch(rng, vertebra, (0, 42))
            end = start + axes[:, 1] * rng.uniform(0.1, 22)
            things += fat_pad(rng, start, end, rng.uniform(3, 9, 3), axes)
    lowest = anatomy.vertebrae[0]
    for side in (-1, 1):
        if rng.random() < SACRAL_PAD_SHARE:
            lateral, down = side * (lowest.body.half_width + rng.uniform(0, 25)), rng.uniform(-6, 18)
            start = lowest.frame.world((lateral, down, lowest.body.half_depth + rng.uniform(14, 30)))
            axes = lowest.frame.axes @ rotation(*rng.uniform(-40, 40, 3))
            end = start + axes[:, 1] * rng.uniform(0.1, 15)
            things += fat_pad(rng, start, end, rng.uniform((7, 5, 5), (16, 12, 11)), axes)
    return things


def fat_pad(
    rng: np.random.Generator, start: np.ndarray, end: np.ndarray, radii: np.ndarray, axes: np.ndarray
) -> Things:
    """Return a pad of fat with a few small dark specks in it, the more the larger it is."""
    things: Things = [("deep_fat", Capsule(start, end, tuple(radii), axes))]
    for _ in range(rng.integers(0, 1 + round(radii.mean()))):
        speck = start + rng.uniform(0, 1) * (end - start) + axes @ (rng.uniform(-0.8, 0.8, 3) * radii)
        size = tuple(rng.uniform(0.6, 1.6, 3))
        stop = speck + axes[:, 1] * rng.uniform(0.1, 5)
        things.append(("muscle_fat", Capsule(speck, stop, size, axes)))
    return things


def muscle_bundles(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return bundles of muscle in sheaths of fat beside the arches, most of them low: as large as processes.

    They are as dark as muscle, and have no shell; in some a dark tendon runs along.
    """
    things, crowd = [], rng.uniform(-0.5, 2.5)
    for number, vertebra in enumerate(anatomy.vertebrae):
        for _ in range(rng.poisson(max(crowd, 0) * (2 if number < 2 else 0.7))):
            start, axes = place_by_arch(rng, vertebra, (-4, 38))
            end = start + axes[:, 1] * rng.choice([0.1, rng.uniform(4, 30)])
            radii, sheath = rng.uniform(2.5, 8, 3), rng.uniform(0.8, 4)
            things.append(("deep_fat", Capsule(start, end, tuple(radii + sheath), axes)))
            things.append(("muscle", Capsule(start, end, tuple(radii), axes)))
            if rng.random() < 0.3:
                side = axes @ (rng.uniform(-0.7, 0.7, 3) * radii)
                tendon = Capsule(start + side, end + side, tuple(rng.uniform(0.6, 2, 3)), axes)
                things.append(("ligament", tendon))
    return things


def fat_planes(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return planes of fat between the muscles' slips: from the transverse processes down and backwards."""
    things, share = [], rng.uniform(-0.3, 1)
    for vertebra in anatomy.vertebrae:
        for side in (-1, 1):
            if rng.random() > share:
                continue
            tip = vertebra.frame.axes.T @ (transverse_tip(vertebra, side) - vertebra.frame.centre)
            start = vertebra.frame.world(tip + (0, rng.uniform(-4, 6), rng.uniform(2, 8)))
            end = start + vertebra.frame.axes @ (0, rng.uniform(10, 40), rng.uniform(3, 20))
            along = np.rad2deg(np.arctan2(end[2] - start[2], end[1] - start[1]))
            radii = (rng.uniform(4, 16), 1.0, rng.uniform(0.5, 1.6))
            tissue = str(rng.choice(["deep_fat", "muscle_fat"]))
            things.append((tissue, Capsule(start, end, radii, rotation(along))))
    return things


def place_by_arch(
    rng: np.random.Generator, vertebra: Vertebra, back_mm: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a place (``sra`` mm) beside or behind an arch and axes turned at random.

    ``back_mm`` is the range of its distance behind the back wall of the body.
    """
    body, frame = vertebra.body, vertebra.frame
    lateral = rng.choice([-1, 1]) * (0.3 * body.half_width + rng.uniform(0, 32))
    down, back = rng.uniform(-1.3, 1.3) * body.half_height, body.half_depth + rng.uniform(*back_mm)
    return frame.world((lateral, down, back)), frame.axes @ rotation(*rng.uniform(-50, 50, 3))


def segmental_vessels(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return the thin vessels that run backwards beside every body, about its middle."""
    things = []
    for vertebra in anatomy.vertebrae:
        body, frame = vertebra.body, vertebra.frame
        for side in (-1, 1):
            for _ in range(rng.integers(0, 3)):
                lateral = side * (body.half_width + rng.uniform(-3, 5))
                down, depth = rng.uniform(-0.5, 0.5) * body.half_height, body.half_depth
                front = frame.world((lateral, down, -rng.uniform(0.6, 1.1) * depth))
                rear = frame.world((lateral, down + rng.normal(0, 2), rng.uniform(0.6, 1.2) * depth))
                tissue = str(rng.choice(["vessel", "slow_vessel", "muscle"]))
                things.append((tissue, Capsule(front, rear, (rng.uniform(0.8, 1.8),) * 3, frame.axes)))
    return things


def intertransverse_muscles(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return the slender muscles and ligaments that run from one transverse process to the next."""
    things = []
    for lower, upper in zip(anatomy.vertebrae[:-1], anatomy.vertebrae[1:], strict=True):
        for side in (-1, 1):
            for _ in range(rng.integers(0, 4)):
                lateral, back = side * rng.uniform(2, 20), rng.uniform(5, 19)
                ends = [
                    v.frame.world((side * v.body.half_width + lateral, 0, v.body.half_depth + back))
                    for v in (lower, upper)
                ]
                start, stop = ends[0] + rng.normal(0, 3, 3), ends[1] + rng.normal(0, 3, 3)
                radii = (rng.uniform(2, 6), 3.0, rng.uniform(0.8, 3))
                tissue = str(rng.choice(["muscle", "muscle_fat", "ligament"]))
                things.append((tissue, Capsule(start, stop, radii, lower.frame.axes)))
    return things


def quadratus_lumborum(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return the flat muscles from the pelvis to the last ribs, in front of the transverse processes."""
    things = []
    for side in (-1, 1):
        width_mm, thickness_mm = rng.uniform(8, 18), rng.uniform(2.5, 7)
        lateral, back = rng.uniform(14, 28), rng.uniform(0, 9)
        path = [
            v.frame.world((side * (v.body.half_width + lateral - 3 * k), 0, v.body.half_depth + back))
            for k, v in enumerate(anatomy.vertebrae[: anatomy.disease.n_lumbar + 1])
        ]
        for start, end in zip(path[:-1], path[1:], strict=True):
            radii = (width_mm, 3.0, thickness_mm * rng.uniform(0.8, 1.2))
            things.append(("muscle", Capsule(start, end, radii, np.eye(3))))
    return things
