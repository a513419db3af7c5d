"""The slices folder: its schema and how it is read. Training needs only this (and no SimpleITK).

    <slices>/manifest.csv       one row per series
    <slices>/extraction.json    settings and versions of the extraction
    <slices>/<series>/series.json, image.npy (float16 S, H, W), classes.npy, instances.npy (uint8 S, H, W)

S slices run L -> R, H rows S -> I, W columns A -> P. `spider2d.data.extract` writes the folder.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from spider2d.atomic_write import write_text
from spider2d.errors import DatasetError
from spider2d.labels import CLASS_NAMES

SCHEMA_VERSION = 2
MANIFEST_NAME, EXTRACTION_NAME, SERIES_NAME = "manifest.csv", "extraction.json", "series.json"
IMAGE_FILE, CLASSES_FILE, INSTANCES_FILE = "image.npy", "classes.npy", "instances.npy"
EXTRACT_COMMAND = "python preprocessing/extract_slices.py"

Subset = Literal["training", "validation"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFingerprint(_Record):
    """What tells whether a source file changed: path, size in bytes, and time of change in nanoseconds."""

    path: str
    size: int
    mtime_ns: int


class SeriesRecipe(_Record):
    """Everything the stored arrays of a series follow from; a series with the same recipe is not redone.

    Attributes:
        schema_version: Version of the layout and of the normalisation.
        source: Name of the data set the series belongs to.
        image: Fingerprint of the image file.
        mask: Fingerprint of the mask file; None for a series without one.
        pixel_size_mm: Wanted in-plane pixel size.
        labelled_classes: Names of the foreground classes this source labels; empty without a mask.
        patient: Patient of the series.
        sequence: "t1", "t2" or "t2_SPACE".
        subset: Which side of the split the patient is on.
    """

    schema_version: int
    source: str
    image: SourceFingerprint
    mask: SourceFingerprint | None
    pixel_size_mm: float
    labelled_classes: tuple[str, ...]
    patient: str
    sequence: str
    subset: Subset


class SeriesMeta(_Record):
    """What ``series.json`` holds.

    Attributes:
        name: Name of the series and of its folder.
        recipe: What the arrays follow from.
        spacing_sra_mm: Spacing of the stored grid (slice, row, column); rows and columns meet the wanted
            pixel size to within half a pixel over the whole slice.
        native_spacing_sra_mm: Spacing of the source grid.
        native_shape_sra: Shape of the source grid.
        window: The intensities of the source that became 0 and 1.
        centres: Vertebra label -> centroid (slice, row, column) of the whole vertebra, in voxels of the
            stored grid (0 = middle of the first voxel).
        slice_classes: Per slice, the names of the classes it shows.
        unknown_labels: Label values of the mask that SPIDER does not define; such pixels are ignored.
        directions_stated: Whether the image's file says how its axes lie in the patient.
    """

    name: str
    recipe: SeriesRecipe
    spacing_sra_mm: tuple[float, float, float]
    native_spacing_sra_mm: tuple[float, float, float]
    native_shape_sra: tuple[int, int, int]
    window: tuple[float, float]
    centres: dict[int, tuple[float, float, float]]
    slice_classes: tuple[tuple[str, ...], ...]
    unknown_labels: tuple[int, ...]
    directions_stated: bool = True

    @property
    def labelled(self) -> tuple[bool, bool, bool, bool]:
        """Whether each class is labelled; background counts as labelled where there is a mask at all."""
        names = ("background", *self.recipe.labelled_classes) if self.recipe.mask else ()
        return tuple(name in names for name in CLASS_NAMES)

    @property
    def foreground_slices(self) -> list[int]:
        """Indices of the slices that show a labelled structure."""
        return [index for index, names in enumerate(self.slice_classes) if names]


@dataclass(frozen=True)
class SliceSeries:
    """One extracted series; arrays (S, H, W) are memory-mapped and read-only."""

    meta: SeriesMeta
    image: np.ndarray
    classes: np.ndarray
    instances: np.ndarray


@dataclass(frozen=True)
class ManifestRow:
    """One row of ``manifest.csv``."""

    name: str
    patient: str
    sequence: str
    subset: str
    labelled_classes: tuple[str, ...]
    n_slices: int
    height: int
    width: int
    slice_spacing_mm: float
    n_vertebrae: int


_COLUMNS = tuple(column.name for column in fields(ManifestRow))


def open_series(slices_dir: Path | str, name: str) -> SliceSeries:
    """Open one series without reading its voxels.

    Args:
        slices_dir: Folder that the extraction wrote.
        name: Name of the series.

    Raises:
        DatasetError: The series is missing, damaged, or was written by another version.
    """
    meta, arrays = read_meta(slices_dir, name), open_arrays(slices_dir, name)
    if len({array.shape for array in arrays}) != 1 or len(arrays[0]) != len(meta.slice_classes):
        raise _incomplete(Path(slices_dir) / name)
    return SliceSeries(meta, *arrays)


def read_meta(slices_dir: Path | str, name: str) -> SeriesMeta:
    """Read what is known of a series beside its arrays; errors as ``open_series``."""
    folder = Path(slices_dir) / name
    try:
        meta = SeriesMeta.model_validate_json((folder / SERIES_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise _incomplete(folder) from error
    if meta.recipe.schema_version != SCHEMA_VERSION:
        raise _incomplete(folder)
    return meta


def open_arrays(slices_dir: Path | str, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Memory-map image, classes and instances (S, H, W) of a series; errors as ``open_series``."""
    folder = Path(slices_dir) / name
    try:
        image, classes, instances = (
            np.load(folder / file, mmap_mode="r") for file in (IMAGE_FILE, CLASSES_FILE, INSTANCES_FILE)
        )
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise DatasetError(f"{folder}: cannot be read ({error.strerror or error})") from error
        raise _incomplete(folder) from error
    return image, classes, instances


def _incomplete(folder: Path) -> DatasetError:
    return DatasetError(f"{folder}: no complete series of this version. Run {EXTRACT_COMMAND} again.")


def read_manifest(slices_dir: Path | str) -> list[ManifestRow]:
    """Read the list of extracted series, in the order of their names.

    Raises:
        DatasetError: There is no finished extraction in the folder.
    """
    path = Path(slices_dir) / MANIFEST_NAME
    if not path.is_file():
        raise DatasetError(
            f"{path}: no finished extraction here. Run {EXTRACT_COMMAND} --dataset FOLDER_OF_THE_DATA "
            f"--output {slices_dir} (the head of the configuration says with which --pixel-size-mm)"
        )
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [_row_of_text(row) for row in csv.DictReader(file)]
        except (KeyError, ValueError, TypeError) as error:
            raise DatasetError(
                f"{path}: not a manifest of this version. Run {EXTRACT_COMMAND} again."
            ) from error


def manifest_row(series: SliceSeries) -> ManifestRow:
    """Return the manifest's row about a series."""
    meta, (n_slices, height, width) = series.meta, series.image.shape
    recipe = meta.recipe
    return ManifestRow(
        name=meta.name,
        patient=recipe.patient,
        sequence=recipe.sequence,
        subset=recipe.subset,
        labelled_classes=recipe.labelled_classes,
        n_slices=n_slices,
        height=height,
        width=width,
        slice_spacing_mm=meta.spacing_sra_mm[0],
        n_vertebrae=len(meta.centres),
    )


def write_manifest(slices_dir: Path, rows: Sequence[ManifestRow]) -> None:
    """Write the list of extracted series; its presence says that the folder is complete."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in rows:
        table.writerow([" ".join(v) if isinstance(v, tuple) else v for v in astuple(row)])
    write_text(slices_dir / MANIFEST_NAME, text.getvalue())


def _row_of_text(row: dict[str, str]) -> ManifestRow:
    return ManifestRow(
        **{name: row[name] for name in ("name", "patient", "sequence", "subset")},
        labelled_classes=tuple(row["labelled_classes"].split()),
        **{name: int(row[name]) for name in ("n_slices", "height", "width", "n_vertebrae")},
        slice_spacing_mm=float(row["slice_spacing_mm"]),
    )
