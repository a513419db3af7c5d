"""What a numbered spine measures, and what in it tells of wrong numbers or a wrong header."""

from dataclasses import dataclass

import numpy as np

from spider2d.inference.levels import Levels
from spider2d.inference.numbering import Numbering, topmost_is_cut
from spider2d.labels import disc_below

SMALL_FIRST = 0.5
"""A lowest vertebra whose body has less than this share of the next one's volume is doubtful."""
LOWER_EDGE_MM = 18.0
"""Where the image ends this close below the lowest disc, a body cut by its edge may be too small to be
numbered (see ``numbering.MIN_NO_DISC_SHARE``)."""
DISC_DISTANCE_MM, N_DISTANCES = (28.0, 48.0), 5
"""Usual distance of the centres of lumbar discs in adults; thoracic ones, higher up, are nearer together."""
MIN_WHOLE, N_COMPARED = 5, 6
"""Whole vertebrae that show in which direction the sizes fall, and how many from the bottom are compared:
further up the network may have seen others than vertebrae, most of all in an image that is upside down."""
MAX_RISE, MAX_RISE_CORRELATION = 0.04, 0.8
"""Bodies become smaller upwards, usually by 5 to 10 percent per vertebra. They rise if the logarithm of the
volume grows by more than the former per vertebra, with at least the latter as correlation."""


@dataclass(frozen=True)
class Spine:
    """Sizes of a numbered spine, by label.

    Attributes:
        body_mm3: Volume of the body of each vertebra; no entry where the body was not found.
        disc_height_mm: Position of each disc along the spine, upwards, from any origin.
        below_mm: Distance of the lowest disc (without it: the lowest body) from the last row with image.
        topmost_incomplete: Whether the topmost vertebra is cut by the upper edge of the field of view.
    """

    body_mm3: dict[int, float]
    disc_height_mm: dict[int, float]
    below_mm: float
    topmost_incomplete: bool


@dataclass(frozen=True)
class Doubt:
    """A reason for doubt: code (for programs), message (for readers) and the label it is about, if any."""

    code: str
    message: str
    label: int | None = None


def measure_spine(
    labels_sra: np.ndarray,
    body_index: np.ndarray,
    levels: Levels,
    numbering: Numbering,
    row_mm: float,
    edge_rows: tuple[int, int],
) -> Spine | None:
    """Return the sizes of a numbered spine, None if nothing was numbered.

    Args:
        labels_sra: Labels (S, R, A).
        body_index: Indices (N, 3) of the voxels of vertebrae in front of the posterior wall.
        levels: The levels that were numbered.
        numbering: Their numbers.
        row_mm: Distance of rows.
        edge_rows: First and last row with image; either may lie outside the array.
    """
    label_of = labels_sra[tuple(body_index.T)]
    rows_of = {int(label): body_index[label_of == label, 1] for label in np.unique(label_of[label_of > 0])}
    disc_label = {k: numbering.disc_label(k) for k, disc in enumerate(levels.is_disc) if disc}
    disc_height = {label: float(levels.height_mm[k]) for k, label in disc_label.items() if label}
    if not rows_of and not disc_height:
        return None
    body_mm3 = zip(numbering.vertebra_of_level, levels.volume_mm3, strict=True)
    to_top = (rows_of[max(rows_of)].min() - edge_rows[0]) * row_mm if rows_of else np.inf
    last_row = _last_row(labels_sra, rows_of)
    return Spine(
        {int(label): float(volume) for label, volume in body_mm3 if label},
        disc_height,
        float((edge_rows[1] - last_row) * row_mm),
        topmost_is_cut(levels.reach_mm, numbering, float(to_top)),
    )


def _last_row(labels_sra: np.ndarray, rows_of: dict[int, np.ndarray]) -> int:
    """Return the last row of disc 201 or, without it, of the lowest body (``rows_of``: by vertebra)."""
    disc_rows = np.flatnonzero((labels_sra == disc_below(1)).any(axis=(0, 2)))
    return int(disc_rows[-1]) if len(disc_rows) else int(rows_of[min(rows_of)].max())


def find_doubts(spine: Spine) -> list[Doubt]:
    """Return all reasons to doubt a spine's numbers or its image's header."""
    checks = (_check_lowest, _check_lower_edge, _check_disc_distance, _check_direction)
    return [doubt for doubt in (check(spine) for check in checks) if doubt is not None]


def _check_lowest(spine: Spine) -> Doubt | None:
    if 1 not in spine.body_mm3:
        return None
    if disc_below(1) not in spine.disc_height_mm:
        reason = "has no disc below it"
    elif spine.body_mm3[1] < SMALL_FIRST * spine.body_mm3.get(2, 0.0):
        reason = "is far smaller than vertebra 2"
    else:
        return None
    return Doubt("lowest_doubtful", f"vertebra 1 is doubtful (it {reason}): all numbers may be off by one", 1)


def _check_lower_edge(spine: Spine) -> Doubt | None:
    if spine.below_mm > LOWER_EDGE_MM:
        return None
    message = "the field of view ends just below the lowest vertebra: numbers may start above L5"
    return Doubt("lower_end_cut", message)


def _check_disc_distance(spine: Spine) -> Doubt | None:
    labels = sorted(label for label in spine.disc_height_mm if label + 1 in spine.disc_height_mm)
    if not labels:
        return None
    height_mm = spine.disc_height_mm
    distance_mm = np.median([height_mm[label + 1] - height_mm[label] for label in labels[:N_DISTANCES]])
    low, high = DISC_DISTANCE_MM
    if low <= distance_mm <= high:
        return None
    message = (
        f"the lowest discs are {distance_mm:.0f} mm apart, those of adults {low:.0f}-{high:.0f} mm: "
        "check the pixel size in the header"
    )
    return Doubt("disc_distance", message)


def _check_direction(spine: Spine) -> Doubt | None:
    whole = sorted(spine.body_mm3)[:-1][:N_COMPARED]  # the topmost one may be cut
    if len(whole) < MIN_WHOLE:
        return None
    size = np.log([spine.body_mm3[label] for label in whole])
    rise = float(np.polyfit(whole, size, 1)[0])
    if rise <= MAX_RISE or float(np.corrcoef(whole, size)[0, 1]) <= MAX_RISE_CORRELATION:
        return None
    return Doubt("upside_down", "vertebrae become larger from the bottom up: is the image upside down?")
