"""What a file's header states itself; where it leaves out spacing or directions, ITK puts its own."""

import gzip
import math
import re
import struct
from pathlib import Path

import SimpleITK as sitk

from spider2d.data.itk_name import suffix_of
from spider2d.errors import VolumeError

HEADER_BYTES = 65536
"""A text header is looked for in so many bytes."""
_NIFTI_SUFFIXES = (".nii", ".nii.gz")
_NIFTI_HEADER_BYTES = 540
_NIFTI_PIXDIM = {348: (80, "f"), 540: (112, "d")}
"""Where the spacing of the first axis stands in NIfTI-1 and -2, by the size of the header, and its type."""
_META_SPACING = rb"^(ElementSpacing|ElementSize) *="
_META_DIRECTIONS = rb"^(TransformMatrix|Orientation|Rotation) *="
_NRRD_SPACING = rb"(?i)^(space directions:|spacings:(?!.*nan))"
_NRRD_DIRECTIONS = rb"^space directions:"
_NRRD_PATIENT_SPACE = (
    rb"(?i)^space: *(ras|las|lps|(right-anterior|left-anterior|left-posterior)-superior)\s*$"
)
"""The spaces whose axes are those of the patient and that ITK knows; it takes any other for the last."""

_EXPORT_AGAIN = "Export the image again with its true voxel spacing."


def check_spacing_stated(path: Path, n_axes: int) -> None:
    """Refuse a file without spacing, for which ITK puts 1 mm.

    Raises:
        VolumeError: The header states no spacing, or (NIfTI) one that is no positive number.
    """
    if suffix_of(path) in _NIFTI_SUFFIXES:
        _check_nifti_spacing(path, n_axes)
    elif not _text_header_has(path, _NRRD_SPACING if suffix_of(path) == ".nrrd" else _META_SPACING):
        raise VolumeError(f"{path}: its header states no spacing. {_EXPORT_AGAIN}")


def _check_nifti_spacing(path: Path, n_axes: int) -> None:
    with (gzip.open if suffix_of(path) == ".nii.gz" else open)(path, "rb") as file:
        header = file.read(_NIFTI_HEADER_BYTES)
    for size, (place, number) in _NIFTI_PIXDIM.items():
        for byte_order in "<>":
            if header[:4] == struct.pack(f"{byte_order}i", size):
                pixdim = struct.unpack_from(f"{byte_order}{min(n_axes, 3)}{number}", header, place)
                if not all(0 < abs(spacing_mm) < math.inf for spacing_mm in pixdim):
                    raise VolumeError(
                        f"{path}: spacing {pixdim} mm. Needed: positive numbers. {_EXPORT_AGAIN}"
                    )


def states_directions(header: sitk.ImageFileReader) -> bool:
    """Return whether a header that was read says how the axes lie in the patient.

    Where it does not, ITK takes the axes for left, posterior and superior. In NIfTI both codes are then 0
    (``NIFTI_XFORM_UNKNOWN``); in the text headers of the other kinds a field is missing, or in NRRD the space
    is none of a patient.
    """
    path = Path(header.GetFileName())
    if suffix_of(path) in _NIFTI_SUFFIXES:
        return any(int(header.GetMetaData(code)) for code in ("qform_code", "sform_code"))
    if suffix_of(path) == ".nrrd":
        return _text_header_has(path, _NRRD_DIRECTIONS) and _text_header_has(path, _NRRD_PATIENT_SPACE)
    return _text_header_has(path, _META_DIRECTIONS)


def _text_header_has(path: Path, pattern: bytes) -> bool:
    with path.open("rb") as file:
        return re.search(pattern, file.read(HEADER_BYTES), re.MULTILINE) is not None
