"""Which files and folders are volumes, and what they are called."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from spider2d.data import dicom
from spider2d.data.itk_name import READABLE_SUFFIXES, suffix_of
from spider2d.errors import DatasetError, VolumeError


def volume_name(path: Path | str) -> str:
    """Return the name of a volume: its file name without .mha, .nii.gz ..., or the DICOM folder's name."""
    # Not resolved: a data set may consist of links (git-annex, DVC) to files of other names.
    path = Path(os.path.abspath(path))  # noqa: PTH100 - for a folder given as "." or ".."
    return path.name[: len(path.name) - len(suffix_of(path))]


def volumes_by_name(folder: Path) -> dict[str, Path]:
    """Return the volume files that lie directly in a folder, by name, in alphabetical order; hidden ones not.

    Raises:
        DatasetError: Two files have the same name, such as 1_t1.mha and 1_t1.nii.gz.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not suffix_of(path):
            continue
        other = files.setdefault(volume_name(path), path)
        if other is not path:
            raise DatasetError(f"{folder}: {other.name} and {path.name} are one series. Keep one of them.")
    return files


def list_volumes(
    inputs: Sequence[Path | str], is_skipped: Callable[[Path], bool] = lambda _: False
) -> list[Path]:
    """Expand files and folders into the volumes to read, each once, in a stable order.

    A file stands for itself. A folder stands for the volume files in it and the DICOM series in folders
    beside these (unless a file has the folder's name), or for the DICOM series it is itself; one without
    either for its ``images`` folder (a data set in SPIDER's form) or else for its sub-folders.

    Args:
        inputs: Files and folders.
        is_skipped: Tells which files in folders are no volumes to read.

    Raises:
        VolumeError: A path does not exist, or a folder holds no volume.
    """
    found: dict[Path, None] = {}
    for path in map(Path, inputs):
        if not path.exists():
            raise VolumeError(f"{path}: no such file or folder. Check the path.")
        volumes = _volumes_in(path, is_skipped) if path.is_dir() else [path]
        if not volumes:
            unmarked = next(path.rglob("*.dcm"), None)  # DICOM files would have been found
            hint = f" ({unmarked} lacks the mark of DICOM files; export it again)" if unmarked else ""
            raise VolumeError(
                f"{path}: no volume in this folder{hint}. "
                f"Needed: {', '.join(READABLE_SUFFIXES)} files or DICOM series."
            )
        found.update(dict.fromkeys(volumes))
    return list(found)


def folders_left_out(inputs: Sequence[Path | str], is_skipped: Callable[[Path], bool]) -> list[Path]:
    """Return the folders whose volumes `list_volumes` leaves out, because other volumes lie beside these.

    They are folders in those of `inputs`, or, where DICOM files lie loose beside volume files, themselves.
    """
    left_out = []
    for folder in filter(Path.is_dir, map(Path, inputs)):
        taken = _volumes_in(folder, is_skipped)
        names = {volume_name(path).casefold() for path in taken if path.parent == folder and path.is_file()}
        is_series = dicom.is_series_folder(folder)
        if not names and not is_series:
            continue
        if names and is_series:
            left_out.append(folder)
        beside = (path for path in sorted(folder.iterdir()) if path.is_dir() and path not in taken)
        others = (
            path for path in beside if not path.name.startswith(".") and path.name.casefold() not in names
        )
        left_out += [path for path in others if _volumes_in(path, is_skipped)]
    return left_out


def _volumes_in(folder: Path, is_skipped: Callable[[Path], bool]) -> list[Path]:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if suffix_of(entry) and entry not in folders]  # broken links too
    volumes = [entry for entry in files if not is_skipped(entry)]
    if volumes:
        names = {volume_name(volume).casefold() for volume in volumes}
        beside = [entry for entry in folders if entry.name.casefold() not in names]
        return volumes + [entry for entry in beside if dicom.is_series_folder(entry)]
    if dicom.is_series_folder(folder):
        return [folder]
    if (folder / "images").is_dir():
        return _volumes_in(folder / "images", is_skipped)
    return [volume for entry in folders for volume in _volumes_in(entry, is_skipped)]
