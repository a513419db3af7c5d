"""A spine of boxes with a known answer, for the tests of the instance step."""

import numpy as np

from spider2d.labels import CANAL_LABEL

PITCH_MM, BODY_MM, MARGIN_MM = 34.0, 26.0, 20.0
THICK, FINE = (4.0, 0.9, 1.1), (1.5, 1.3, 1.2)


def toy_spine(
    spacing: tuple[float, float, float], n: int = 5, bodies_only: bool = False, top_mm: float = MARGIN_MM
) -> np.ndarray:
    """Return SPIDER labels of a straight spine of boxes.

    Bodies are 26 mm high, 30 mm deep, 40 mm wide, with 8 mm of disc between them and below the lowest; the
    canal is 12 mm deep. Each arch has two pedicles, four articular processes that touch the neighbours', two
    laminae and a spinous process.
    """
    rows_mm = top_mm + n * PITCH_MM + MARGIN_MM
    shape = [round(extent / step) for extent, step in zip((61, rows_mm, 121), spacing, strict=True)]
    labels = np.zeros(shape, dtype=np.uint8)
    slice_mm, row_mm, column_mm = (
        (np.arange(size) * step).reshape([-1 if axis == k else 1 for k in range(3)])
        for axis, (size, step) in enumerate(zip(shape, spacing, strict=True))
    )
    beside, behind = np.abs(slice_mm - 30), column_mm - 50  # behind the posterior wall of the bodies

    def fill(label: int, middle: tuple, height: tuple, depth: tuple, base_mm: float) -> None:
        box = (beside >= middle[0]) & (beside <= middle[1]) & (behind >= depth[0]) & (behind <= depth[1])
        above = base_mm - row_mm
        labels[np.broadcast_to(box & (above > height[0]) & (above <= height[1]), shape)] = label

    for level in range(n):
        base_mm = top_mm + (n - level) * PITCH_MM - 4  # middle of the disc below this vertebra
        fill(level + 1, (0, 20), (4, 30), (-30, 0), base_mm)
        fill(201 + level, (0, 20), (-4, 4), (-30, 0), base_mm)
        if not bodies_only:
            fill(level + 1, (9, 15), (19, 30), (0, 14), base_mm)  # pedicle
            fill(level + 1, (9, 15), (19, 42), (7, 14), base_mm)  # upper articular process
            fill(level + 1, (9, 15), (-8, 30), (14, 21), base_mm)  # lower articular process
            fill(level + 1, (0, 15), (0, 20), (21, 26), base_mm)  # lamina
            fill(level + 1, (0, 4), (-8, 16), (26, 50), base_mm)  # spinous process
    labels[np.broadcast_to((beside <= 8) & (behind >= 2) & (behind <= 14), shape) & (labels == 0)] = (
        CANAL_LABEL
    )
    return labels


def dice_by_label(reference: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Return the Dice of every label of the reference with the SAME label of the other array."""
    return {
        int(label): 2
        * np.count_nonzero((reference == label) & (labels == label))
        / (np.count_nonzero(reference == label) + np.count_nonzero(labels == label))
        for label in np.unique(reference[reference > 0])
    }


def assert_recovered(reference: np.ndarray, labels: np.ndarray, at_least: float) -> None:
    dice = dice_by_label(reference, labels)
    assert min(dice.values()) >= at_least, dice
    assert set(np.unique(labels)) <= set(np.unique(reference)) | {0}  # no instance too many
