"""The patient around the spine: how much fat and muscle, where vessels, nerves and bowel lie."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.clutter import sample_clutter
from spider2d.data.phantom.shapes import Capsule

LEAN_SHARE = 0.45
"""Of wild patients."""


@dataclass(frozen=True)
class Habitus:
    """What the surroundings are built from.

    Attributes:
        back_fat_mm: Thickness of the fat behind the fascia.
        buttock_fat_mm: How much thicker it is at the buttocks.
        belly_mm: Distance from the front of the bodies to the abdominal wall.
        front_fat_mm: Thickness of the fat in front of the abdominal wall.
        bowel_share: How much of the abdomen is bowel rather than fat (-1 to 1).
        muscle_fat: Share of fatty streaks in the back muscles (0-1).
        fat_webs: How full of thin vessels, nerves and ligaments the fat beside the spine is (0-0.15,
            see ``surroundings.paint_fat_webs``).
        fat_streaks: How full of fibrous streaks it is (0-0.8, see ``surroundings.paint_fat_streaks``).
        psoas_size: Factor on the thickness of the psoas muscles.
        psoas_gap_mm: Fat between them and the bodies.
        septum_mm: In lean patients the fat left between the muscles (see
            ``surroundings.paint_lean_muscles``), None in others.
        organs: (tissue name, place) of vessels, nerves and bowel; later ones cover earlier ones.
        clutter: The same of what lies among the muscles too: ribs, iliac bones, random shapes.
    """

    back_fat_mm: float
    buttock_fat_mm: float
    belly_mm: float
    front_fat_mm: float
    bowel_share: float
    muscle_fat: float
    fat_webs: float
    fat_streaks: float
    psoas_size: float
    psoas_gap_mm: float
    septum_mm: float | None
    organs: tuple[tuple[str, Capsule], ...]
    clutter: tuple[tuple[str, Capsule], ...]


def sample_habitus(anatomy: Anatomy) -> Habitus:
    """Return the habitus of a patient; it depends on the patient's seed alone."""
    rng = np.random.default_rng([anatomy.seed, 2])
    thick = rng.beta(1.4, 2.5)
    belly_mm = rng.uniform(55, 130)
    is_lean = anatomy.wildness > 0 and rng.random() < LEAN_SHARE
    organs = bowel(rng, anatomy, belly_mm) + nerves(anatomy) + vessels(rng, anatomy)
    return Habitus(
        back_fat_mm=4 + 45 * thick,
        buttock_fat_mm=rng.uniform(4, 30) * (0.3 + thick),
        belly_mm=belly_mm,
        front_fat_mm=8 + 50 * thick * rng.uniform(0.6, 1.2),
        bowel_share=rng.uniform(-0.6, 0.5),
        muscle_fat=float(rng.beta(1.3, 2.0 if anatomy.wildness else 4.0)) * (0.4 if is_lean else 1.0),
        fat_webs=max(0.0, rng.uniform(-0.06, 0.15)) if anatomy.wildness else 0.0,
        fat_streaks=max(0.0, rng.uniform(-0.2, 0.8)) if anatomy.wildness else 0.0,
        psoas_size=rng.uniform(0.5, 1.1) if anatomy.wildness else 1.0,
        psoas_gap_mm=rng.uniform(-2, 5) if anatomy.wildness else 0.0,
        septum_mm=rng.uniform(0.6, 3.5) if is_lean else None,
        organs=tuple(organs),
        clutter=tuple(sample_clutter(rng, anatomy)),
    )


def bowel(rng: np.random.Generator, anatomy: Anatomy, belly_mm: float) -> list[tuple[str, Capsule]]:
    """Return loops of bowel with wall and content, and often a bladder."""
    midline, organs = anatomy.midline, large_organs(rng, anatomy)
    for _ in range(rng.integers(20, 45)):
        down = rng.uniform(-330, 95)
        front = float(midline.at("front_mm", np.array([down]))[0])
        centre = np.array([rng.uniform(-50, 50), down, front - rng.uniform(22, belly_mm)])
        loop = Capsule(centre, centre + rng.normal(0, 14, 3), tuple(rng.uniform(5, 15, 3)), np.eye(3))
        inner = Capsule(loop.start, loop.end, tuple(r - 2 for r in loop.radii), loop.axes)
        content = rng.choice(["bowel", "bowel", "organ", "gas", "deep_fat", "muscle"])
        organs += [("bowel_wall", loop), (str(content), inner)]
    s1 = anatomy.sacrum.segments[0][0].centre
    if rng.random() < 0.6:
        centre = s1 + (rng.normal(0, 6), rng.uniform(55, 85), -rng.uniform(60, 85))
        radii = tuple(rng.uniform((22, 14, 18), (40, 28, 32)))
        shell = tuple(r + 3 for r in radii)
        organs.append(("bowel_wall", Capsule(centre, centre + (0.1, 0, 0), shell, np.eye(3))))
        organs.append(("bladder", Capsule(centre, centre + (0.1, 0, 0), radii, np.eye(3))))
    return organs


def large_organs(rng: np.random.Generator, anatomy: Anatomy) -> list[tuple[str, Capsule]]:
    """Return liver, spleen, stomach and the like: large smooth shapes in the upper abdomen."""
    organs = []
    for _ in range(rng.integers(2, 6)):
        down = rng.uniform(-330, -130)
        front = float(anatomy.midline.at("front_mm", np.array([down]))[0])
        centre = np.array([rng.uniform(-60, 60), down, front - rng.uniform(50, 120)])
        end = centre + rng.normal(0, 25, 3)
        tissue = str(rng.choice(["organ", "organ", "bowel", "muscle"]))
        organs.append((tissue, Capsule(centre, end, tuple(rng.uniform(18, 45, 3)), np.eye(3))))
    return organs


def nerves(anatomy: Anatomy) -> list[tuple[str, Capsule]]:
    """Return the nerve root that leaves below every pedicle."""
    organs = []
    for vertebra in anatomy.vertebrae:
        body, frame = vertebra.body, vertebra.frame
        for side in (-1, 1):
            start = frame.world((side * 8, 0.2 * body.half_height, body.half_depth + 6))
            stop = frame.world((side * 32, 1.5 * body.half_height, body.half_depth - 1))
            organs.append(("nerve", Capsule(start, stop, (2.4, 2.4, 2.4), frame.axes)))
    return organs


def vessels(rng: np.random.Generator, anatomy: Anatomy) -> list[tuple[str, Capsule]]:
    """Return aorta and caval vein before the bodies, and their branches below the fourth lumbar body."""
    organs = []
    fork = anatomy.vertebrae[1]
    for name, side, radius in (("vessel", -1, rng.uniform(6.5, 10)), (_cava(rng), 1, rng.uniform(6, 11))):
        lateral, gap = rng.uniform(8, 18), rng.uniform(2, 7)
        path = [
            v.frame.world((side * lateral + (4 if side < 0 else 2), 0, -v.body.half_depth - radius - gap))
            for v in anatomy.vertebrae[1:]
        ]
        axes = np.eye(3)
        chain = zip(path[:-1], path[1:], strict=True)
        organs += [(name, Capsule(start, end, (radius, radius, radius), axes)) for start, end in chain]
        for branch in (-1, 1):
            middle = path[0] + (branch * 18 - side * 4, 40, 6)
            end = middle + (branch * 16, 50, 14)
            for start, stop in ((path[0], middle), (middle, end)):
                organs.append((name, Capsule(start, stop, (0.65 * radius,) * 3, fork.frame.axes)))
    return organs


def _cava(rng: np.random.Generator) -> str:
    """Veins often keep some signal."""
    return "slow_vessel" if rng.random() < 0.5 else "vessel"
