"""Reading one image file with SimpleITK, plus the checks for damage that ITK leaves out."""

import gzip
import math
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from spider2d.data.geometry import Geometry, Grid2d, Rows2d, check_grid, promote_2d
from spider2d.data.header_fields import HEADER_BYTES, check_spacing_stated
from spider2d.data.itk_name import READABLE_SUFFIXES, itk_name, suffix_of
from spider2d.errors import VolumeError

# Named, because ITK itself goes by the ending and does not take IMAGE.MHA for one of its own.
_IMAGE_IO = {
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
    ".nii.gz": "NiftiImageIO",
    ".nii": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
}
_ZLIB_FIRST_BYTE = 0x78
_CHUNK_BYTES = 1 << 20


def open_image(path: Path) -> sitk.ImageFileReader:
    """Return a reader that has read the header of an image file.

    Raises:
        VolumeError: No such file, an unknown kind of file, an empty one, or a header that cannot be read or
            states no spacing.
    """
    if not path.exists():
        what = "a link whose file is not there" if path.is_symlink() else "no such file or folder"
        raise VolumeError(f"{path}: {what}. Check the path.")
    if not suffix_of(path):
        raise VolumeError(
            f"{path}: not a kind of file that can be read. Needed: {', '.join(READABLE_SUFFIXES)}, "
            "or for DICOM the folder that holds one series."
        )
    try:
        with path.open("rb") as file:
            first_byte = file.read(1)
    except OSError as error:
        raise VolumeError(f"{path}: cannot be opened ({error.strerror}).") from error
    if not first_byte:
        raise VolumeError(f"{path}: the file is empty (0 bytes). Copy or download it again.")
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IMAGE_IO[suffix_of(path)])
    reader.SetFileName(itk_name(path))
    try:
        reader.ReadImageInformation()
        check_spacing_stated(path, reader.GetDimension())
    except (RuntimeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _unreadable(path, error) from error
    return reader


def read_pixels(reader: sitk.ImageFileReader) -> sitk.Image:
    """Return the image whose header was opened by ``open_image``, refusing truncated and damaged data.

    Raises:
        VolumeError: The data end early, do not unpack, or do not match their checksum.
    """
    path = Path(reader.GetFileName())
    try:
        if suffix_of(path) in (".nii", ".nii.gz"):
            check_nifti_complete(reader)
        image = reader.Execute()
        if suffix_of(path) in (".mha", ".nrrd"):
            _check_checksum(path, image)
    except (RuntimeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _unreadable(path, error) from error
    return image


def geometry_of(image: sitk.Image | sitk.ImageFileReader, path: Path, rows_2d: Rows2d | None) -> Geometry:
    """Return the grid of an image, or of a reader that has read the header.

    Raises:
        VolumeError: Not one scalar 3D image (or 2D image with ``rows_2d``), or a grid ``check_grid`` refuses.
    """
    _check_scalar(image, path)
    size, spacing, origin = image.GetSize(), image.GetSpacing(), image.GetOrigin()
    dimension = image.GetDimension()
    if dimension == 2:
        _check_rows_given(size, path, rows_2d)
        geometry = promote_2d(size, spacing, Grid2d(origin, image.GetDirection()), rows_2d)
    elif set(size[3:]) <= {1}:  # one time point or echo stored as 4D is a plain volume
        direction = np.reshape(image.GetDirection(), (dimension, dimension))[:3, :3].ravel().tolist()
        geometry = Geometry(size[:3], spacing[:3], origin[:3], tuple(direction))
    else:
        raise VolumeError(
            f"{path}: {dimension}D image of size {size}. Needed: one 3D volume; "
            "split the series and give one time point or echo."
        )
    check_grid(geometry, str(path))
    return geometry


def _check_scalar(image: sitk.Image | sitk.ImageFileReader, path: Path) -> None:
    is_header = isinstance(image, sitk.ImageFileReader)
    components = image.GetNumberOfComponents() if is_header else image.GetNumberOfComponentsPerPixel()
    if components != 1:
        raise VolumeError(
            f"{path}: {components} values per voxel (a colour, vector or complex image). "
            "Needed: one grey value per voxel."
        )


def _check_rows_given(size: tuple[int, ...], path: Path, rows_2d: Rows2d | None) -> None:
    if rows_2d is None:
        raise VolumeError(
            f"{path}: a 2D image of size {size}. Needed: a 3D volume. A sagittal slice (columns from "
            "anterior to posterior) can be segmented when you say which way its rows run: "
            "--rows-2d superior-first or --rows-2d inferior-first."
        )


def check_nifti_complete(header: sitk.ImageFileReader) -> None:
    """Refuse a NIfTI file that ends early or is damaged: ITK reads and writes such files without an error.

    Raises:
        EOFError, zlib.error, gzip.BadGzipFile: The data are not all there.
    """
    path = Path(header.GetFileName())
    data_bytes = math.prod(header.GetSize()) * int(header.GetMetaData("bitpix")) // 8
    needed = int(float(header.GetMetaData("vox_offset"))) + data_bytes
    available = _unpacked_bytes(path)
    if available < needed:
        raise EOFError(f"{available} bytes, needed {needed}")


def _unpacked_bytes(path: Path) -> int:
    if suffix_of(path) == ".nii":
        return path.stat().st_size
    with gzip.open(path) as file:
        return sum(len(chunk) for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))


class _Checksum(NamedTuple):
    """What a compressed file says about its unpacked voxels."""

    function: Callable[[bytes], int]
    value: int
    big_endian: bool


def _check_checksum(path: Path, image: sitk.Image) -> None:
    """Compare the voxels with the checksum in the file; ITK returns damaged data as if they had been read."""
    stored = {".mha": _mha_checksum, ".nrrd": _nrrd_checksum}[suffix_of(path)](path)
    if stored is None:
        return
    voxels = sitk.GetArrayViewFromImage(image)
    if stored.function(voxels.byteswap() if stored.big_endian else voxels) != stored.value:
        raise EOFError("the checksum of the compressed data does not match")


def _mha_checksum(path: Path) -> _Checksum | None:
    """Return the Adler-32 checksum that ends a zlib stream (RFC 1950), None for another kind of data."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        stream_size = re.search(rb"^CompressedDataSize *= *(\d+)", header, re.MULTILINE)
        data_tag = re.search(rb"^ElementDataFile *= *LOCAL\s*?\n", header, re.MULTILINE)
        if stream_size is None or data_tag is None or header[data_tag.end()] != _ZLIB_FIRST_BYTE:
            return None
        file.seek(data_tag.end() + int(stream_size[1]) - 4)
        big_endian = re.search(rb"ByteOrderMSB *= *True", header) is not None
        return _Checksum(zlib.adler32, int.from_bytes(file.read(4), "big"), big_endian)


def _nrrd_checksum(path: Path) -> _Checksum | None:
    """Return the CRC-32 checksum near the end of a gzip stream (RFC 1952), None for another kind of data."""
    with path.open("rb") as file:
        header, _, _ = file.read(HEADER_BYTES).partition(b"\n\n")
        if b"encoding: gzip" not in header or b"data file:" in header:
            return None
        file.seek(-8, os.SEEK_END)
        return _Checksum(zlib.crc32, int.from_bytes(file.read(4), "little"), b"endian: big" in header)


def _unreadable(path: Path, error: Exception) -> VolumeError:
    """Turn a reader's report into one sentence; ITK's own words stay as the cause, for ``--debug``."""
    if "allocate memory" in str(error):
        return VolumeError(f"{path}: the image does not fit into memory, or its header is damaged.")
    if "orthonormal" in str(error):
        return VolumeError(
            f"{path}: the axes in the header are not perpendicular unit vectors. Needed: a rectangular grid; "
            "export the image again, or resample it first if it is sheared."
        )
    kind = suffix_of(path)
    data_file = " (or the data file it names is missing)" if kind == ".mhd" else ""
    return VolumeError(
        f"{path}: damaged, truncated or not really a {kind} file{data_file}. "
        "Copy, download or export it again."
    )
