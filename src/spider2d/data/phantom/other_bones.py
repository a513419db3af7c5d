"""Bones beside the lumbar vertebrae: ribs and iliac bones, which are background in the labels."""

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy, Vertebra
from spider2d.data.phantom.shapes import Capsule

Things = list[tuple[str, Capsule]]
"""Tissue name and place; later ones cover earlier ones."""
CORTEX_MM = 1.0


def ribs(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return the ribs of the thoracic vertebrae.

    From the rear edge of the body they pass close in front of the tip of the transverse process, then run
    outwards, backwards and down. The last ones are often short and keep away from the process.
    """
    things = []
    for number, vertebra in enumerate(anatomy.vertebrae[anatomy.disease.n_lumbar :]):
        body, frame, is_last = vertebra.body, vertebra.frame, number == 0
        for side in (-1, 1):
            head = frame.world((side * body.half_width, -0.5 * body.half_height, 0.8 * body.half_depth))
            gap = rng.uniform(7, 14) if is_last else rng.uniform(5.5, 9)
            neck = transverse_tip(vertebra, side) + frame.axes @ (
                side * rng.uniform(0, 6),
                rng.uniform(-4, 5),
                -gap,
            )
            angle = neck + frame.axes @ (side * rng.uniform(14, 32), rng.uniform(4, 18), rng.uniform(4, 14))
            end = angle + frame.axes @ (side * 40, rng.uniform(15, 35), -rng.uniform(0, 15))
            radii = tuple(rng.uniform((3, 4, 2.8), (4.5, 7, 4.8)) * (0.85 if is_last else 1))
            path = (head, neck, angle) if is_last and rng.random() < 0.3 else (head, neck, angle, end)
            for start, stop in zip(path[:-1], path[1:], strict=True):
                things += bone(start, stop, radii, frame.axes)
    return things


def transverse_tip(vertebra: Vertebra, side: int) -> np.ndarray:
    """Return the end of an arch's parts that lies furthest to the left (-1) or right (1), in ``sra`` mm."""
    right = vertebra.frame.axes[:, 0]
    return max((part.end for part in vertebra.arch), key=lambda end: side * float(right @ end))


def iliac_bones(rng: np.random.Generator, anatomy: Anatomy) -> Things:
    """Return the wings of the pelvis, which lateral slices show beside the sacrum and, thick, behind it."""
    s1, body = anatomy.sacrum.segments[0]
    things = []
    for side in (-1, 1):
        joint = s1.world((side * rng.uniform(40, 50), rng.uniform(10, 30), body.half_depth + 12))
        crest = joint + (side * rng.uniform(18, 30), -rng.uniform(25, 50), -rng.uniform(0, 20))
        front = crest + (side * 25, 20, -rng.uniform(40, 60))
        radii = (rng.uniform(5, 8), rng.uniform(14, 24), rng.uniform(10, 16))
        for start, stop in ((joint, crest), (crest, front)):
            things += bone(start, stop, radii, np.eye(3))
        rear = s1.world(
            (side * rng.uniform(34, 48), rng.uniform(5, 30), body.half_depth + rng.uniform(28, 48))
        )
        radii = tuple(rng.uniform((5, 12, 9), (11, 22, 17)))
        things += bone(joint + (0, 0, rng.uniform(8, 20)), rear, radii, s1.axes)
    return things


def bone(start: np.ndarray, end: np.ndarray, radii: tuple[float, float, float], axes: np.ndarray) -> Things:
    """Return a bone of marrow in a shell of cortex."""
    inner = tuple(radius - CORTEX_MM for radius in radii)
    return [("cortex", Capsule(start, end, radii, axes)), ("marrow", Capsule(start, end, inner, axes))]
