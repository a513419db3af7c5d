"""The strict score of one case: true spacing, missed structures as Dice 0, extra instances counted.

Made from the scores of its instances, see ``instance_score``.
"""

import numpy as np

from spider2d.evaluation.instance_score import DETECTED, EXTRA, InstanceScore, class_block
from spider2d.evaluation.matching import Overlap
from spider2d.labels import STRUCTURES

OVERALL = "overall"
"""Stands for all structures together."""


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
        blocks = [class_block(overlap, part) for part in parts]
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


def _panoptic_iou(overlap: Overlap, reference: np.ndarray, prediction: np.ndarray) -> float:
    """Return the sum of the IoUs above 0.5; above it, an instance has at most one partner."""
    iou = overlap.iou()[np.ix_(reference, prediction)]
    return float(iou[iou > 0.5].sum())


def _semantic_dice(overlap: Overlap, reference: np.ndarray, prediction: np.ndarray) -> float:
    shared = overlap.voxels[np.ix_(reference + 1, prediction + 1)].sum()
    sizes = overlap.voxels[reference + 1].sum() + overlap.voxels[:, prediction + 1].sum()
    return _ratio(2 * shared, sizes)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else float("nan")
