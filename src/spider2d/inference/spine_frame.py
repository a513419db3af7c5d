"""The course of the spine: where the vertebral bodies end behind, and the line through their centres.

Points are float arrays (N, 3) in mm in canonical order (slice, row, column) of one array's grid, voxel
centres at ``index * spacing``. "Up" is towards the head (decreasing row), "front" anterior (decreasing
column).
"""

from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from scipy import ndimage

from spider2d.labels import CANAL, DISC, VERTEBRA

FAR_MM = 1e4
"""Slice spacing that keeps a distance transform within each slice."""
CORE_SHARE = 0.75
"""Without canal and discs, bodies are told from arches by this share of the greatest depth in the mask."""
BEHIND_BODY_MM = 2.0
"""The canal begins this far behind discs and bodies."""
MIN_PIECE_SHARE, MAX_PIECES = 0.2, 30
"""Pieces that say something about the wall: this share of the largest at least, and no more than so many."""
WALL_SMOOTHING_MM = 4.0
END_SLOPE_MM = 25.0
"""Length at either end of the known part from which the wall is extrapolated."""


@dataclass(frozen=True)
class SpineFrame:
    """The spine's course, one entry per row of the array it was fitted to (R rows).

    Attributes:
        row_mm: Position of each row, (R,), increasing downwards.
        wall_mm: Column position of the posterior wall of the vertebral bodies (front of the canal), (R,).
        centre_sc_mm: Slice and column position of the centre line of bodies and discs, (R, 2).
        up: Unit tangents of the centre line, (R, 3), pointing up.
        height_mm: Arc length along the centre line, (R,), decreasing with the row; 0 at the last row.
    """

    row_mm: np.ndarray
    wall_mm: np.ndarray
    centre_sc_mm: np.ndarray
    up: np.ndarray
    height_mm: np.ndarray

    def in_front_of_wall(self, points_mm: np.ndarray) -> np.ndarray:
        """Return for (N, 3) points whether they lie in the column of bodies and discs, bool (N,)."""
        return points_mm[:, 2] < self.wall_mm[self._row_index(points_mm[:, 1])]

    def height_of(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the arc length (mm, upwards) of the foot of each point on the centre line, (N,)."""
        row = points_mm[:, 1].astype(np.float32)
        for _ in range(3):  # the spine bends little over its own depth, so the foot converges at once
            row = row + self._signed_distance_down(points_mm, row)
        return np.interp(row, self.row_mm, self.height_mm) + self._beyond_ends(row)

    def point_at(self, height_mm: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the centre-line point (3,) at an arc length, and the unit vector (3,) pointing up there."""
        row = float(np.interp(height_mm, self.height_mm[::-1], self.row_mm[::-1]))
        index = self._row_index(np.array([row]))[0]
        point = np.array([self.centre_sc_mm[index, 0], row, self.centre_sc_mm[index, 1]])
        up = self.up[index]
        return point + up * (height_mm - np.clip(height_mm, self.height_mm[-1], self.height_mm[0])), up

    def _row_index(self, row_mm: np.ndarray) -> np.ndarray:
        step = self.row_mm[1] - self.row_mm[0]
        return np.clip(np.rint(row_mm / step).astype(np.intp), 0, len(self.row_mm) - 1)

    def _signed_distance_down(self, points_mm: np.ndarray, row: np.ndarray) -> np.ndarray:
        index = self._row_index(row)
        up, centre = self.up[index], self.centre_sc_mm[index]
        along_up = (
            (points_mm[:, 0] - centre[:, 0]) * up[:, 0]
            + (points_mm[:, 1] - row) * up[:, 1]
            + (points_mm[:, 2] - centre[:, 1]) * up[:, 2]
        )
        return along_up * up[:, 1]  # the row component of the step along the tangent

    def _beyond_ends(self, row: np.ndarray) -> np.ndarray:
        above = np.minimum(row - self.row_mm[0], 0.0) / self.up[0, 1]
        below = np.maximum(row - self.row_mm[-1], 0.0) / self.up[-1, 1]
        return above + below


def fit_spine(classes_sra: np.ndarray, spacing_sra_mm: tuple[float, float, float]) -> SpineFrame:
    """Fit the course of the spine to a class map.

    The posterior wall of the bodies comes from the front of the canal and the back of the discs; without
    both, from the thickest parts of the vertebra class. The centre line is a smooth curve through bodies and
    discs.

    Args:
        classes_sra: uint8 (S, R, A), classes 0-3, canal already cleaned; at least one vertebra or disc voxel.
        spacing_sra_mm: Voxel size in mm (slice, row, column).

    Returns:
        The frame; its rows are the rows of ``classes_sra`` (two rows at least: a single row is doubled).
    """
    n_rows = max(classes_sra.shape[1], 2)
    row_mm = np.arange(n_rows, dtype=np.float64) * spacing_sra_mm[1]
    wall_mm = _posterior_wall(classes_sra, spacing_sra_mm, row_mm)
    centre_sc_mm = _centre_line(classes_sra, spacing_sra_mm, row_mm, wall_mm)
    step = np.stack(
        [np.gradient(centre_sc_mm[:, 0]), np.gradient(row_mm), np.gradient(centre_sc_mm[:, 1])], axis=1
    )
    length = np.linalg.norm(step, axis=1)
    height_mm = np.concatenate([np.cumsum(length[:0:-1])[::-1], [0.0]])
    return SpineFrame(row_mm, wall_mm, centre_sc_mm, -step / length[:, None], height_mm)


def _posterior_wall(classes_sra: np.ndarray, spacing_sra_mm: tuple, row_mm: np.ndarray) -> np.ndarray:
    """Return the wall's column position (mm) for every row."""
    rows, wall = _canal_front(classes_sra == CANAL, spacing_sra_mm)
    more_rows, more_wall = _body_backs(classes_sra, spacing_sra_mm, has_canal=len(rows) > 0)
    # The canal leads where it is seen; in a lone or oblique slice it is seen along a part of the spine only.
    far = _distance_to(more_rows, rows) * spacing_sra_mm[1] > END_SLOPE_MM
    rows, wall = np.append(rows, more_rows[far]), np.append(wall, more_wall[far])
    order = np.argsort(rows)
    rows, wall = rows[order], wall[order]
    filled = np.interp(row_mm, row_mm[rows], wall)
    smooth = ndimage.gaussian_filter1d(filled, WALL_SMOOTHING_MM / spacing_sra_mm[1], mode="nearest")
    return _extrapolate(smooth, rows[0], rows[-1], int(END_SLOPE_MM / spacing_sra_mm[1]))


def _canal_front(canal_sra: np.ndarray, spacing_sra_mm: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that hold canal and the column (mm) of its front there, the median over slices."""
    present = canal_sra.any(axis=2)
    rows = np.flatnonzero(present.any(axis=0))
    if len(rows) == 0:
        return rows, np.empty(0)
    front = np.where(present, canal_sra.argmax(axis=2) * float(spacing_sra_mm[2]), np.nan)[:, rows]
    wall = np.nanmedian(front, axis=0)
    return rows, ndimage.median_filter(wall, size=1 + 2 * int(3 / spacing_sra_mm[1]), mode="nearest")


def _body_backs(
    classes_sra: np.ndarray, spacing_sra_mm: tuple, has_canal: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns (mm) just behind the discs or, without discs and canal, behind the bodies.

    Bodies are told from arches by the depth inside the mask.
    """
    mask = classes_sra == DISC
    if not mask.any() and not has_canal:
        bone = classes_sra == VERTEBRA
        in_plane = (FAR_MM, *spacing_sra_mm[1:])
        depth = edt.edt(bone, anisotropy=in_plane, parallel=1)
        core = depth >= CORE_SHARE * depth.max()
        mask = bone & (edt.edt(~core, anisotropy=in_plane, parallel=1) <= depth.max())
    return _backs_of_pieces(mask, spacing_sra_mm)


def _backs_of_pieces(mask_sra: np.ndarray, spacing_sra_mm: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return, for every large piece of a mask, the row of its back and the column (mm) just behind it."""
    pieces = cc3d.connected_components(mask_sra.view(np.uint8), connectivity=6)
    volume = np.bincount(pieces.ravel())[1:]
    boxes = cc3d.statistics(pieces)["bounding_boxes"][1:]
    large = [
        index for index in np.argsort(-volume)[:MAX_PIECES] if volume[index] > MIN_PIECE_SHARE * volume.max()
    ]
    backs = []
    for index in large:
        _, rows, columns = np.nonzero(pieces[boxes[index]] == index + 1)
        back = np.percentile(columns, 98)
        row = round(boxes[index][1].start + rows[columns >= back].mean())
        backs.append((row, (boxes[index][2].start + back) * spacing_sra_mm[2] + BEHIND_BODY_MM))
    backs.sort()
    return np.array([row for row, _ in backs], dtype=np.intp), np.array([back for _, back in backs])


def _distance_to(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return for every row the distance (rows) to the nearest of ``others``, infinite if there are none."""
    if len(others) == 0:
        return np.full(len(rows), np.inf)
    after = np.searchsorted(others, rows).clip(0, len(others) - 1)
    return np.minimum(np.abs(others[after] - rows), np.abs(others[np.maximum(after - 1, 0)] - rows))


def _centre_line(
    classes_sra: np.ndarray, spacing_sra_mm: tuple, row_mm: np.ndarray, wall_mm: np.ndarray
) -> np.ndarray:
    """Return slice and column (mm, (R, 2)) of the line through bodies and discs; straight beyond its ends."""
    column = (classes_sra == VERTEBRA) | (classes_sra == DISC)
    column_mm = np.arange(classes_sra.shape[2]) * spacing_sra_mm[2]
    in_front = column_mm[None, :] < wall_mm[: classes_sra.shape[1], None]
    if (column & in_front).any():
        column &= in_front
    counts_ra = column.sum(axis=0)
    counts = counts_ra.sum(axis=1)
    rows = np.flatnonzero(counts > 0.2 * np.median(counts[counts > 0]))
    slice_sum = np.tensordot(np.arange(column.shape[0]), column.sum(axis=2), axes=1)
    centres = np.stack(
        [slice_sum[rows] / counts[rows] * spacing_sra_mm[0], (counts_ra[rows] @ column_mm) / counts[rows]],
        axis=1,
    )
    length_mm = row_mm[rows[-1]] - row_mm[rows[0]]
    lines = [
        _fit_curve(row_mm[rows], centres[:, axis], counts[rows], degree, row_mm)
        for axis, degree in ((0, min(3, int(length_mm / 50))), (1, min(4, int(length_mm / 40))))
    ]
    n_end = int(END_SLOPE_MM / spacing_sra_mm[1])
    return np.stack([_extrapolate(line, rows[0], rows[-1], n_end) for line in lines], axis=1)


def _fit_curve(
    row: np.ndarray, value: np.ndarray, weight: np.ndarray, degree: int, at_row: np.ndarray
) -> np.ndarray:
    fitted = np.polynomial.Polynomial.fit(
        row, value, min(degree, len(row) - 1), w=np.sqrt(weight), domain=[row[0], row[-1] + 1e-3]
    )
    return fitted(np.clip(at_row, row[0], row[-1]))


def _extrapolate(values: np.ndarray, first: int, last: int, n_end: int) -> np.ndarray:
    """Continue ``values`` outside [first, last] along the mean slope of the last ``n_end`` samples inside."""
    result = values.astype(np.float64)
    n_end = max(1, min(n_end, last - first))
    if last == first:
        return result
    head_slope = (values[first + n_end] - values[first]) / n_end
    tail_slope = (values[last] - values[last - n_end]) / n_end
    result[:first] = values[first] + head_slope * np.arange(-first, 0)
    result[last + 1 :] = values[last] + tail_slope * np.arange(1, len(values) - last)
    return result
