"""Levels to label numbers: which levels hold a vertebra, what becomes of the rest, is the topmost one cut."""

from dataclasses import dataclass

import numpy as np

from spider2d.inference.levels import Levels
from spider2d.labels import DISC_OFFSET, MAX_VERTEBRA_LABEL

MIN_BODY_SHARE, MIN_TOP_SHARE, MIN_LOWEST_SHARE = 0.1, 0.04, 0.4
"""A level is a vertebra if its body has this share of the usual volume. The topmost one may be cut by the
field of view; the lowest must be larger, for below it come the sacrum and whatever else in the pelvis looks
like a vertebra to the network."""
MIN_NO_DISC_SHARE, MIN_NO_DISC_REACH = 0.6, 0.75
"""Below the lowest disc only a body of nearly usual volume and height is a vertebra (its disc was missed).
Between discs a body of that volume that begins close to the upper one may be long: two unparted ones."""
MIN_STEP, MAX_STEP = 0.55, 1.4
"""Neighbouring discs lie between these shares of the usual distance from each other. What hangs between discs
further apart is bowel, not the next vertebra; discs nearer together may be those of the sacrum."""
N_NEIGHBOURS = 4
"""Levels whose distances say what is usual; further up vertebrae become clearly lower."""
MAX_GAP = 0.4
"""Without a disc below it, a body begins within this share of the usual distance below the disc above it."""
EDGE_MM, CUT_SHARE, MIN_TAPER = 3.0, 0.93, 0.85
"""A vertebra is incomplete if its body ends this close to the edge of the image (the network's mask often
ends a pixel or two short of it) and is lower than this share of what the next two let expect. Whole ones
become lower upwards, but by no more than ``MIN_TAPER``."""


@dataclass(frozen=True)
class Numbering:
    """Levels that are vertebrae.

    Attributes:
        lowest: Level that becomes vertebra 1.
        vertebra_of_level: uint8 (levels,): label of each level, 0 where it holds no vertebra.
    """

    lowest: int
    vertebra_of_level: np.ndarray

    def disc_label(self, boundary: int) -> int:
        """Return the label of the disc at a boundary (0 = lowest), 0 for discs that SPIDER does not label.

        These are discs below the lowest vertebra and, where vertebrae were found, above the topmost one.
        """
        vertebra = boundary + 2 - self.lowest  # the boundary lies below level boundary + 1
        topmost = int(self.vertebra_of_level.max()) or MAX_VERTEBRA_LABEL
        return DISC_OFFSET + vertebra if 1 <= vertebra <= topmost else 0


def number_levels(levels: Levels) -> Numbering:
    """Decide which levels are vertebrae."""
    n_levels = len(levels.volume_mm3)
    if n_levels == 1:
        return Numbering(0, (levels.volume_mm3 > 0).astype(np.uint8))
    share, reach = _relative(levels.volume_mm3), _relative(levels.reach_mm)
    is_vertebra = share >= MIN_BODY_SHARE
    is_vertebra[0] = share[0] >= MIN_NO_DISC_SHARE and reach[0] >= MIN_NO_DISC_REACH
    is_vertebra[-1] |= share[-1] >= MIN_TOP_SHARE
    lowest = _lowest_vertebra(levels, share, is_vertebra) if is_vertebra.any() else 1
    number = np.arange(n_levels) - lowest + 1
    is_vertebra &= (number >= 1) & (number <= MAX_VERTEBRA_LABEL)
    return Numbering(lowest, np.where(is_vertebra, number, 0).astype(np.uint8))


def _relative(size: np.ndarray) -> np.ndarray:
    """Return sizes by level as shares of the usual one, the median of the larger ones above the lowest."""
    upper = size[1:][size[1:] > 0.3 * size[1:].max()]
    usual = float(np.median(upper)) if len(upper) else float(size[0])
    return size / usual if usual > 0 else np.zeros(len(size))


def _lowest_vertebra(levels: Levels, share: np.ndarray, is_vertebra: np.ndarray) -> int:
    """Return the lowest level reached from the largest body downwards.

    The way leads over levels that hold a body where the next vertebra would be, and over missed ones as long
    as they lie between two discs at most a vertebra apart.
    """
    lowest, least_share = int(np.where(is_vertebra, share, -1.0).argmax()), MIN_LOWEST_SHARE
    for level in range(lowest - 1, -1, -1):
        large = is_vertebra[level] and share[level] >= least_share
        if large and _is_next(levels, share, level):
            lowest = level
            continue
        if large or not _is_between_discs(levels, level):
            break
        if _step_share(levels, level) < MIN_STEP:  # two discs in the sacrum, or one lumbar disc found twice
            least_share = MIN_NO_DISC_SHARE
    return lowest


def _is_next(levels: Levels, share: np.ndarray, level: int) -> bool:
    """Return whether the body of a level lies where the vertebra below the next level's would."""
    usual_mm = _usual_step(levels, level)
    near = levels.gap_mm[level] <= MAX_GAP * usual_mm
    if level == 0:
        return bool(near and levels.reach_mm[0] <= MAX_STEP * usual_mm)
    if not levels.is_disc[level - 1]:
        return bool(near)
    return _step_share(levels, level) <= MAX_STEP or bool(near and share[level] >= MIN_NO_DISC_SHARE)


def _is_between_discs(levels: Levels, level: int) -> bool:
    """Return whether a level lies between two discs at most a vertebra apart."""
    discs = level > 0 and levels.is_disc[level - 1] and levels.is_disc[level]
    return discs and _step_share(levels, level) <= MAX_STEP


def _step_share(levels: Levels, level: int) -> float:
    """Return the distance of the boundaries around a level (not the lowest) as a share of the usual one."""
    return float(levels.height_mm[level] - levels.height_mm[level - 1]) / _usual_step(levels, level)


def _usual_step(levels: Levels, level: int) -> float:
    """Return the usual distance (mm) of the next boundaries above a level."""
    steps = np.diff(levels.height_mm[level:])[:N_NEIGHBOURS]
    return float(np.median(steps)) if len(steps) else levels.pitch_mm


def vertebra_labels(level: np.ndarray, is_body: np.ndarray, numbering: Numbering) -> np.ndarray:
    """Return the label of every vertebra voxel, uint8 (N,), 0 for voxels that belong to no vertebra.

    The arch of the lowest vertebra hangs below its disc and that of the topmost one may reach above a disc;
    so arch voxels one level beyond the ends join the vertebra at that end. All others beyond are dropped.

    Args:
        level: Level of each voxel, (N,).
        is_body: Whether each voxel lies in front of the posterior wall, bool (N,).
        numbering: Result of :func:`number_levels`.
    """
    kept = np.flatnonzero(numbering.vertebra_of_level)
    if len(kept) == 0:
        return np.zeros(len(level), dtype=np.uint8)
    joins = ~is_body & (level >= kept[0] - 1) & (level <= kept[-1] + 1)
    return numbering.vertebra_of_level[np.where(joins, np.clip(level, kept[0], kept[-1]), level)]


def topmost_is_cut(reach_mm: np.ndarray, numbering: Numbering, edge_mm: float) -> bool:
    """Return whether the topmost vertebra's body ends at the edge of the image and is lower than the next.

    Args:
        reach_mm: How far each level's body extends upwards from the boundary below it, as in ``Levels``.
        numbering: Result of :func:`number_levels`.
        edge_mm: Distance of the topmost vertebra's body from the first row that holds image.
    """
    kept = np.flatnonzero(numbering.vertebra_of_level)
    if len(kept) < 2 or edge_mm > EDGE_MM:
        return False
    top_mm, next_mm = reach_mm[kept[-1]], reach_mm[kept[-2]]
    taper = np.clip(next_mm / reach_mm[kept[-3]], MIN_TAPER, 1.0) if len(kept) > 2 else 1.0
    return bool(top_mm < CUT_SHARE * taper * next_mm)


def describe(numbering: Numbering, is_disc: list[bool]) -> list[str]:
    """Return notes on levels without body and on boundaries without disc (``is_disc``, from the bottom)."""
    kept = np.flatnonzero(numbering.vertebra_of_level)
    if len(kept) == 0:
        return ["no vertebra was found"]
    notes = [
        f"no disc between vertebrae {boundary - numbering.lowest + 1} and {boundary - numbering.lowest + 2}: "
        "cut where the bone is narrowest"
        for boundary, disc in enumerate(is_disc)
        if not disc and kept[0] <= boundary < kept[-1]
    ]
    missing = set(range(int(kept[0]), int(kept[-1]) + 1)) - set(kept.tolist())
    return notes + [
        f"the body of vertebra {level - numbering.lowest + 1} was not found" for level in sorted(missing)
    ]
