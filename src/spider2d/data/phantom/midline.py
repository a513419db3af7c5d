"""Where the spine runs at every level: the guide by which the surroundings are placed."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from spider2d.data.phantom.sacrum import Sacrum
from spider2d.data.phantom.shapes import Body, Frame

STEP_MM = 2.0


@dataclass(frozen=True)
class Midline:
    """Curves over the level (mm, ``down_mm`` increasing in equal steps).

    Attributes:
        down_mm: The levels.
        right_mm: Middle of the bodies, left to right.
        front_mm: Position of the bodies' front wall (posterior axis).
        rear_mm: Position of the bodies' back wall.
        fascia_mm: Position of the back's fascia, just behind the spinous processes; smoother than the spine.
    """

    down_mm: np.ndarray
    right_mm: np.ndarray
    front_mm: np.ndarray
    rear_mm: np.ndarray
    fascia_mm: np.ndarray

    def at(self, name: str, down_mm: np.ndarray) -> np.ndarray:
        """Return one of the curves (float32) at levels in mm."""
        return np.interp(down_mm, self.down_mm, getattr(self, name)).astype(np.float32)


def make_midline(frames: list[Frame], bodies: list[Body], sacrum: Sacrum) -> Midline:
    """Return the midline of a spine; index 0 of ``frames`` and ``bodies`` is S1."""
    spine = list(zip(frames[::-1], bodies[::-1], strict=True)) + list(sacrum.segments[1:])
    arch_mm = [45.0] * (len(frames) - 1) + [36.0, 24.0, 14.0, 10.0, 9.0, 9.0]
    down = np.array([frame.centre[1] for frame, _ in spine])
    centre = np.array([frame.centre[2] for frame, _ in spine])
    depth = np.array([body.half_depth / frame.axes[1, 1] for frame, body in spine])
    levels = np.arange(down[0] - 60, down[-1] + 80, STEP_MM)
    curves = {
        "right_mm": np.array([frame.centre[0] for frame, _ in spine]),
        "front_mm": centre - depth,
        "rear_mm": centre + depth,
        "fascia_mm": centre + depth + arch_mm,
    }
    table = {name: np.interp(levels, down, curve) for name, curve in curves.items()}
    smooth_fascia = gaussian_filter1d(table["fascia_mm"], 22 / STEP_MM)
    return Midline(levels, **(table | {"fascia_mm": smooth_fascia}))
