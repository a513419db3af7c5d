"""Volumes: reading and writing image files, and the canonical sagittal array.

Arrays come in SimpleITK's order (z, y, x). The canonical array is (slice L -> R, row S -> I, column A -> P);
getting there and back takes only axis permutation and flips, so oblique scans are never resampled.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from spider2d.atomic_write import replacing
from spider2d.data import dicom
from spider2d.data.geometry import Geometry, Rows2d, grid_differences
from spider2d.data.header_fields import states_directions
from spider2d.data.image_files import check_nifti_complete, geometry_of, open_image, read_pixels
from spider2d.data.itk_name import READABLE_SUFFIXES, suffix_of
from spider2d.data.volume_paths import folders_left_out, list_volumes, volume_name, volumes_by_name
from spider2d.errors import VolumeError

__all__ = [
    "READABLE_SUFFIXES",
    "Canonical",
    "Geometry",
    "Volume",
    "folders_left_out",
    "from_canonical",
    "grid_differences",
    "labels_of",
    "list_volumes",
    "read_mask",
    "read_volume",
    "to_canonical",
    "volume_name",
    "volumes_by_name",
    "write_volume",
]

WRITABLE_SUFFIXES = (".mha", ".nii.gz")


@dataclass(frozen=True)
class Volume:
    """An image or mask with its grid.

    Attributes:
        array_zyx: Voxel values as stored, axes in SimpleITK's order (z, y, x).
        geometry: The grid; ``geometry.size_xyz`` is the reverse of the array's shape.
        directions_stated: Whether its file says how the axes lie in the patient; otherwise ITK has guessed.
    """

    array_zyx: np.ndarray
    geometry: Geometry
    directions_stated: bool = True

    def __post_init__(self) -> None:
        if self.array_zyx.shape != self.geometry.size_xyz[::-1]:
            raise ValueError(f"array {self.array_zyx.shape} on a grid of size {self.geometry.size_xyz}")


class Canonical(NamedTuple):
    """Canonical array (slice L -> R, row S -> I, column A -> P) and its spacing in mm in that order."""

    array_sra: np.ndarray
    spacing_sra_mm: tuple[float, float, float]


def read_volume(path: Path | str, rows_2d: Rows2d | None = None) -> Volume:
    """Read a sagittal (or isotropic) volume with its values as stored.

    Args:
        path: A .mha, .mhd, .nii, .nii.gz or .nrrd file, or a folder holding one DICOM series.
        rows_2d: For 2D images only: which end of the patient row 0 shows. 2D files do not say; without it
            they are refused.

    Returns:
        The volume; its array keeps the pixel type of the file.

    Raises:
        VolumeError: The path cannot be read or is not one sagittal, scalar, finite 3D image.
    """
    path = Path(path)
    directions_stated = True  # a DICOM series without them, and a 2D image without rows_2d, are refused
    if path.is_dir():
        image = dicom.read_series(path)
    else:
        header = open_image(path)
        geometry_of(header, path, rows_2d)  # what the header already rules out is refused first
        directions_stated = header.GetDimension() == 2 or states_directions(header)
        image = read_pixels(header)
    geometry = geometry_of(image, path, rows_2d)
    array = sitk.GetArrayFromImage(image)
    _check_finite(array, path)
    return Volume(array.reshape(geometry.size_xyz[::-1]), geometry, directions_stated)


def read_mask(path: Path | str, rows_2d: Rows2d | None = None) -> Volume:
    """Read a label volume; like ``read_volume``, with an integer array.

    Floating-point files whose values are all whole numbers are converted without loss.

    Raises:
        VolumeError: As ``read_volume``, and for values that are not whole numbers.
    """
    return labels_of(read_volume(path, rows_2d), str(path))


def labels_of(volume: Volume, source: str) -> Volume:
    """Return a volume with integer values: itself, or floating-point whole numbers converted to int32.

    Raises:
        VolumeError: Values that are not whole numbers; ``source`` is what the message calls the volume.
    """
    if np.issubdtype(volume.array_zyx.dtype, np.integer):
        return volume
    # Not > 2**31 - 1, which float32 rounds up to 2**31.
    fractional = (volume.array_zyx != np.rint(volume.array_zyx)) | (np.abs(volume.array_zyx) >= 2**31)
    if fractional.any():
        example = volume.array_zyx[fractional][0]
        raise VolumeError(
            f"{source}: a mask must hold whole numbers, found {example:g} ({fractional.sum()} such voxels). "
            "Resample masks with nearest-neighbour interpolation and save them as integers."
        )
    return Volume(volume.array_zyx.astype(np.int32), volume.geometry)


def _check_finite(array: np.ndarray, path: Path) -> None:
    if np.issubdtype(array.dtype, np.integer):
        return
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise VolumeError(
            f"{path}: {bad} of {array.size} voxels are NaN or infinite. Needed: finite values; "
            "replace them (for example by 0) and save the image again."
        )


def write_volume(path: Path | str, volume: Volume) -> None:
    """Write a volume compressed; the file appears under its name only when it is complete.

    Args:
        path: File ending in .mha or .nii.gz; missing folders are made. An existing file is replaced.
        volume: What to write. A promoted 2D image is written as 2D, on the grid it came from.

    Raises:
        VolumeError: Other file name ending, or the file cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith(WRITABLE_SUFFIXES):
        raise VolumeError(
            f"{path}: cannot write this kind of file. Needed: {' or '.join(WRITABLE_SUFFIXES)}."
        )
    try:
        with replacing(path) as unfinished:
            sitk.WriteImage(_to_image(volume), str(unfinished), useCompression=True)
            if suffix_of(path) == ".nii.gz":  # ITK does not notice a full disk here, as it does for .mha
                check_nifti_complete(open_image(unfinished))
    except (OSError, RuntimeError, EOFError, zlib.error, VolumeError) as error:
        reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise VolumeError(
            f"{path}: cannot be written{reason}. Check that the folder is writable and the disk has space."
        ) from error


def _to_image(volume: Volume) -> sitk.Image:
    array, geometry = volume.array_zyx, volume.geometry
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if geometry.source_2d is not None:
        image = sitk.GetImageFromArray(array[0])
        image.SetSpacing(geometry.spacing_xyz_mm[:2])
        image.SetOrigin(geometry.source_2d.origin_xy_mm)
        image.SetDirection(geometry.source_2d.direction)
        return image
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_xyz_mm)
    image.SetOrigin(geometry.origin_xyz_mm)
    image.SetDirection(geometry.direction)
    return image


def to_canonical(volume: Volume) -> Canonical:
    """Return the canonical array as a view of the volume's array (nothing is copied or resampled)."""
    orientation = volume.geometry.orientation
    array_sra = volume.array_zyx.transpose([2 - axis for axis in orientation.axes_xyz])
    return Canonical(array_sra[_flip_index(orientation.flips)], volume.geometry.spacing_sra_mm)


def from_canonical(array_sra: np.ndarray, like: Volume) -> Volume:
    """Bring a canonical array back to the grid of its volume; the exact inverse of ``to_canonical``.

    Args:
        array_sra: Array (slice, row, column) of the canonical shape of ``like``; any dtype.
        like: The volume whose grid is wanted.

    Returns:
        A contiguous volume with the geometry of ``like``.

    Raises:
        ValueError: The shape is not that of ``like``.
    """
    geometry = like.geometry
    if array_sra.shape != geometry.shape_sra:
        raise ValueError(f"canonical shape {array_sra.shape}, needed {geometry.shape_sra}")
    orientation = geometry.orientation
    flipped = array_sra[_flip_index(orientation.flips)]
    array_zyx = flipped.transpose(np.argsort([2 - axis for axis in orientation.axes_xyz]))
    return Volume(np.ascontiguousarray(array_zyx), geometry)


def _flip_index(flips: Sequence[bool]) -> tuple[slice, ...]:
    return tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
