"""Names of files as SimpleITK takes them, and their endings."""

from pathlib import Path

from spider2d import cli
from spider2d.errors import VolumeError

READABLE_SUFFIXES = (".mha", ".mhd", ".nii.gz", ".nii", ".nrrd")


def itk_name(path: Path) -> str:
    """Return a path as text that ITK takes; any other would end the program.

    Raises:
        VolumeError: The path is no UTF-8: named by an old system, or read in a locale without UTF-8.
    """
    if not cli.is_utf8(path):
        raise VolumeError(f"{str(path)!r}: {cli.NOT_UTF8}")
    return str(path)


def suffix_of(path: Path) -> str:
    """Return which of ``READABLE_SUFFIXES`` a file name ends in, or "" for none of them."""
    return next((suffix for suffix in READABLE_SUFFIXES if path.name.lower().endswith(suffix)), "")
