"""What differs inside the marrow: the basivertebral vein, haemangiomas, endplate (Modic) changes."""

import numpy as np

from spider2d.data.phantom.shapes import Body, Capsule, Frame

Spots = tuple[tuple[str, Capsule], ...]
MODIC_TISSUE = {1: "oedema", 2: "fatty_marrow", 3: "sclerosis"}


def sample_spots(rng: np.random.Generator, frame: Frame, body: Body, modic: list[int]) -> Spots:
    """Return (tissue name, place) of the spots in one body.

    Args:
        rng: Source of randomness.
        frame: Pose of the body.
        body: Shape of the body.
        modic: Modic type of the disc below, and (where there is one) of the disc above; 0 = none.
    """

    def spot(start: tuple, end: tuple, radii: tuple) -> Capsule:
        return Capsule(frame.world(start), frame.world(end), radii, frame.axes)

    depth, height = body.half_depth, body.half_height
    spots = []
    for lower_end, kind in zip((True, False), modic, strict=False):
        if kind:
            down = (height - 2) * (1 if lower_end else -1)
            front = rng.uniform(-0.6, 0.3) * depth
            radii = (
                body.half_width * rng.uniform(0.4, 0.8),
                rng.uniform(3, 7),
                depth * rng.uniform(0.4, 0.7),
            )
            spots.append((MODIC_TISSUE[kind], spot((0, down, front), (0.1, down, front), radii)))
    if rng.random() < 0.12:
        place = tuple(rng.uniform(-0.5, 0.5, 3) * (body.half_width, height, depth))
        end = tuple(np.add(place, (0.1, 0, 0)))
        spots.append(("fatty_marrow", spot(place, end, tuple(rng.uniform(2.5, 7, 3)))))
    reach = rng.uniform(0.2, 0.7) * depth
    spots.append(("vein", spot((0, 0, depth), (0, 0, depth - reach), (3.0, rng.uniform(0.8, 1.8), 1.5))))
    return tuple(spots)


def random_spots(rng: np.random.Generator, frame: Frame, body: Body, wildness: float) -> Spots:
    """Return spots of any tissue anywhere in a body and its arch; with wildness 0 none (nothing is drawn)."""
    if wildness == 0:
        return ()
    spots, size = [], np.array([body.half_width, body.half_height, body.half_depth])
    for _ in range(rng.poisson(2.5 * wildness)):
        in_arch = rng.random() < 0.33
        place = rng.uniform(-1, 1, 3) * size + (0, 0, 26.0 if in_arch else 0.0)
        radii = tuple(rng.uniform(1.5, 9, 3))
        tissue = str(rng.choice(["oedema", "sclerosis", "vein"] + ([] if in_arch else ["fatty_marrow"] * 2)))
        spots.append((tissue, Capsule(frame.world(place), frame.world(place + 0.1), radii, frame.axes)))
    return tuple(spots)
