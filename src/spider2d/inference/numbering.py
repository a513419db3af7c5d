"""Levels to label numbers: which levels hold a vertebra, what becomes of the rest, is the topmost one cut."""

from dataclasses import dataclass

import numpy as np

from spider2d.labels import DISC_OFFSET, MAX_VERTEBRA_LABEL

MIN_BODY_SHARE, MIN_TOP_SHARE, MIN_LOWEST_SHARE = 0.1, 0.04, 0.4
"""A level is a vertebra if its body has this share of the usual volume. The topmost one may be cut by the
field of view; the lowest must be larger, for below it come the sacrum and whatever else in the pelvis looks
like a vertebra to the network."""
MIN_NO_DISC_SHARE, MIN_NO_DISC_REACH = 0.6, 0.75
"""Below the lowest disc only a body of nearly usual volume and height is a vertebra (its disc was missed)."""
CUT_SHARE = 0.8
"""A vertebra at the upper edge is incomplete if its body is smaller than this share of the next one."""


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


def number_levels(body_volume: np.ndarray, body_reach: np.ndarray, is_disc: list[bool]) -> Numbering:
    """Decide which levels are vertebrae.

    Args:
        body_volume: Volume of the bodies by level, (levels,) with levels = boundaries + 1; may be all zero.
        body_reach: How far each extends from its boundary, (levels,), as from ``levels.body_sizes``.
        is_disc: Whether there is a disc at each boundary, (boundaries,).
    """
    n_levels = len(body_volume)
    if n_levels == 1:
        return Numbering(0, np.array([body_volume[0] > 0], dtype=np.uint8))
    share, reach = _relative(body_volume), _relative(body_reach)
    is_vertebra = share >= MIN_BODY_SHARE
    is_vertebra[0] = share[0] >= MIN_NO_DISC_SHARE and reach[0] >= MIN_NO_DISC_REACH
    is_vertebra[-1] |= share[-1] >= MIN_TOP_SHARE
    lowest = _lowest_vertebra(share, is_vertebra, is_disc) if is_vertebra.any() else 1
    number = np.arange(n_levels) - lowest + 1
    is_vertebra &= (number >= 1) & (number <= MAX_VERTEBRA_LABEL)
    return Numbering(lowest, np.where(is_vertebra, number, 0).astype(np.uint8))


def _relative(size: np.ndarray) -> np.ndarray:
    """Return sizes by level as shares of the usual one, the median of the larger ones above the lowest."""
    upper = size[1:][size[1:] > 0.3 * size[1:].max()]
    usual = float(np.median(upper)) if len(upper) else float(size[0])
    return size / usual if usual > 0 else np.zeros(len(size))


def _lowest_vertebra(share: np.ndarray, is_vertebra: np.ndarray, is_disc: list[bool]) -> int:
    """Return the lowest level reached from the largest body downwards.

    The way leads over levels that hold a body, and over missed ones as long as they lie between two discs.
    """
    lowest = int(np.where(is_vertebra, share, -1.0).argmax())
    for level in range(lowest - 1, -1, -1):
        if is_vertebra[level] and share[level] >= MIN_LOWEST_SHARE:
            lowest = level
        elif level == 0 or not (is_disc[level - 1] and is_disc[level]):
            break
    return lowest


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


def topmost_is_cut(
    labels_sra: np.ndarray, body_volume: np.ndarray, numbering: Numbering, top_row: int
) -> bool:
    """Return whether the topmost vertebra touches the upper edge and is clearly smaller than the next.

    Args:
        labels_sra: Labels (S, R, A).
        body_volume: Volume of the bodies by level, as in :func:`number_levels`.
        numbering: Its result.
        top_row: Row of ``labels_sra`` at the upper edge of the image, -1 if the array ends below it.
    """
    kept = np.flatnonzero(numbering.vertebra_of_level)
    if len(kept) < 2 or top_row < 0:
        return False
    touches = bool((labels_sra[:, top_row] == numbering.vertebra_of_level[kept[-1]]).any())
    return touches and bool(body_volume[kept[-1]] < CUT_SHARE * body_volume[kept[-2]])


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
