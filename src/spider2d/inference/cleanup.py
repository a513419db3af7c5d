"""Small pieces: the canal made one object, fragments joined to their neighbour or dropped."""

import cc3d
import numpy as np

MIN_PIECE_MM3 = 60.0
CANAL_REACH_MM = 15.0


def clean_canal(canal_sra: np.ndarray, spacing_sra_mm: tuple[float, float, float]) -> np.ndarray:
    """Keep the canal and its continuation, drop false islands.

    Args:
        canal_sra: bool (S, R, A), the class canal; may be empty.
        spacing_sra_mm: Voxel size in mm (slice, row, column).

    Returns:
        bool (S, R, A): the largest piece, and every piece that lies within ``CANAL_REACH_MM`` of the course of
        the largest one continued straight up and down.
    """
    pieces = cc3d.connected_components(canal_sra.view(np.uint8), connectivity=26)
    statistics = cc3d.statistics(pieces)
    volume = statistics["voxel_counts"].astype(float) * np.prod(spacing_sra_mm)
    volume[0] = 0.0
    if len(volume) < 3:
        return canal_sra
    centroid = np.nan_to_num(statistics["centroids"]) * np.array(spacing_sra_mm)
    main = int(volume.argmax())
    points = np.argwhere(pieces == main) * np.array(spacing_sra_mm)
    keep = np.zeros(len(volume), dtype=bool)
    course = np.stack([_course(points, axis, centroid[:, 1]) for axis in (0, 2)], axis=1)
    keep[1:] = np.linalg.norm(centroid[1:, [0, 2]] - course[1:], axis=1) < CANAL_REACH_MM
    keep &= volume >= MIN_PIECE_MM3
    keep[main] = True
    return keep[pieces]


def _course(points_mm: np.ndarray, axis: int, row_mm: np.ndarray) -> np.ndarray:
    """Return the position along ``axis`` of a line through the points, at the given rows."""
    row = points_mm[:, 1]
    spread = max(float(row.var()), 25.0)  # a flat piece gets no steep slope
    slope = np.mean((row - row.mean()) * (points_mm[:, axis] - points_mm[:, axis].mean())) / spread
    return points_mm[:, axis].mean() + slope * (row_mm - row.mean())
