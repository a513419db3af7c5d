"""Mid-sagittal pictures of real series: 8-bit PNG files <patient>_<sequence>.png, lowest row first."""

import re
from collections.abc import Mapping
from pathlib import Path

import cv2

from spider2d.data.geometry import Grid2d, promote_2d
from spider2d.data.spider_tables import OverviewRow
from spider2d.data.volume import Volume
from spider2d.errors import DatasetError

HALVES = ("development", "report", "all")
"""Development: patients of even number, which may be looked at while the model is made."""
DEVELOPMENT_SLICE_PATIENTS = "106", "109"
"""The same of single slices with a reference, of which there are few patients."""


def choose_pictures(folder: Path, half: str) -> list[Path]:
    """Return the PNG files of a half of the patients: development takes the even numbers, report the odd."""
    paths = [path for path in sorted(folder.glob("*.png")) if re.fullmatch(r"[0-9]+_.+", path.stem)]
    even = {path: int(path.stem.split("_")[0]) % 2 == 0 for path in paths}
    chosen = [path for path in paths if half == "all" or even[path] == (half == "development")]
    if not chosen:
        raise DatasetError(
            f"{folder}: no PNG files named PATIENT_SEQUENCE.png, such as 12_t2.png, of the half '{half}'; "
            "name the folder of mid-sagittal pictures"
        )
    return chosen


def row_of(path: Path, table: Mapping[str, OverviewRow]) -> OverviewRow:
    """Return the table row of a picture, which must hold the pixel size and the number of vertebrae."""
    row = table.get(path.stem)
    if row is None or row.pixel_spacing_mm is None or row.n_vertebrae is None:
        raise DatasetError(
            f"{path}: the table has no row with PixelSpacing and num_vertebrae for it; add them, or take the "
            "picture out of the folder"
        )
    return row


def read_picture(path: Path, row: OverviewRow) -> Volume:
    """Return a picture as a volume of one sagittal slice, with the pixel size of its table row."""
    image_rc = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image_rc is None:
        raise DatasetError(f"{path}: not a readable picture; copy it again")
    if image_rc.min() == image_rc.max():
        raise DatasetError(f"{path}: the picture holds one value only; take it out of the folder")
    row_mm, column_mm = row.pixel_spacing_mm
    plane = Grid2d((0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    geometry = promote_2d(image_rc.shape[::-1], (column_mm, row_mm), plane, "inferior-first")
    return Volume(image_rc.reshape(geometry.size_xyz[::-1]), geometry)
