"""Small pieces: the canal made one object, fragments joined to what they touch, false islands dropped."""

from typing import NamedTuple

import cc3d
import numpy as np
from scipy import spatial


class PieceLimits(NamedTuple):
    """What is done with loose pieces.

    Attributes:
        least_mm3: Smaller ones are noise.
        max_gap_mm: Those further than this from their structure are false.
    """

    least_mm3: float
    max_gap_mm: float


PIECE_LIMITS = PieceLimits(least_mm3=60.0, max_gap_mm=12.0)
"""Of volumes: a missed slice breaks an arch by less than the gap."""
LARGE_SHARE = 0.15
"""A loose piece with this share of the largest one is no fragment: it is kept as it is."""
CANAL_REACH_MM = 15.0
MAX_MAIN_POINTS = 4000


def clean_canal(
    canal_sra: np.ndarray, spacing_sra_mm: tuple[float, float, float], limits: PieceLimits = PIECE_LIMITS
) -> np.ndarray:
    """Keep the canal and its continuation, drop false islands.

    Args:
        canal_sra: bool (S, R, A), the class canal; may be empty.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        limits: Which pieces are noise.

    Returns:
        bool (S, R, A): the largest piece, and every piece that lies within ``CANAL_REACH_MM`` of the course
        of the largest one continued straight up and down.
    """
    pieces, volume = _pieces(canal_sra.view(np.uint8), spacing_sra_mm)
    if len(volume) < 3:
        return canal_sra
    centroid = np.nan_to_num(cc3d.statistics(pieces)["centroids"]) * np.array(spacing_sra_mm)
    main = int(volume[1:].argmax()) + 1
    points = np.argwhere(pieces == main) * np.array(spacing_sra_mm)
    course = np.stack([_course(points, axis, centroid[:, 1]) for axis in (0, 2)], axis=1)
    keep = np.linalg.norm(centroid[:, [0, 2]] - course, axis=1) < CANAL_REACH_MM
    keep &= volume >= limits.least_mm3
    keep[0], keep[main] = False, True
    return keep[pieces]


def _pieces(labels_sra: np.ndarray, spacing_sra_mm: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return the 26-connected pieces of every label (0 = background) and their volumes (mm3)."""
    pieces = cc3d.connected_components(labels_sra, connectivity=26)
    return pieces, np.bincount(pieces.ravel()) * float(np.prod(spacing_sra_mm))


def _course(points_mm: np.ndarray, axis: int, row_mm: np.ndarray) -> np.ndarray:
    """Return the position along ``axis`` of a straight line through the points, at the given rows."""
    row, along = points_mm[:, 1], points_mm[:, axis]
    spread = max(float(row.var()), 25.0)  # a flat piece gets no steep slope
    slope = np.mean((row - row.mean()) * (along - along.mean())) / spread
    return along.mean() + slope * (row_mm - row.mean())


def tidy_instances(
    labels_sra: np.ndarray, spacing_sra_mm: tuple[float, float, float], limits: PieceLimits = PIECE_LIMITS
) -> np.ndarray:
    """Make every instance one piece with, at most, fragments near it.

    A loose fragment that touches other instances of its kind joins the one it touches most. One that touches
    none stays with its own instance if it is large or near, and is dropped otherwise.

    Args:
        labels_sra: uint8 (S, R, A) instances of one kind (vertebrae or discs), 0 elsewhere; may be empty.
        spacing_sra_mm: Voxel size in mm (slice, row, column).
        limits: Which pieces are noise or false.

    Returns:
        uint8 (S, R, A), the tidied labels.
    """
    pieces, volume = _pieces(labels_sra, spacing_sra_mm)
    if len(volume) < 2:
        return labels_sra
    label_of = np.zeros(len(volume), dtype=np.uint8)
    label_of[pieces.ravel()] = labels_sra.ravel()
    main_of = {
        int(label): max(np.flatnonzero(label_of == label), key=lambda piece: (volume[piece], -piece))
        for label in np.unique(label_of[1:])
    }
    mains = set(main_of.values())
    loose = [piece for piece in range(1, len(volume)) if piece not in mains]
    if not loose:
        return labels_sra
    new_label = label_of.copy()
    touched = _most_touched(pieces, mains)
    boxes = cc3d.statistics(pieces)["bounding_boxes"]
    main_points: dict[int, np.ndarray] = {}
    for piece in loose:
        main = main_of[int(label_of[piece])]
        if piece in touched and volume[piece] < LARGE_SHARE * volume[main]:
            new_label[piece] = label_of[touched[piece]]
        elif volume[piece] < limits.least_mm3 or (
            volume[piece] < LARGE_SHARE * volume[main]
            and _gap_mm(pieces, piece, main, boxes, spacing_sra_mm, main_points) > limits.max_gap_mm
        ):
            new_label[piece] = 0
    return new_label[pieces]


def _most_touched(pieces: np.ndarray, mains: set[int]) -> dict[int, int]:
    """Return for every loose piece the main piece with the largest contact area, if it touches any."""
    best: dict[int, tuple[float, int]] = {}
    for (first, second), area in sorted(cc3d.contacts(pieces, connectivity=6).items()):
        for piece, other in ((first, second), (second, first)):
            if piece not in mains and other in mains and area > best.get(piece, (0.0, 0))[0]:
                best[piece] = (area, other)
    return {piece: other for piece, (_, other) in best.items()}


def _gap_mm(
    pieces: np.ndarray,
    piece: int,
    main: int,
    boxes: list,
    spacing_sra_mm: tuple,
    main_points: dict[int, np.ndarray],
) -> float:
    """Return about the distance (mm) between a piece and its instance's main piece (thinned out)."""

    def points_of(number: int) -> np.ndarray:
        box = boxes[number]
        start = np.array([axis.start for axis in box])
        return (np.argwhere(pieces[box] == number) + start) * np.array(spacing_sra_mm)

    if main not in main_points:
        points = points_of(main)
        main_points[main] = points[:: 1 + len(points) // MAX_MAIN_POINTS]
    return float(spatial.cKDTree(main_points[main]).query(points_of(piece))[0].min())
