"""Scores against references that label a part of the spine only: one slice, bodies alone, or discs alone.

The sources number their structures each in its own way, so a structure is compared with the predicted one
that covers most of it, whatever its number. Arrays are integer labels (S, R, A): slice, row, column.
"""

import numpy as np

from spider2d.labels import DISC, VERTEBRA, class_of_label, classes_of_labels

MID_REGION_MIN_BODIES, MID_REGION_MIN_AREA_MM2 = 4, 400.0
"""A slice is mid-region when its reference shows at least 4 vertebrae of at least 400 mm2."""
SACRAL_BODY = 26
"""Label of the first sacral body in references of bodies; it does not count."""
MISSED_MIN_PIXELS = 200
BODY_FOUND_RECALL = 0.5
DISC_FOUND_DICE = 0.1
BODY_MERGED_RECALL = 0.2
"""Two bodies count as merged when one predicted vertebra covers at least this share of each."""


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Dice coefficient of two boolean arrays, NaN when both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else float("nan")


def best_match(region: np.ndarray, prediction: np.ndarray, wanted_class: int) -> int:
    """Return the predicted label of a class with the largest overlap with a region, 0 without overlap.

    Args:
        region: bool (S, R, A).
        prediction: SPIDER labels of the same shape.
        wanted_class: ``VERTEBRA`` or ``DISC``.
    """
    values, counts = np.unique(prediction[region], return_counts=True)
    overlaps = [
        (int(count), int(value))
        for value, count in zip(values, counts, strict=True)
        if value and class_of_label(int(value)) == wanted_class
    ]
    return max(overlaps)[1] if overlaps else 0


def reference_labels(reference: np.ndarray) -> list[int]:
    """Return the labels present, without background and the sacral body."""
    return [int(label) for label in np.unique(reference) if label not in (0, SACRAL_BODY)]


def score_slice(reference: np.ndarray, prediction: np.ndarray, spacing_sra_mm: tuple) -> dict:
    """Score the vertebrae of one slice.

    Args:
        reference: Labels (1, R, A) of vertebrae, 0 elsewhere.
        prediction: SPIDER labels of the same shape.
        spacing_sra_mm: The reference's voxel size (slice, row, column) in mm.

    Returns:
        pooled_dice of all vertebrae and instance_dice, the mean over the reference's (both in [0, 1], NaN
        without a reference); mid_region; missed_slice: nothing found where the reference has more than
        ``MISSED_MIN_PIXELS``; false_finding: vertebra found where the reference has none.
    """
    pixel_mm2 = spacing_sra_mm[1] * spacing_sra_mm[2]
    labels = reference_labels(reference)
    areas = [(reference == label).sum() * pixel_mm2 for label in labels]
    per_instance = []
    for label in labels:
        region = reference == label
        match = best_match(region, prediction, VERTEBRA)
        per_instance.append(dice(region, prediction == match) if match else 0.0)
    predicted = classes_of_labels(prediction) == VERTEBRA
    return {
        "pooled_dice": dice(reference > 0, predicted) if labels else float("nan"),
        "instance_dice": float(np.mean(per_instance)) if per_instance else float("nan"),
        "mid_region": bool(sum(area >= MID_REGION_MIN_AREA_MM2 for area in areas) >= MID_REGION_MIN_BODIES),
        "missed_slice": bool((reference > 0).sum() > MISSED_MIN_PIXELS and not predicted.any()),
        "false_finding": bool(predicted.any() and not labels),
    }


def score_bodies(reference: np.ndarray, prediction: np.ndarray) -> dict:
    """Score vertebral bodies: recall by the best matching predicted vertebra, order, numbers, merges.

    Args:
        reference: Labels (S, R, A) of bodies, 1 the lowest; ``SACRAL_BODY`` does not count.
        prediction: SPIDER labels of the same shape.

    Returns:
        Counts (bodies, found, merged_neighbours), mean recall, in_order, numbers_right (every body found
        bears its own number; both False if none was), extra_below (predicted vertebrae below the lowest
        body). Neighbours are merged where one predicted vertebra covers both; discs and canal merge none.
    """
    labels = reference_labels(reference)
    matches, recalls, shares = [], [], []
    for label in labels:
        inside = prediction[reference == label]
        match = best_match(reference == label, prediction, VERTEBRA)
        matches.append(match)
        recalls.append(float((inside == match).mean()) if match else 0.0)
        vertebrae = [int(v) for v in np.unique(inside) if class_of_label(int(v)) == VERTEBRA]
        shares.append({v: float((inside == v).mean()) for v in vertebrae})
    is_found = [recall >= BODY_FOUND_RECALL for recall in recalls]
    found = [match for match, found in zip(matches, is_found, strict=True) if found]
    numbers = [label for label, found in zip(labels, is_found, strict=True) if found]
    merged = sum(
        any(lower.get(v, 0) >= BODY_MERGED_RECALL and upper.get(v, 0) >= BODY_MERGED_RECALL for v in lower)
        for lower, upper in zip(shares, shares[1:], strict=False)
        if lower
    )
    return {
        "bodies": len(labels),
        "found": len(set(found)),
        "recall": float(np.mean(recalls)),
        "in_order": bool(found) and found == sorted(set(found)),
        "numbers_right": bool(found) and found == numbers,
        "extra_below": count_below(reference == min(labels), prediction),
        "merged_neighbours": int(merged),
    }


def count_below(lowest_body: np.ndarray, prediction: np.ndarray) -> int:
    """Return the number of predicted vertebrae whose middle lies below all of a body (bool (S, R, A))."""
    last_row = np.flatnonzero(lowest_body.any(axis=(0, 2)))[-1]
    vertebrae = [int(v) for v in np.unique(prediction) if v and class_of_label(int(v)) == VERTEBRA]
    middle_rows = [float(np.nonzero(prediction == label)[1].mean()) for label in vertebrae]
    return sum(row > int(last_row) for row in middle_rows)


def score_discs(reference: np.ndarray, prediction: np.ndarray) -> dict:
    """Score discs by the Dice with the best matching predicted disc.

    Args:
        reference: Labels (S, R, A) of discs, at least one.
        prediction: SPIDER labels of the same shape.

    Returns:
        Counts (discs, found) and mean dice in [0, 1].
    """
    scores = []
    for label in reference_labels(reference):
        match = best_match(reference == label, prediction, DISC)
        scores.append(dice(reference == label, prediction == match) if match else 0.0)
    found = sum(score >= DISC_FOUND_DICE for score in scores)
    return {"discs": len(scores), "found": found, "dice": float(np.mean(scores))}
