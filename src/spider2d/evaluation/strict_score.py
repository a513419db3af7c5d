"""The strict score of one case: true spacing, missed structures as Dice 0, extra instances counted.

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
from spider2d.labels import CANAL, CLASS_NAMES, DISC, VERTEBRA, class_of_label

STRUCTURES = (CLASS_NAMES[VERTEBRA], CLASS_NAMES[DISC], CLASS_NAMES[CANAL])
"""Names of the structures scored one by one; ``OVERALL`` stands for all of them together."""
OVERALL = "overall"
UNKNOWN = "unknown"
"""Structure name of labels SPIDER does not define: listed, but in none of the strict figures."""

DETECTED, MISSED, EXTRA = "detected", "missed", "extra"

SURFACE_TOLERANCE_MM = 1.0
NAN = float("nan")


@dataclass(frozen=True)
class InstanceScore:
    """One reference instance with its match, or one extra instance of the prediction.

    Attributes:
        structure: "vertebra", "disc", "canal" or "unknown".
        status: "detected", "missed" or "extra".
        reference_label: Label value in the reference; None for an extra instance.
        prediction_label: Label value of the match or of the extra instance; None for a missed one.
        dice: 0-1; 0 when missed, NaN when extra.
        iou: 0-1; 0 when missed, NaN when extra.
        surface_dice_1mm: 0-1, at a tolerance of 1 mm; 0 when missed, NaN when extra.
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
CASE_METRICS = (
    "dice",
    "surface_dice_1mm",
    "asd_mm",
    "hd95_mm",
    "volume_difference_ml",
    "volume_difference_percent",
    "absolute_volume_difference_percent",
    "reference_count",
    "prediction_count",
    "detected_count",
    "extra_count",
    "detection_rate",
    "precision",
    "f1",
    "panoptic_quality",
    "semantic_dice",
)
STRICT_NAMES = tuple(
    f"{structure}_{metric}"
    for structure in (*STRUCTURES, OVERALL)
    for metric in CASE_METRICS
    if (structure, metric) != (OVERALL, "semantic_dice")
)
"""The names of the values of a case, see ``strict_score``."""


def score_instances(overlap: Overlap, spacing_zyx_mm: tuple[float, ...]) -> tuple[InstanceScore, ...]:
    """Match and measure every instance of the reference and of the prediction.

    Args:
        overlap: Of two label arrays.
        spacing_zyx_mm: True voxel spacing in mm, in the order of the array axes. Distances follow the array
            axes, so an oblique direction matrix changes nothing.

    Returns:
        First the reference instances in the order of their labels, then the extra ones in theirs. Labels
        SPIDER does not define form the structure "unknown" and are never matched.
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
        volume = float(overlap.prediction_voxels[prediction]) * voxel_ml
        instances.append(InstanceScore(_structure_of(label), EXTRA, None, label, prediction_volume_ml=volume))
    return tuple(instances)


def _structure_of(label: int) -> str:
    """Return the structure name of a label > 0."""
    known = {VERTEBRA, DISC, CANAL}
    return CLASS_NAMES[class_of_label(label)] if class_of_label(label) in known else UNKNOWN


def _match_within_classes(overlap: Overlap) -> dict[int, int]:
    """Return {position of a reference instance: position of its prediction}, matched class by class."""
    dice = overlap.dice()
    match_of = {}
    for structure in STRUCTURES:
        rows, columns = _class_block(overlap, structure)
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
    if prediction is None:
        structure = _structure_of(label)
        return InstanceScore(structure, MISSED, label, None, 0.0, 0.0, 0.0, reference_volume_ml=volume)
    distances = surface_distances(*overlap.crop_pair(reference, prediction), spacing_zyx_mm)
    prediction_volume = float(overlap.prediction_voxels[prediction]) * voxel_ml
    return InstanceScore(
        structure=_structure_of(label),
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


def strict_score(overlap: Overlap, instances: tuple[InstanceScore, ...]) -> dict[str, float]:
    """Summarise the instances of one case into one value per structure and metric.

    Args:
        overlap: The table the instances were measured from.
        instances: From ``score_instances``.

    Returns:
        Values named ``<structure>_<metric>`` for "vertebra", "disc", "canal" and "overall" (all three
        together); NaN where a value is not defined. Metrics, with means over the case's instances:
        dice, surface_dice_1mm: over all reference instances, missed ones as 0.
        asd_mm, hd95_mm, volume_difference_ml, volume_difference_percent, absolute_volume_difference_percent:
            over the detected ones; NaN when none is detected. Read them beside the detection rate.
        reference_count, prediction_count, detected_count, extra_count: numbers of instances.
        detection_rate (recall), precision, f1: detected / reference, detected / predicted, and
            2 detected / (reference + predicted). NaN for 0 / 0.
        panoptic_quality: sum of the IoUs above 0.5, divided by TP + FP / 2 + FN / 2, where the pairs above
            0.5 are the TP (Kirillov et al., CVPR 2019).
        semantic_dice: Dice of the whole class, instances joined (not for "overall"); NaN when the class is in
            neither mask.
    """
    values = {}
    for structure in (*STRUCTURES, OVERALL):
        parts = STRUCTURES if structure == OVERALL else (structure,)
        metrics = _summarise_instances([i for i in instances if i.structure in parts])
        blocks = [_class_block(overlap, part) for part in parts]
        counts = metrics["reference_count"] + metrics["prediction_count"]
        # TP + FP / 2 + FN / 2 = (instances of the reference + instances of the prediction) / 2
        metrics["panoptic_quality"] = _ratio(2 * sum(_panoptic_iou(overlap, *b) for b in blocks), counts)
        if structure != OVERALL:
            metrics["semantic_dice"] = _semantic_dice(overlap, *blocks[0])
        values.update({f"{structure}_{name}": value for name, value in metrics.items()})
    return values


def _summarise_instances(instances: list[InstanceScore]) -> dict[str, float]:
    reference = [i for i in instances if i.status != EXTRA]
    detected = [i for i in instances if i.status == DETECTED]
    predicted_count = len(detected) + sum(i.status == EXTRA for i in instances)
    return {
        "dice": _mean([i.dice for i in reference]),
        "surface_dice_1mm": _mean([i.surface_dice_1mm for i in reference]),
        "asd_mm": _mean([i.asd_mm for i in detected]),
        "hd95_mm": _mean([i.hd95_mm for i in detected]),
        "volume_difference_ml": _mean([i.volume_difference_ml for i in detected]),
        "volume_difference_percent": _mean([i.volume_difference_percent for i in detected]),
        "absolute_volume_difference_percent": _mean([abs(i.volume_difference_percent) for i in detected]),
        "reference_count": float(len(reference)),
        "prediction_count": float(predicted_count),
        "detected_count": float(len(detected)),
        "extra_count": float(predicted_count - len(detected)),
        "detection_rate": _ratio(len(detected), len(reference)),
        "precision": _ratio(len(detected), predicted_count),
        "f1": _ratio(2 * len(detected), len(reference) + predicted_count),
    }


def _class_block(overlap: Overlap, structure: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of one structure's instances among the reference and the predicted labels."""
    reference = [_structure_of(label) == structure for label in overlap.reference_labels.tolist()]
    prediction = [_structure_of(label) == structure for label in overlap.prediction_labels.tolist()]
    return np.flatnonzero(reference), np.flatnonzero(prediction)


def _panoptic_iou(overlap: Overlap, reference: np.ndarray, prediction: np.ndarray) -> float:
    """Return the sum of the IoUs above 0.5; above it, an instance has at most one partner."""
    iou = overlap.iou()[np.ix_(reference, prediction)]
    return float(iou[iou > 0.5].sum())


def _semantic_dice(overlap: Overlap, reference: np.ndarray, prediction: np.ndarray) -> float:
    shared = overlap.voxels[np.ix_(reference + 1, prediction + 1)].sum()
    sizes = overlap.voxels[reference + 1].sum() + overlap.voxels[:, prediction + 1].sum()
    return _ratio(2 * shared, sizes)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else NAN


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else NAN
