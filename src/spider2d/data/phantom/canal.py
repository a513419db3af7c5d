"""The dural sac: behind every body and disc, tapering to its end at S2."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.sacrum import Sacrum
from spider2d.data.phantom.shapes import Body, Frame

HALF_DEPTH_MM, WILD_HALF_DEPTH_MM = (5.8, 7.6), (4.6, 7.4)
"""Half extent of the sac from front to back at scale 1; that of wild patients by real pictures."""


@dataclass(frozen=True)
class Canal:
    """The dural sac as a function of the level.

    Attributes:
        down_mm: Levels of the knots, increasing.
        right_mm, posterior_mm: Centre of the sac at the knots.
        half_width_mm, half_depth_mm: Half extents of its horizontal section at the knots.
        conus_mm: Level at which the cord ends.
    """

    down_mm: np.ndarray
    right_mm: np.ndarray
    posterior_mm: np.ndarray
    half_width_mm: np.ndarray
    half_depth_mm: np.ndarray
    conus_mm: float


def make_canal(
    rng: np.random.Generator,
    frames: list[Frame],
    bodies: list[Body],
    sacrum: Sacrum,
    scale: float,
    n_lumbar: int,
    wildness: float = 0.0,
) -> Canal:
    """Return the sac of a spine; index 0 of ``frames`` and ``bodies`` is S1.

    With ``wildness`` above 0 it is narrower from front to back in most patients.
    """
    half_depth = rng.uniform(*(WILD_HALF_DEPTH_MM if wildness else HALF_DEPTH_MM)) * scale
    half_width = rng.uniform(7.8, 9.3) * scale
    fat_mm = rng.uniform(1, 4)
    knots = []
    for k, (frame, body) in enumerate(zip(frames, bodies, strict=True)):
        size = 0.8 if k == 0 else 1.0 if k <= n_lumbar else 0.88
        for down in (-0.6, 0.6):
            gap = fat_mm if k == 0 else 0.5 * fat_mm if (k, down) == (1, 0.6) else 0.4
            behind = 0.9 * body.half_depth + gap + half_depth * size
            knots.append((*frame.world((0, down * body.half_height, behind)), size))
    for (frame, body), size in zip(sacrum.segments[1:3], (0.55, 0.35), strict=True):
        knots.append((*frame.world((0, 0, body.half_depth + 2 + half_depth * size)), size))
    right, down, posterior, size = np.array(sorted(knots, key=lambda knot: knot[1])).T
    # A horizontal cut through a leaning tube is longer than its cross-section by 1 / cos(lean).
    slope = np.gradient(posterior, down)
    conus = frames[n_lumbar].world((0, bodies[n_lumbar].half_height + rng.normal(0, 10), 0))[1]
    return Canal(
        down_mm=down,
        right_mm=right,
        posterior_mm=posterior,
        half_width_mm=half_width * size,
        half_depth_mm=half_depth * size * np.sqrt(1 + slope**2),
        conus_mm=float(conus),
    )
