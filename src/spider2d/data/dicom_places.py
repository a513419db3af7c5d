"""Where the slices of a DICOM series lie, by their headers, and whether they make one volume."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from spider2d.errors import VolumeError

POSITION_TOLERANCE_MM = 0.05
"""Largest deviation of a slice from its place on an evenly spaced straight stack."""
ANGLE_TOLERANCE, PIXEL_TOLERANCE_MM = 1e-3, 1e-3
"""Largest difference of direction cosines, and of pixel sizes, within a series."""
MISSING_SLICE_TOLERANCE = 0.1
"""A gap is one of missing slices if it is this close to a multiple of the usual distance (in distances)."""
_FUNCTIONAL_GROUPS = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
"""Parts of a multi-frame header that say where a frame lies (DICOM PS3.3, C.7.6.16)."""


class Place(NamedTuple):
    """Where one slice lies in the patient.

    Attributes:
        position_mm: Centre of its first pixel (x, y, z), LPS.
        along_row: Unit vector towards the next column.
        along_column: Unit vector towards the next row.
        pixel_rc_mm: Distance of rows and of columns.
        size_rc: Number of rows and columns.
    """

    position_mm: np.ndarray
    along_row: np.ndarray
    along_column: np.ndarray
    pixel_rc_mm: np.ndarray
    size_rc: tuple[int, int]

    @property
    def normal(self) -> np.ndarray:
        """Unit vector across the slice."""
        return np.cross(self.along_row, self.along_column)


def read_places(file: Path) -> list[Place]:
    """Return the places of the slices of a DICOM file, one per frame, in the order of the frames.

    Raises:
        VolumeError: The header cannot be read, or does not say where each slice lies.
    """
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        size_rc = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
        n_frames = int(header.get("NumberOfFrames") or 1)
    except (pydicom.errors.InvalidDicomError, EOFError, struct.error, ValueError) as error:
        raise VolumeError(f"{file}: its DICOM header cannot be read ({error}). Export it again.") from error
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if not frames and n_frames == 1:
        return [_place(header, size_rc, file)]
    if len(frames or ()) != n_frames:
        raise VolumeError(
            f"{file}: {n_frames} frames, but {len(frames or ())} descriptions of frames. Needed: position, "
            "orientation and pixel size of every slice; export the original series."
        )
    shared = header.get("SharedFunctionalGroupsSequence") or [Dataset()]
    return [_place(_merged(shared[0], frame), size_rc, file) for frame in frames]


def _merged(*groups: Dataset) -> Dataset:
    """Return the header of a frame as that of a single slice: later groups overrule earlier ones."""
    merged = Dataset()
    for group in groups:
        for name in _FUNCTIONAL_GROUPS:
            if group.get(name):
                merged.update(group[name][0])
    return merged


def _place(header: Dataset, size_rc: tuple[int, int], file: Path) -> Place:
    position_mm = _numbers(header, "ImagePositionPatient", 3, file)
    cosines = _numbers(header, "ImageOrientationPatient", 6, file)
    pixel_rc_mm = _numbers(header, "PixelSpacing", 2, file)
    place = Place(position_mm, cosines[:3], cosines[3:], pixel_rc_mm, size_rc)
    if not np.isclose(np.linalg.norm(place.normal), 1, atol=0.01):
        raise _unusable("ImageOrientationPatient", cosines, file)
    if pixel_rc_mm.min() <= 0:
        raise _unusable("PixelSpacing", pixel_rc_mm, file)
    return place


def _numbers(header: Dataset, keyword: str, count: int, file: Path) -> np.ndarray:
    try:
        found = header.get(keyword)
        numbers = np.array(found, dtype=np.float64)
    except (TypeError, ValueError):  # no number, or nothing at all
        found, numbers = header.get_item(keyword).value, np.array(np.nan)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise _unusable(keyword, found, file)
    return numbers


def _unusable(keyword: str, found: object, file: Path) -> VolumeError:
    what = "is missing" if found is None else f"is {found}"
    return VolumeError(
        f"{file}: the DICOM tag {keyword} {what}. Needed: position, orientation and pixel size of every "
        "slice; export the original series."
    )


def sort_places(places: list[Place], folder: Path) -> list[int]:
    """Return the indices of slices in the order of one straight stack, along the normal of the first.

    Raises:
        VolumeError: Slices are missing, doubled, tilted or of different orientation or size.
    """
    first = places[0]
    for name in ("along_row", "along_column"):
        if np.abs([getattr(place, name) - getattr(first, name) for place in places]).max() > ANGLE_TOLERANCE:
            raise VolumeError(
                f"{folder}: slices of different orientation (a localiser?). Needed: one sagittal series."
            )
    _check_same_size(places, folder)
    positions = np.array([place.position_mm for place in places])
    order = np.argsort(positions @ first.normal, kind="stable")
    _check_stack(positions[order], first.normal, folder)
    return order.tolist()


def _check_same_size(places: list[Place], folder: Path) -> None:
    first = places[0]
    for place in places:
        pixels_differ = np.abs(place.pixel_rc_mm - first.pixel_rc_mm).max() > PIXEL_TOLERANCE_MM
        if place.size_rc != first.size_rc or pixels_differ:
            both = " and ".join(
                "{} x {} pixels of {:g} x {:g} mm".format(*some.size_rc, *some.pixel_rc_mm)
                for some in (first, place)
            )
            raise VolumeError(
                f"{folder}: slices of different size, {both}. Needed: one sagittal series; move the others "
                "to a folder of their own."
            )


def _check_stack(positions: np.ndarray, normal: np.ndarray, folder: Path) -> None:
    if len(positions) == 1:
        return
    distances = np.diff(positions @ normal)
    typical = float(np.median(distances))
    if distances.min() < POSITION_TOLERANCE_MM:
        raise VolumeError(
            f"{folder}: several slices at the same position (several echoes, time points or copies). "
            "Needed: one slice per position; export one of them."
        )
    if np.abs(distances - typical).max() > POSITION_TOLERANCE_MM:
        gap = int(np.argmax(np.abs(distances - typical)))
        slices = distances[gap] / typical
        is_multiple = slices > 1.5 and abs(slices - round(slices)) < MISSING_SLICE_TOLERANCE
        way_out = "Export the missing slices." if is_multiple else "Resample them to even distances first."
        raise VolumeError(
            f"{folder}: {len(positions)} slices that are not evenly spaced: {distances[gap]:.2f} mm between "
            f"slices {gap + 1} and {gap + 2}, elsewhere {typical:.2f} mm. {way_out}"
        )
    sideways = positions - positions[0] - np.outer((positions - positions[0]) @ normal, normal)
    if np.abs(sideways).max() > max(POSITION_TOLERANCE_MM, 0.01 * typical * len(positions)):
        raise VolumeError(
            f"{folder}: the slices are shifted against each other (a tilted stack). Needed: a rectangular "
            "volume; resample it first."
        )
