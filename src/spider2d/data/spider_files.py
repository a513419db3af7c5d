"""A data set folder in SPIDER's form: ``images/``, ``masks/`` and the two tables.

``images/<patient>_<sequence>.mha`` and the mask of the same name are one series. Only ``images`` is required.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spider2d.data.spider_tables import SEQUENCES, OverviewRow, read_overview
from spider2d.data.volume import volumes_by_name
from spider2d.errors import DatasetError

_SERIES_NAME = re.compile(rf"(?P<patient>.+?)_(?P<sequence>{'|'.join(SEQUENCES)})")


@dataclass(frozen=True)
class Series:
    """One image series of one patient.

    Attributes:
        name: File name without its ending, ``<patient>_<sequence>``.
        patient: Patient number as text.
        sequence: One of ``SEQUENCES``.
        image_path: The image file.
        mask_path: The mask file, or None where there is none.
        subset: "training" or "validation" as in the overview; None without a table or an entry.
    """

    name: str
    patient: str
    sequence: str
    image_path: Path
    mask_path: Path | None
    subset: str | None


@dataclass(frozen=True)
class SpiderDataset:
    """What a data set folder holds; nothing of the images is read yet.

    Attributes:
        root: The folder.
        series: All images, sorted by patient and sequence.
        overview: Rows of ``overview.csv`` by series name; empty without the table.
        masks_without_image: Mask files that belong to no image.
    """

    root: Path
    series: tuple[Series, ...]
    overview: dict[str, OverviewRow]
    masks_without_image: tuple[Path, ...]


def read_dataset(root: Path | str) -> SpiderDataset:
    """List the series of a data set folder and read its overview.

    Raises:
        DatasetError: No such folder, no ``images`` in it, a file name that does not give patient and
            sequence, two files of one name, or an overview that cannot be read.
    """
    root = Path(root)
    images = volumes_by_name(root / "images") if (root / "images").is_dir() else {}
    if not images:
        raise DatasetError(
            f"{root}: no images in this folder. Needed: files "
            f"{root / 'images' / '<patient>_<sequence>.mha'}. "
            f"Make a phantom with `python preprocessing/make_phantom.py --output {root}` or get SPIDER with "
            f"`python preprocessing/download_spider.py --output {root}`."
        )
    masks = volumes_by_name(root / "masks") if (root / "masks").is_dir() else {}
    overview_path = root / "overview.csv"
    overview = read_overview(overview_path) if overview_path.is_file() else {}
    series = [_series(name, path, masks.get(name), overview.get(name)) for name, path in images.items()]
    return SpiderDataset(
        root=root,
        series=tuple(sorted(series, key=_by_patient_number)),
        overview=overview,
        masks_without_image=tuple(path for name, path in masks.items() if name not in images),
    )


def parse_series_name(name: str) -> tuple[str, str]:
    """Return patient and sequence of a series name such as ``12_t2_SPACE``.

    Raises:
        DatasetError: The name has another form.
    """
    match = _SERIES_NAME.fullmatch(name)
    if match is None:
        raise DatasetError(
            f"{name}: not a series name. Needed: <patient>_<sequence> with sequence {', '.join(SEQUENCES)}, "
            "for example 12_t2; rename the file or move it out of the folder."
        )
    return match["patient"], match["sequence"]


def _series(name: str, image: Path, mask: Path | None, row: OverviewRow | None) -> Series:
    patient, sequence = parse_series_name(name)
    return Series(name, patient, sequence, image, mask, subset=row.subset if row else None)


def _by_patient_number(series: Series) -> tuple[int, str, str]:
    """Sort 2 before 10; names that are not numbers come after, in alphabetical order."""
    number = int(series.patient) if series.patient.isdecimal() else 2**31
    return number, series.patient, series.sequence
