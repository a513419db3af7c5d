"""The strict score of single instances: true spacing, one-to-one matching, missed ones as Dice 0.

Matching is one-to-one within a class (vertebra, disc, canal), by the largest sum of Dice. A pair with a Dice
below ``spider_score.DETECTION_THRESHOLD`` is no match: its reference is missed, its prediction is extra.
"""

from dataclasses import dataclass, fields

import numpy as np

from spider2d.evaluation.matching import Overlap, match_one_to_one
from spider2d.evaluation.spider_score import DETECTION_THRESHOLD
from spider2d.evaluation.surface import (
    average_surface_distance,
    hausdorff_95,
    surface_dice,
    surface_distances,
)
from spider2d.labels import CLASS_NAMES, IGNORE_CLASS, STRUCTURES, class_of_label

UNKNOWN = "unknown"
"""Structure name of labels SPIDER does not define: listed, but in none of the strict figures."""

DETECTED, MISSED, EXTRA, NOT_SCORED = "detected", "missed", "extra", "not_scored"

SURFACE_TOLERANCE_MM = 1.0
NAN = float("nan")


@dataclass(frozen=True)
class InstanceScore:
    """One reference instance with its match, or one extra instance of the prediction.

    Attributes:
        structure: "vertebra", "disc", "canal" or "unknown".
        status: "detected", "missed" or "extra"; "not_scored" for the structure "unknown".
        reference_label: Label value in the reference; None for an extra instance.
        prediction_label: Label value of the match or of the extra instance; None for a missed one.
        dice: 0-1; 0 when missed, NaN when extra or not scored.
        iou: 0-1; as ``dice``.
        surface_dice_1mm: 0-1, at a tolerance of 1 mm; as ``dice``.
        asd_mm: Average surface distance with the true spacing; NaN unless detected.
        hd95_mm: 95th-percentile Hausdorff distance with the true spacing; NaN unless detected.
        reference_volume_ml: Volume in the reference; 0 when extra.
        prediction_volume_ml: Volume in the prediction; 0 when missed.
        volume_difference_ml: Prediction minus reference; NaN unless detected.
        volume_difference_percent: The difference in percent of the reference; NaN unless detected.
    """

    structure: str
    status: str
    reference_label: int | None
    prediction_label: int | None
    dice: float = NAN
    iou: float = NAN
    surface_dice_1mm: float = NAN
    asd_mm: float = NAN
    hd95_mm: float = NAN
    reference_volume_ml: float = 0.0
    prediction_volume_ml: float = 0.0
    volume_difference_ml: float = NAN
    volume_difference_percent: float = NAN


INSTANCE_METRICS = tuple(field.name for field in fields(InstanceScore))[4:]


def class_block(overlap: Overlap, structure: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of one structure's instances among the reference and the predicted labels."""
    reference = [_structure_of(label) == structure for label in overlap.reference_labels.tolist()]
    prediction = [_structure_of(label) == structure for label in overlap.prediction_labels.tolist()]
    return np.flatnonzero(reference), np.flatnonzero(prediction)


def score_instances(overlap: Overlap, spacing_zyx_mm: tuple[float, ...]) -> tuple[InstanceScore, ...]:
    """Match and measure every instance of the reference and of the prediction.

    Args:
        overlap: Of two label arrays.
        spacing_zyx_mm: True voxel spacing in mm, in the order of the array axes. Distances follow the array
            axes, so an oblique direction matrix changes nothing.

    Returns:
        First the reference instances in the order of their labels, then the extra ones in theirs. Labels
        SPIDER does not define form the structure "unknown" and are not scored.
    """
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000
    match_of = _match_within_classes(overlap)
    instances = [
        _measure_reference(overlap, reference, match_of.get(reference), spacing_zyx_mm, voxel_ml)
        for reference in range(len(overlap.reference_labels))
    ]
    extra = sorted(set(range(len(overlap.prediction_labels))) - set(match_of.values()))
    for prediction in extra:
        label = int(overlap.prediction_labels[prediction])
        structure = _structure_of(label)
        status = NOT_SCORED if structure == UNKNOWN else EXTRA
        volume = float(overlap.prediction_voxels[prediction]) * voxel_ml
        instances.append(InstanceScore(structure, status, None, label, prediction_volume_ml=volume))
    return tuple(instances)


def _structure_of(label: int) -> str:
    """Return the structure name of a label > 0."""
    kind = class_of_label(label)
    return UNKNOWN if kind == IGNORE_CLASS else CLASS_NAMES[kind]


def _match_within_classes(overlap: Overlap) -> dict[int, int]:
    """Return {position of a reference instance: position of its prediction}, matched class by class."""
    dice = overlap.dice()
    match_of = {}
    for structure in STRUCTURES:
        rows, columns = class_block(overlap, structure)
        pairs = match_one_to_one(dice[np.ix_(rows, columns)], DETECTION_THRESHOLD)
        match_of.update({int(rows[row]): int(columns[column]) for row, column in pairs})
    return match_of


def _measure_reference(
    overlap: Overlap,
    reference: int,
    prediction: int | None,
    spacing_zyx_mm: tuple[float, ...],
    voxel_ml: float,
) -> InstanceScore:
    label = int(overlap.reference_labels[reference])
    volume = float(overlap.reference_voxels[reference]) * voxel_ml
    structure = _structure_of(label)
    if structure == UNKNOWN:
        return InstanceScore(structure, NOT_SCORED, label, None, reference_volume_ml=volume)
    if prediction is None:
        return InstanceScore(structure, MISSED, label, None, 0.0, 0.0, 0.0, reference_volume_ml=volume)
    distances = surface_distances(*overlap.crop_pair(reference, prediction), spacing_zyx_mm)
    prediction_volume = float(overlap.prediction_voxels[prediction]) * voxel_ml
    return InstanceScore(
        structure=structure,
        status=DETECTED,
        reference_label=label,
        prediction_label=int(overlap.prediction_labels[prediction]),
        dice=float(overlap.dice()[reference, prediction]),
        iou=float(overlap.iou()[reference, prediction]),
        surface_dice_1mm=surface_dice(distances, SURFACE_TOLERANCE_MM),
        asd_mm=average_surface_distance(distances),
        hd95_mm=hausdorff_95(distances),
        reference_volume_ml=volume,
        prediction_volume_ml=prediction_volume,
        volume_difference_ml=prediction_volume - volume,
        volume_difference_percent=100 * (prediction_volume - volume) / volume,
    )
