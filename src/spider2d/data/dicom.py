"""Reading a folder with one DICOM series."""

from collections.abc import Iterator
from pathlib import Path

import pydicom
import SimpleITK as sitk

from spider2d.data.dicom_places import Place, read_places, sort_places
from spider2d.data.itk_name import itk_name
from spider2d.errors import VolumeError


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
    """Read the one DICOM series in a folder, slices or frames sorted by their position in the patient.

    Raises:
        VolumeError: No series or several of them, slices whose header does not say where they lie, that are
            missing, doubled, tilted or of different orientation or size, a file that cannot be read, or a
            name that is no UTF-8.
    """
    files = _files_of_only_series(folder)
    places = [read_places(Path(file)) for file in files]
    n_frames = max(map(len, places))
    if n_frames > 1 and len(files) > 1:
        raise VolumeError(
            f"{folder}: {len(files)} files, one with {n_frames} frames. Needed: one file with all slices, or "
            "one file per slice; move the others to a folder of their own."
        )
    order = sort_places([place for of_file in places for place in of_file], folder)
    try:
        if n_frames > 1:
            return _sorted_frames(sitk.ReadImage(files[0]), places[0], order)
        return sitk.ReadImage([files[index] for index in order] if len(files) > 1 else files[0])
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise VolumeError(f"{folder}: unreadable DICOM series ({reason}). Export it again.") from error


def _sorted_frames(image: sitk.Image, places: list[Place], order: list[int]) -> sitk.Image:
    """Return a multi-frame image with its frames in order, on the grid that their headers tell.

    GDCM gives them in the order of the file, and voxels of 1 mm where they are not evenly spaced in it.
    """
    first, last = places[order[0]], places[order[-1]]
    slice_mm = float((last.position_mm - first.position_mm) @ first.normal) / (len(order) - 1)
    row_mm, column_mm = first.pixel_rc_mm.tolist()
    axes = (first.along_row, first.along_column, first.normal)
    ordered = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(image)[order])
    ordered.SetSpacing((column_mm, row_mm, slice_mm))
    ordered.SetOrigin(first.position_mm.tolist())
    ordered.SetDirection([float(axis[world]) for world in range(3) for axis in axes])
    return ordered


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


def _description(file: str) -> str:
    # force: GDCM takes files without the mark of DICOM too.
    header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SeriesDescription"], force=True)
    return str(header.get("SeriesDescription", "?")).strip()
