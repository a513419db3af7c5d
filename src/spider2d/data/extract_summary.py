"""What a slices folder says about its extraction: ``extraction.json`` and the manifest."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from spider2d import __version__
from spider2d.atomic_write import write_text
from spider2d.data import normalise
from spider2d.data.slices import (
    EXTRACTION_NAME,
    SCHEMA_VERSION,
    SeriesMeta,
    SeriesRecipe,
    manifest_row,
    open_series,
    write_manifest,
)
from spider2d.errors import DatasetError


def known_sources(output: Path, dataset_root: Path) -> dict[str, str]:
    """Return the folders of the data sets in a slices folder, by name, refusing another one of this name."""
    path = output / EXTRACTION_NAME
    sources = json.loads(path.read_text("utf-8")).get("datasets", {}) if path.is_file() else {}
    here = dataset_root.resolve()
    known = sources.get(here.name, str(here))
    if known != str(here) and Path(known).exists():
        raise DatasetError(
            f"{output} holds series of {known}, whose folder has the same name as {here}. Data sets are told "
            "apart by it: rename one of the folders, or extract into another folder."
        )
    return sources


def write_summary(
    output: Path,
    recipe: SeriesRecipe,
    sources: dict[str, str],
    names: Sequence[str],
    failed: dict[str, str],
) -> list[SeriesMeta]:
    """Write extraction.json and then manifest.csv, whose presence says that the folder is complete.

    The settings written are those of this run; series of other data sets carry their own.
    """
    rows, metas = [], []
    for name in names:  # one at a time: systems allow 256 or 1024 open files, a series has three
        series = open_series(output, name)
        rows.append(manifest_row(series))
        metas.append(series.meta)
    settings = {
        "schema_version": SCHEMA_VERSION,
        "datasets": sources,
        "pixel_size_mm": recipe.pixel_size_mm,
        "source_classes": recipe.labelled_classes,
        "normalisation": {
            "low_percentile": normalise.LOW_PERCENTILE,
            "high_percentile_of_foreground": normalise.HIGH_PERCENTILE,
            "range": [normalise.FLOOR, normalise.CEILING],
        },
        "n_series": len(names),
        "failed": failed,
        "versions": _versions(),
    }
    write_text(output / EXTRACTION_NAME, json.dumps(settings, indent=1) + "\n")
    write_manifest(output, rows)
    return metas


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "spider2d": __version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "SimpleITK": version("SimpleITK"),
    }
