"""Which predicted instance belongs to which reference instance, from one table of overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from spider2d.errors import ScoreError
from spider2d.labels import unknown_labels

MAX_LABEL = 65535
"""Largest label value of a mask (SPIDER needs 225); larger values mean that the file is no label map."""

MAX_UNKNOWN_LABELS = 30
"""More label values that SPIDER does not define mean that the file is an image."""
MAX_LISTED = 10
"""Label values named in a message; of more only the number is said."""

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Overlap:
    """How many voxels each pair of instances of two label arrays shares.

    Instances are numbered 1.. in the order of their labels; number 0 is the background.

    Attributes:
        reference_labels: (R,) label values > 0 of the reference, ascending.
        prediction_labels: (P,) label values > 0 of the prediction, ascending.
        voxels: (R + 1, P + 1) integer array; ``voxels[r, p]`` = voxels of reference instance r and prediction
            instance p. Row and column 0 are the background; ``voxels[0, 0]`` is not counted and 0.
        reference_numbers: Array with the instance number of each voxel, cropped to the foreground of both.
        prediction_numbers: The same for the prediction, on the same crop.
        reference_boxes: (R,) bounding box of each reference instance in the cropped arrays.
        prediction_boxes: (P,) the same for the prediction.
    """

    reference_labels: np.ndarray
    prediction_labels: np.ndarray
    voxels: np.ndarray
    reference_numbers: np.ndarray
    prediction_numbers: np.ndarray
    reference_boxes: list[Box]
    prediction_boxes: list[Box]

    @property
    def reference_voxels(self) -> np.ndarray:
        """(R,) voxels of each reference instance."""
        return self.voxels[1:].sum(axis=1)

    @property
    def prediction_voxels(self) -> np.ndarray:
        """(P,) voxels of each predicted instance."""
        return self.voxels[:, 1:].sum(axis=0)

    def dice(self) -> np.ndarray:
        """Return the (R, P) Dice coefficients of all pairs, in 0-1."""
        sizes = self.reference_voxels[:, None] + self.prediction_voxels[None, :]
        return 2 * self.voxels[1:, 1:] / sizes

    def iou(self) -> np.ndarray:
        """Return the (R, P) intersections over union of all pairs, in 0-1."""
        dice = self.dice()
        return dice / (2 - dice)

    def crop_pair(self, reference_index: int, prediction_index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the bool masks of one pair of instances, cropped to the box around both.

        Nothing of either object lies outside this box, so border voxels (outside = background) and distances
        between them are exactly those of the whole arrays.

        Args:
            reference_index: Position in ``reference_labels``.
            prediction_index: Position in ``prediction_labels``.
        """
        boxes = self.reference_boxes[reference_index], self.prediction_boxes[prediction_index]
        box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(*boxes, strict=True))
        return (
            self.reference_numbers[box] == reference_index + 1,
            self.prediction_numbers[box] == prediction_index + 1,
        )


def count_overlap(reference: np.ndarray, prediction: np.ndarray) -> Overlap:
    """Count the shared voxels of all pairs of instances.

    Args:
        reference: Integer label array of any dimensionality; 0 is background.
        prediction: Integer label array of the same shape.

    Returns:
        The table; without any foreground it has one row and one column.

    Raises:
        ScoreError: A label below 0 or above ``MAX_LABEL``, or too many that SPIDER does not define.
        ValueError: Shapes that differ, or arrays that are not integer.
    """
    for side, labels in (("reference", reference), ("prediction", prediction)):
        _check_labels(labels, side)
    if reference.shape != prediction.shape:
        raise ValueError(f"shapes differ: {reference.shape} and {prediction.shape}")
    box = _bounding_box((reference > 0) | (prediction > 0))
    reference_labels, reference_numbers = _number_instances(reference[box])
    prediction_labels, prediction_numbers = _number_instances(prediction[box])
    _check_unknown(reference_labels, "reference")
    _check_unknown(prediction_labels, "prediction")
    shape = len(reference_labels) + 1, len(prediction_labels) + 1
    foreground = (reference_numbers > 0) | (prediction_numbers > 0)
    pairs = reference_numbers[foreground].astype(np.int64) * shape[1] + prediction_numbers[foreground]
    return Overlap(
        reference_labels,
        prediction_labels,
        np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape),
        reference_numbers,
        prediction_numbers,
        ndimage.find_objects(reference_numbers),
        ndimage.find_objects(prediction_numbers),
    )


def _check_labels(labels: np.ndarray, side: str) -> None:
    """Refuse what cannot be a label map: ITK would silently wrap 201 to -55 in a signed 8-bit mask."""
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integer, got {labels.dtype}")
    lowest, highest = labels.min(initial=0), labels.max(initial=0)
    if lowest < 0 or highest > MAX_LABEL:
        raise ScoreError(
            f"the {side} holds the label value {lowest if lowest < 0 else highest}; SPIDER masks hold 0-25, "
            "100-125 and 201-225. Give a label file (no image), saved with a pixel type that can hold 225."
        )


def _check_unknown(labels: np.ndarray, side: str) -> None:
    unknown = unknown_labels(labels)
    if len(unknown) > MAX_UNKNOWN_LABELS:
        raise ScoreError(
            f"the {side} holds {len(unknown)} values that are no SPIDER labels: {listed(unknown)}; SPIDER "
            "masks hold 0-25, 100-125 and 201-225. Give a label file (no image)."
        )


def listed(labels: Sequence[int]) -> str:
    """Return label values in words, the first ones only where they are many: ``[26, 27, ...]``."""
    shown = ", ".join(map(str, labels[:MAX_LISTED]))
    return f"[{shown}, ...]" if len(labels) > MAX_LISTED else f"[{shown}]"


def _bounding_box(foreground: np.ndarray) -> Box:
    """Return the box around all True voxels; one corner voxel where there are none."""
    box = []
    for axis in range(foreground.ndim):
        others = tuple(other for other in range(foreground.ndim) if other != axis)
        positions = np.flatnonzero(foreground.any(axis=others))
        box.append(slice(positions[0], positions[-1] + 1) if positions.size else slice(0, 1))
    return tuple(box)


def _number_instances(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label values > 0, ascending, and the array of instance numbers (0 = background)."""
    values = np.unique(labels[labels > 0]).astype(np.int64)
    number_of_label = np.zeros(values[-1] + 1 if values.size else 1, dtype=np.uint16)
    number_of_label[values] = np.arange(1, len(values) + 1)
    return values, number_of_label[labels]


def match_largest_overlap(overlap: Overlap) -> list[int | None]:
    """Match each reference instance to the prediction it shares most voxels with (the official rule).

    Not one-to-one, and regardless of the class. Equal overlaps go to the lower label.

    Returns:
        For each reference instance the position in ``prediction_labels``, None without any overlap.
    """
    shared = overlap.voxels[1:, 1:]
    return [int(row.argmax()) if row.any() else None for row in shared]


def match_one_to_one(similarity: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """Pair rows with columns, each at most once, so that the sum of similarities is largest.

    The assignment problem is solved exactly (Hungarian method, ``scipy.optimize.linear_sum_assignment``).

    Args:
        similarity: (R, P) array of values >= 0, for instance Dice coefficients of one class.
        threshold: Pairs below it are not made.

    Returns:
        (row, column) pairs in ascending order of rows.
    """
    eligible = np.where(similarity >= threshold, similarity, 0)
    rows, columns = optimize.linear_sum_assignment(eligible, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if eligible[r, c] > 0]
