"""Stacking bodies and discs upon the sacrum: sizes by level, lordosis, scoliosis, slips.

Typical adult sizes on MRI: lumbar body 35-40 mm deep at its rims, 28 mm high, 46 mm wide; lumbar disc 8-12
mm high in its middle. The tables go from the lowest lumbar vertebra upwards to T7.
"""

from dataclasses import dataclass, replace

import numpy as np

from spider2d.data.phantom.shapes import Body, Frame, rotation
from spider2d.data.phantom.variants import Disease

N_MODELLED = 11
N_LUMBAR = 5
BODY_HEIGHT_MM = (28.0, 28.5, 28.5, 28.0, 27.0, 26.0, 24.5, 23.5, 23.0, 22.5, 22.0)
BODY_DEPTH_MM = (39.5, 40.0, 39.5, 38.5, 37.0, 36.0, 35.0, 34.0, 33.5, 33.0, 32.5)
BODY_WIDTH_MM = (50.0, 48.0, 46.0, 44.0, 42.0, 40.0, 38.0, 36.0, 34.5, 33.5, 32.5)
BODY_WEDGE = (0.055, 0.015, 0.005, -0.005, -0.01, -0.02, -0.02, -0.02, -0.02, -0.02, -0.02)
DISC_HEIGHT_MM = (8.0, 8.5, 8.0, 7.2, 6.2, 4.8, 4.0, 3.7, 3.5, 3.4, 3.3)
LOW_DISCS, LEAST_OF_DISC = (0.45, 1.05), 0.3
"""Height of the discs of a wild patient, and the least of one disc, relative to ``DISC_HEIGHT_MM``."""
TALL_BODIES = (1.05, 0.06)
"""Mean and standard deviation of the height of a wild patient's bodies, relative to ``BODY_HEIGHT_MM``."""
LEAN_DEG = (20.0, 8.0, -2.0, -9.0, -13.0, -14.0, -12.0, -9.0, -5.0, -1.0, 3.0)


@dataclass(frozen=True)
class Disc:
    """The disc below the vertebra of the same number.

    Attributes:
        label: 1 = the lowest.
        frame: Pose; the origin is its middle.
        half_width, half_depth, half_height: Half extents (mm) of its outline.
        bulge_mm, herniation_mm: See ``Disease``.
        pfirrmann: Degeneration grade, 1-5.
    """

    label: int
    frame: Frame
    half_width: float
    half_depth: float
    half_height: float
    bulge_mm: float
    herniation_mm: float
    pfirrmann: int


@dataclass(frozen=True)
class Posture:
    """The curve of the whole spine, in degrees."""

    sacral_slope: float
    lordosis: float
    tilt: float
    scoliosis: float
    wave: float
    turn: float

    def axes(self, rng: np.random.Generator, k: int, level: float) -> np.ndarray:
        """Return the orientation of vertebra ``k`` at a level of the tables."""
        lean = at_level(LEAN_DEG, level) * self.lordosis
        coronal = self.tilt + self.scoliosis * np.sin(k * self.wave)
        return rotation(lean + rng.normal(0, 1.0), coronal, self.turn + rng.normal(0, 1.0))


def stack_spine(
    rng: np.random.Generator, scale: float, disease: Disease, wildness: float = 0.0
) -> tuple[list[Frame], list[Body], list[Disc]]:
    """Return poses and shapes of the bodies (index 0 is S1) and the discs between them (index 0 on S1).

    ``wildness`` widens the spread of tilt, scoliosis, turn, sizes and shapes, makes bodies slimmer than the
    discs between them and a little taller, and discs lower (0 = ordinary patients).
    """
    wide, spread = 1 + 3 * wildness, 1 + wildness
    slope = float(np.clip(rng.normal(40, 8), 22, 58))
    posture = Posture(
        sacral_slope=slope,
        lordosis=float(np.clip(slope / 40 * rng.normal(1.0, 0.18), 0.35, 1.6)),
        tilt=rng.normal(0, 0.8) * (wide + 1.5 if wildness else 1),
        scoliosis=rng.normal(0, 1.0) * (4 + 3 * wildness if rng.random() < 0.1 + 0.3 * wildness else 1),
        wave=rng.uniform(0.4, 0.9),
        turn=rng.normal(0, 1.2) * wide,
    )
    axes = rotation(posture.sacral_slope, posture.tilt, posture.turn)
    bodies = [Body(25 * scale, 16.5 * scale, 14 * scale, wedge=0.08, concavity=(1.2, 0.0), taper=0.14)]
    frames = [Frame(axes[:, 1] * bodies[0].half_height, axes)]
    discs, stout = [], rng.normal(1, 0.05 * spread)
    low, tall = (rng.uniform(*LOW_DISCS), rng.normal(*TALL_BODIES)) if wildness else (1.0, 1.0)
    for k in range(N_MODELLED):
        level = table_level(k, disease.n_lumbar)
        axes = posture.axes(rng, k, level)
        body = sample_body(rng, level, np.array([scale, stout]), disease.pits[k], disease.wedged[k])
        body = vary_body(rng, body, tall) if wildness else body
        share = low * rng.normal(1, 0.08 * spread) * disease.narrowing[k]
        height = at_level(DISC_HEIGHT_MM, level) * scale * (max(share, LEAST_OF_DISC) if wildness else share)
        disc, frame = put_on_top(frames[-1], bodies[-1], axes, body, height, k, disease)
        if wildness:
            disc = replace(disc, half_width=disc.half_width + rng.uniform(0, 2.5))
        discs.append(disc)
        frames.append(frame)
        bodies.append(body)
    return frames, bodies, discs


def table_level(k: int, n_lumbar: int) -> float:
    """Return the position in the size tables of vertebra ``k``; six lumbar vertebrae share five rows."""
    return k * N_LUMBAR / n_lumbar if k < n_lumbar else k - (n_lumbar - N_LUMBAR)


def at_level(table: tuple[float, ...], level: float) -> float:
    """Return a table's value at a (fractional) level."""
    return float(np.interp(level, np.arange(len(table)), table))


def sample_body(
    rng: np.random.Generator, level: float, scales: np.ndarray, pits: tuple, wedged: float
) -> Body:
    """Return a body for a level of the size tables; ``scales`` are the patient's: of all sizes, of depth."""
    scale, stout = scales
    return Body(
        half_width=at_level(BODY_WIDTH_MM, level) * scale * rng.normal(1, 0.02) / 2,
        half_depth=at_level(BODY_DEPTH_MM, level) * scale * stout * rng.normal(1, 0.02) / 2,
        half_height=at_level(BODY_HEIGHT_MM, level) * scale * rng.normal(1, 0.025) / 2 * (1 - 0.35 * wedged),
        wedge=at_level(BODY_WEDGE, level) + rng.normal(0, 0.01) - 0.2 * wedged,
        concavity=(rng.uniform(0.5, 2.0), rng.uniform(0.7, 2.4)),
        waist=rng.uniform(0.07, 0.18),
        pits=pits,
    )


def vary_body(rng: np.random.Generator, body: Body, tall: float) -> Body:
    """Return a body of a wild patient: broader, ``tall`` times as high, its faces and walls its own."""
    return replace(
        body,
        half_width=body.half_width * rng.uniform(1.0, 1.26),
        half_depth=body.half_depth * rng.normal(1, 0.03),
        half_height=body.half_height * tall * rng.normal(1, 0.04),
        wedge=body.wedge + rng.normal(0, 0.02),
        concavity=(rng.uniform(0, 3), rng.uniform(0, 3)),
        waist=rng.uniform(0, 0.22),
        side_waist=rng.uniform(-0.1, 0.1),
    )


def put_on_top(
    below: Frame, below_body: Body, axes: np.ndarray, body: Body, height: float, k: int, disease: Disease
) -> tuple[Disc, Frame]:
    """Return a disc of mean ``height`` mm upon a body, and the pose of the body upon that disc."""
    top = below.centre - below.axes[:, 1] * below_body.half_height
    middle = mean_axes(below.axes, axes)
    slip = axes @ np.array([0.0, 0.0, -disease.slip_mm[k]])
    bottom = top - middle[:, 1] * height + slip
    disc = Disc(
        label=k + 1,
        frame=Frame((top + bottom) / 2, middle),
        half_width=(below_body.half_width + body.half_width) / 2 + 0.4,
        half_depth=(below_body.half_depth + body.half_depth) / 2 + 0.4 + abs(disease.slip_mm[k]) / 3,
        half_height=height / 2 + 4.0,
        bulge_mm=disease.bulge_mm[k],
        herniation_mm=disease.herniation_mm[k],
        pfirrmann=disease.pfirrmann[k],
    )
    return disc, Frame(bottom - axes[:, 1] * body.half_height, axes)


def mean_axes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the orthonormal axes nearest to the mean of two orientations."""
    u, _, vt = np.linalg.svd(first + second)
    return u @ vt
