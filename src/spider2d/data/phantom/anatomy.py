"""One patient's spine: sizes and poses of vertebrae, discs, sacrum and canal, drawn from a seed.

Typical sizes (adult lumbar spine on MRI): body 33 mm deep, 27 mm high, 46 mm wide; lumbar discs 8-12 mm;
dural sac about 14 x 17 mm. The origin is the centre of the sacrum's upper endplate.
"""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom import arch
from spider2d.data.phantom.shapes import Body, Capsule, Frame, rotation
from spider2d.data.phantom.variants import Disease, sample_disease

# From the lowest lumbar vertebra upwards; thoracic values repeat at the end.
HEIGHT_MM = (27.0, 27.5, 27.5, 27.0, 26.0, 25.0, 23.5, 22.5, 22.0, 21.5, 21.0)
DEPTH_MM = (34.0, 34.0, 33.5, 32.5, 31.5, 30.5, 29.5, 29.0, 28.5, 28.0, 27.5)
WIDTH_MM = (50.0, 48.0, 46.0, 44.0, 42.0, 40.0, 38.0, 36.0, 34.5, 33.5, 32.5)
DISC_MM = (10.0, 11.0, 10.5, 9.5, 8.5, 7.0, 6.0, 5.5, 5.0, 5.0, 4.8)
LEAN_DEG = (22.0, 9.0, -2.0, -9.0, -13.0, -14.0, -12.0, -9.0, -5.0, -1.0, 3.0)
N_MODELLED = 11


@dataclass(frozen=True)
class Vertebra:
    """One vertebra: its number from the bottom, pose, body and arch."""

    label: int
    frame: Frame
    body: Body
    arch: tuple[Capsule, ...]
    thoracic: bool


@dataclass(frozen=True)
class Disc:
    """The disc below the vertebra of the same number; ``frame`` sits in its middle."""

    label: int
    frame: Frame
    half_width: float
    half_depth: float
    half_height: float
    bulge_mm: float
    herniation_mm: float
    pfirrmann: int


@dataclass(frozen=True)
class Sacrum:
    """Sacral segments from S1 downwards, and the bony parts around them."""

    segments: tuple[tuple[Frame, Body], ...]
    parts: tuple[Capsule, ...]


@dataclass(frozen=True)
class Canal:
    """The dural sac as a function of the level.

    Attributes:
        down_mm: Levels (increasing) of the knots.
        right_mm, posterior_mm: Centre of the sac at the knots.
        half_width_mm, half_depth_mm: Half extents of its axial section at the knots.
        conus_mm: Level at which the cord ends.
    """

    down_mm: np.ndarray
    right_mm: np.ndarray
    posterior_mm: np.ndarray
    half_width_mm: np.ndarray
    half_depth_mm: np.ndarray
    conus_mm: float


@dataclass(frozen=True)
class Anatomy:
    """The whole patient: vertebrae and discs from the bottom up, sacrum, canal, habitus."""

    seed: int
    sex: str
    scale: float
    vertebrae: tuple[Vertebra, ...]
    discs: tuple[Disc, ...]
    sacrum: Sacrum
    canal: Canal
    disease: Disease


def sample_anatomy(seed: int, variant: str | None = None) -> Anatomy:
    """Return the anatomy of patient ``seed``.

    Args:
        seed: Any non-negative integer; the same seed gives the same patient.
        variant: One of ``VARIANTS``, or None for a random mixture of diseases.
    """
    rng = np.random.default_rng([seed, 1])
    sex = "F" if rng.random() < 0.6 else "M"
    scale = float(np.clip(rng.normal(0.97 if sex == "F" else 1.05, 0.04), 0.86, 1.16))
    disease = sample_disease(rng, variant, N_MODELLED)
    frames, bodies, discs = stack(rng, scale, disease)
    joints = arch.joint_positions(frames, bodies, rng)
    n_lumbar = disease.n_lumbar
    vertebrae = tuple(
        Vertebra(
            label=k + 1,
            frame=frames[k + 1],
            body=bodies[k + 1],
            arch=arch.vertebra_arch(
                rng, frames[k + 1], bodies[k + 1], joints[k], joints[k + 1], k >= n_lumbar
            )
            + osteophytes(disease, k, frames, bodies),
            thoracic=k >= n_lumbar,
        )
        for k in range(N_MODELLED)
    )
    sacrum = make_sacrum(rng, frames[0], bodies[0], joints[0], scale)
    canal = make_canal(rng, frames, bodies, sacrum, scale, n_lumbar)
    return Anatomy(seed, sex, scale, vertebrae, tuple(discs), sacrum, canal, disease)


def stack(rng: np.random.Generator, scale: float, disease: Disease) -> tuple[list, list, list]:
    """Stack bodies and discs upon the sacrum; index 0 of frames and bodies is S1."""
    slope = np.clip(rng.normal(38, 7), 22, 55)
    lordosis = rng.normal(1.0, 0.2)
    tilt, scoliosis = rng.normal(0, 2.0), rng.normal(0, 2.5)
    turn = rng.normal(0, 2.0)
    level = shift_levels(disease.n_lumbar)
    down = rotation(slope, rng.normal(0, 1.5), turn)
    s1 = Body(25 * scale, 16.5 * scale, 14 * scale, wedge=0.12, concavity=(1.2, 0.0), waist=0.05)
    frames, bodies, discs = [Frame(down[:, 1] * s1.half_height, down)], [s1], []
    top = frames[0].centre - down[:, 1] * s1.half_height
    for k in range(N_MODELLED):
        lean = np.interp(level(k), np.arange(len(LEAN_DEG)), LEAN_DEG) * lordosis + rng.normal(0, 1.2)
        coronal = tilt + scoliosis * np.sin(k * 0.7)
        axes = rotation(lean, coronal, turn + rng.normal(0, 1.5))
        body = sample_body(rng, level(k), scale, disease.pits[k], disease.wedged[k])
        height = float(np.interp(level(k), range(len(DISC_MM)), DISC_MM)) * scale * rng.normal(1, 0.08)
        height *= disease.narrowing[k]
        middle = mean_axes(frames[-1].axes, axes)
        front = np.array([0.0, 0.0, -disease.slip_mm[k]])
        disc_centre = top - middle[:, 1] * height / 2
        bottom = top - middle[:, 1] * height + axes @ front
        below = bodies[-1]
        discs.append(
            Disc(
                label=k + 1,
                frame=Frame(disc_centre + axes @ front / 2, middle),
                half_width=(below.half_width + body.half_width) / 2 + 0.5,
                half_depth=(below.half_depth + body.half_depth) / 2 + 0.6 + abs(disease.slip_mm[k]) / 2,
                half_height=height / 2 + 4.0,
                bulge_mm=disease.bulge_mm[k] + rng.uniform(0, 0.6),
                herniation_mm=disease.herniation_mm[k],
                pfirrmann=disease.pfirrmann[k],
            )
        )
        frame = Frame(bottom - axes[:, 1] * body.half_height, axes)
        frames.append(frame)
        bodies.append(body)
        top = frame.centre - axes[:, 1] * body.half_height
    return frames, bodies, discs


def shift_levels(n_lumbar: int):
    """Return the map from vertebra index to the tables' level, stretched for six lumbar vertebrae."""
    return lambda k: k * 5 / n_lumbar if k < n_lumbar else k - (n_lumbar - 5)


def sample_body(rng: np.random.Generator, level: float, scale: float, pits: tuple, wedged: float) -> Body:
    """Return a body of ordinary variation for a level of the size tables."""

    def size(table: tuple[float, ...], spread: float) -> float:
        return float(np.interp(level, range(len(table)), table)) * scale * rng.normal(1, spread) / 2

    lumbar_wedge = 0.10 if level < 0.5 else 0.03 if level < 2 else -0.02
    return Body(
        half_width=size(WIDTH_MM, 0.02),
        half_depth=size(DEPTH_MM, 0.02),
        half_height=size(HEIGHT_MM, 0.03) * (1 - 0.4 * wedged),
        wedge=(lumbar_wedge + rng.normal(0, 0.015)) / 2 - 0.25 * wedged,
        concavity=(rng.uniform(0.6, 2.2), rng.uniform(0.8, 2.6)),
        waist=rng.uniform(0.05, 0.12),
        pits=pits,
    )


def mean_axes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the orthonormal axes nearest to the mean of two orientations."""
    u, _, vt = np.linalg.svd((first + second) / 2)
    return u @ vt


def osteophytes(disease: Disease, k: int, frames: list[Frame], bodies: list[Body]) -> tuple[Capsule, ...]:
    """Return the bony beaks of vertebra index ``k`` that reach over a disc and meet the neighbour's."""
    spurs = []
    for disc, sign, other in ((k, 1, k), (k + 1, -1, k + 2)):
        if disc >= N_MODELLED or not disease.bridging[disc]:
            continue
        body, frame = bodies[k + 1], frames[k + 1]
        neighbour, side = bodies[other], disease.bridging[disc]
        start = frame.world((side * 6, sign * (body.half_height - 3), -body.half_depth + 1.5))
        far = frames[other].world(
            (side * 6, -sign * (neighbour.half_height - 3), -neighbour.half_depth + 1.5)
        )
        outward = frame.axes @ np.array([0, 0, -2.5])
        spurs.append(Capsule(start, (start + far) / 2 + outward, (9.0, 3.2, 3.2), frame.axes))
    return tuple(spurs)


def make_sacrum(
    rng: np.random.Generator, s1: Frame, body: Body, joints: tuple[np.ndarray, np.ndarray], scale: float
) -> Sacrum:
    """Return S1 and the segments below it, the wings, the crest and the upper joint processes."""
    segments, parts = [(s1, body)], []
    bend = rng.uniform(0.7, 1.3)
    slope = np.rad2deg(np.arctan2(s1.axes[2, 1], s1.axes[1, 1]))
    frame, size = s1, body
    for segment, lean in enumerate((4, -4, -22, -42)):
        axes = rotation(slope + bend * lean)
        end = frame.centre + frame.axes[:, 1] * size.half_height
        size = Body(
            half_width=(22 - 4 * segment) * scale,
            half_depth=(11.5 - 2.2 * segment) * scale,
            half_height=(12.5 - 1.0 * segment) * scale,
            wedge=0.02,
            concavity=(0.0, 0.0),
            waist=0.04,
        )
        frame = Frame(end + axes[:, 1] * (size.half_height + 0.3) + axes @ np.array([0, 0, 1.0]), axes)
        segments.append((frame, size))
    return Sacrum(tuple(segments), arch.sacral_parts(segments, joints))


def make_canal(
    rng: np.random.Generator,
    frames: list[Frame],
    bodies: list[Body],
    sacrum: Sacrum,
    scale: float,
    n_lumbar: int,
) -> Canal:
    """Return the dural sac: behind every body and disc, ending at S2."""
    half_depth, half_width = rng.uniform(6.2, 7.8) * scale, rng.uniform(8.0, 9.5) * scale
    knots = []
    for k in range(len(frames) - 1, -1, -1):
        taper = 0.85 if k == 0 else 1.0 if k <= n_lumbar else 0.88
        gap = 1.5 + (1.5 if k <= 1 else 0)
        for down in (-0.6, 0.6):
            body = bodies[k]
            behind = body.half_depth + gap + half_depth * taper
            knots.append((*frames[k].world((0, down * body.half_height, behind)), taper))
    for (frame, size), taper in zip(sacrum.segments[1:3], (0.55, 0.3), strict=True):
        knots.append((*frame.world((0, 0, size.half_depth + 2.5 + half_depth * taper)), taper))
    table = np.array(knots)
    table = table[np.argsort(table[:, 1])]
    slope = np.gradient(table[:, 2], table[:, 1])
    conus = frames[n_lumbar].world((0, bodies[n_lumbar].half_height + rng.normal(0, 10), 0))[1]
    return Canal(
        down_mm=table[:, 1],
        right_mm=table[:, 0],
        posterior_mm=table[:, 2],
        half_width_mm=half_width * table[:, 3],
        half_depth_mm=half_depth * table[:, 3] * np.sqrt(1 + slope**2),
        conus_mm=float(conus),
    )
