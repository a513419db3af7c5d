"""The official SPIDER score of one case, quirk by quirk, under the official names.

Reproduces the figures of the challenge's evaluation program (van der Graaf et al., Scientific Data 11:264,
2024) so that they can stand beside published ones. ``strict_score`` holds the figures to believe.
"""

from dataclasses import dataclass

import numpy as np

from spider2d.evaluation.matching import Overlap, match_largest_overlap
from spider2d.evaluation.surface import average_surface_distance, surface_distances
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

OFFICIAL_NAMES = (
    "DiceScoreVertebrae",
    "DiceScoreDiscs",
    "DiceScoreSpinalCanal",
    "OveralDiceScore",
    "DetectionRateVertebrae",
    "DetectionRateDiscs",
    "ASDVertebrae",
    "ASDDiscs",
    "ASDSpinalCanal",
    "OveralASD",
)
"""The official names, spelled as the program spells them."""

SENTINEL = 999.0
"""What the official program writes for canal Dice and canal ASD when the reference holds no canal."""

DETECTION_THRESHOLD = 0.1
"""Structures with a Dice below it count as missed."""


@dataclass(frozen=True)
class SpiderStructure:
    """The official figures of one reference structure.

    Attributes:
        reference_label: Its label value.
        prediction_label: Label of the prediction it overlaps most, of any class; None without any overlap.
        dice: 0-1; 0 without any overlap.
        asd_mm: Average surface distance with the program's order of spacings; NaN without any overlap.
    """

    reference_label: int
    prediction_label: int | None
    dice: float
    asd_mm: float


@dataclass(frozen=True)
class SpiderScore:
    """The official figures of one case.

    Attributes:
        values: One value per name of ``OFFICIAL_NAMES``; NaN where the program answers NaN or stops.
        note: Why values are NaN or 999; empty when there are none such.
        structures: One entry per reference label, ascending.
    """

    values: dict[str, float]
    note: str
    structures: tuple[SpiderStructure, ...]


def spider_score(overlap: Overlap, spacing_xyz_mm: tuple[float, float, float]) -> SpiderScore:
    """Compute the official figures of one case.

    Args:
        overlap: Of label arrays with axes (z, y, x), SimpleITK's order.
        spacing_xyz_mm: Voxel spacing in SimpleITK's order (x, y, z). The program passes it in this order to
            the (z, y, x) array, so where x and z spacing differ its ASD is not the true distance.

    Returns:
        The figures. A reference without any vertebra or disc makes the program stop with a division by zero:
        all values are then NaN and the note says why. A reference without canal gives 999, as there.
    """
    structures = _score_structures(overlap, spacing_xyz_mm)
    vertebrae = [s for s in structures if s.reference_label < CANAL_LABEL]
    discs = [s for s in structures if s.reference_label > DISC_OFFSET]
    canal = [s for s in structures if s.reference_label == CANAL_LABEL]
    absent = [name for name, group in (("vertebra", vertebrae), ("disc", discs)) if not group]
    if absent:
        note = f"the official program divides by zero: no {' and no '.join(absent)} in the reference"
        return SpiderScore(dict.fromkeys(OFFICIAL_NAMES, float("nan")), note, structures)
    figures = (
        _mean([s.dice for s in vertebrae if s.dice >= DETECTION_THRESHOLD]),
        _mean([s.dice for s in discs if s.dice >= DETECTION_THRESHOLD]),
        canal[0].dice if canal else SENTINEL,
        _mean([s.dice for s in structures]),
        _mean([s.dice >= DETECTION_THRESHOLD for s in vertebrae]),
        _mean([s.dice >= DETECTION_THRESHOLD for s in discs]),
        _mean([s.asd_mm for s in vertebrae]),
        _mean([s.asd_mm for s in discs]),
        canal[0].asd_mm if canal else SENTINEL,
        _mean([s.asd_mm for s in structures]),
    )
    values = dict(zip(OFFICIAL_NAMES, figures, strict=True))
    return SpiderScore(values, _note(structures, values), structures)


def _score_structures(
    overlap: Overlap, spacing_xyz_mm: tuple[float, float, float]
) -> tuple[SpiderStructure, ...]:
    dice = overlap.dice()
    structures = []
    for reference, prediction in enumerate(match_largest_overlap(overlap)):
        label = int(overlap.reference_labels[reference])
        if prediction is None:
            structures.append(SpiderStructure(label, None, 0.0, float("nan")))
            continue
        distances = surface_distances(*overlap.crop_pair(reference, prediction), spacing_xyz_mm)
        structures.append(
            SpiderStructure(
                label,
                int(overlap.prediction_labels[prediction]),
                float(dice[reference, prediction]),
                average_surface_distance(distances),
            )
        )
    return tuple(structures)


def _note(structures: tuple[SpiderStructure, ...], values: dict[str, float]) -> str:
    """Say in words what NaN and 999 mean in this case."""
    all_missed = [name for name in OFFICIAL_NAMES[:2] if np.isnan(values[name])]
    notes = [f"{name} not available: every structure missed" for name in all_missed]
    untouched = [str(s.reference_label) for s in structures if s.prediction_label is None]
    if untouched:
        notes.append(f"ASD not available: nothing predicted over label {', '.join(untouched)}")
    if SENTINEL in values.values():
        notes.append("canal figures read 999: no canal in the reference")
    return "; ".join(notes)


def _mean(values: list[float]) -> float:
    """Return the mean; NaN when a value is NaN or there is none."""
    return float(np.mean(values)) if values else float("nan")
