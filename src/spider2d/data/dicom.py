"""Reading a folder with one DICOM series."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from spider2d.data.itk_name import itk_name
from spider2d.errors import VolumeError

POSITION_TOLERANCE_MM = 0.05
"""Largest deviation of a slice from its place on an evenly spaced straight stack."""

_IMAGE_POSITION, _IMAGE_ORIENTATION = "0020|0032", "0020|0037"
_SERIES_DESCRIPTION = "0008|103e"


def is_series_folder(folder: Path) -> bool:
    """Return whether a folder directly holds DICOM files."""
    return next(_dicom_files(folder), None) is not None


def _dicom_files(folder: Path) -> Iterator[Path]:
    """Yield the files with the mark of DICOM (part 10, 7.1); GDCM would print a warning without any."""
    candidates = (path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "DICOMDIR")
    return (path for path in candidates if _has_dicom_mark(path))


def _has_dicom_mark(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def read_series(folder: Path) -> sitk.Image:
    """Read the one DICOM series in a folder, slices sorted by their position in the patient.

    Raises:
        VolumeError: No series or several of them, slices that are missing, doubled, tilted or of different
            orientation, a file that cannot be read, or a name that is no UTF-8.
    """
    files = _files_of_only_series(folder)
    try:
        if len(files) > 1:
            files = _sorted_by_position(files, folder)
            return sitk.ReadImage(files)
        return sitk.ReadImage(files[0])
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise VolumeError(f"{folder}: unreadable DICOM series ({reason}). Export it again.") from error


def _files_of_only_series(folder: Path) -> list[str]:
    present = list(_dicom_files(folder))
    if not present:
        raise VolumeError(f"{folder}: no DICOM series in this folder. Needed: one sagittal series.")
    for path in present:
        itk_name(path)  # GDCM looks at every file of the folder
    series_ids = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    files = {uid: sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid) for uid in series_ids}
    if len(files) > 1:
        names = "; ".join(f"'{_description(names[0])}' ({len(names)} files)" for names in files.values())
        raise VolumeError(
            f"{folder}: {len(files)} DICOM series in one folder: {names}. Needed: one sagittal series per "
            "folder; move each to a folder of its own."
        )
    (readable,) = files.values() or [()]
    damaged = sorted({path.name for path in present} - {Path(file).name for file in readable})
    if damaged:
        raise VolumeError(
            f"{folder}: {len(damaged)} of {len(present)} DICOM files cannot be read as slices of the series, "
            f"for example {damaged[0]}. Export the series again, or move such files out of the folder."
        )
    return list(readable)


def _header(file: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return reader


def _description(file: str) -> str:
    header = _header(file)
    return (
        header.GetMetaData(_SERIES_DESCRIPTION).strip() if header.HasMetaDataKey(_SERIES_DESCRIPTION) else "?"
    )


def _numbers(header: sitk.ImageFileReader, tag: str, folder: Path) -> np.ndarray:
    if not header.HasMetaDataKey(tag):
        raise VolumeError(
            f"{folder}: {Path(header.GetFileName()).name} has no DICOM tag ({tag.replace('|', ',')}). "
            "Needed: position and orientation of every slice; export the original series."
        )
    return np.array([float(number) for number in header.GetMetaData(tag).split("\\")])


def _sorted_by_position(files: list[str], folder: Path) -> list[str]:
    """Return the files in the order of their slices, refusing anything but one even, straight stack."""
    headers = [_header(file) for file in files]
    orientations = np.array([_numbers(header, _IMAGE_ORIENTATION, folder) for header in headers])
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        raise VolumeError(
            f"{folder}: slices of different orientation (a localiser?). Needed: one sagittal series."
        )
    positions = np.array([_numbers(header, _IMAGE_POSITION, folder) for header in headers])
    normal = np.cross(orientations[0, :3], orientations[0, 3:])
    order = np.argsort(positions @ normal, kind="stable")
    _check_stack(positions[order], normal, folder)
    return [files[index] for index in order]


def _check_stack(positions: np.ndarray, normal: np.ndarray, folder: Path) -> None:
    distances = np.diff(positions @ normal)
    typical = float(np.median(distances))
    if distances.min() < POSITION_TOLERANCE_MM:
        raise VolumeError(
            f"{folder}: several slices at the same position (several echoes, time points or copies). "
            "Needed: one slice per position; export one of them."
        )
    if np.abs(distances - typical).max() > POSITION_TOLERANCE_MM:
        gap = int(np.argmax(np.abs(distances - typical)))
        raise VolumeError(
            f"{folder}: {len(positions)} slices that are not evenly spaced: {distances[gap]:.2f} mm between "
            f"slices {gap + 1} and {gap + 2}, elsewhere {typical:.2f} mm. Export the missing slices."
        )
    sideways = positions - positions[0] - np.outer((positions - positions[0]) @ normal, normal)
    if np.abs(sideways).max() > max(POSITION_TOLERANCE_MM, 0.01 * typical * len(positions)):
        raise VolumeError(
            f"{folder}: the slices are shifted against each other (a tilted stack). Needed: a rectangular "
            "volume; resample it first."
        )
