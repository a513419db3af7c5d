"""From volume files to the slices folder: in parallel, resumable, and only what changed.

A run may be killed at any time: series appear complete or not at all, and the manifest is written last. What
a series was made from (its recipe) is stored with it, and the next run compares.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spider2d.atomic_write import UNFINISHED_PREFIX
from spider2d.cli import describe
from spider2d.data.extract_series import PARTIAL_PREFIX, SeriesJob, extract_series
from spider2d.data.extract_summary import known_sources, write_summary
from spider2d.data.parallel import run_parallel
from spider2d.data.slices import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    SERIES_NAME,
    SeriesMeta,
    SeriesRecipe,
    SourceFingerprint,
    open_series,
)
from spider2d.data.spider_files import SpiderDataset, read_dataset
from spider2d.data.splits import VALIDATION, names_subsets, split_series
from spider2d.errors import DatasetError, Spider2dError
from spider2d.labels import STRUCTURES

DEFAULT_PIXEL_SIZE_MM, REAL_PIXEL_SIZE_MM = 1.0, 0.6
"""What the phantom's default configuration is made for, and what is right for training on real data."""


@dataclass(frozen=True)
class ExtractionReport:
    """What an extraction did.

    Attributes:
        written: Names of the series made in this run.
        unchanged: Names of the series that were there already.
        failed: Series name -> what is wrong with it and what to do.
        remarks: Series name -> remark, about series that were extracted all the same.
        leftover: Folders of series that the data set does not hold (any more); not in the manifest.
        split: How many series are for training and for validation, and who says so.
    """

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    leftover: list[str] = field(default_factory=list)
    split: str = ""


def extract_dataset(
    dataset_root: Path,
    output: Path,
    pixel_size_mm: float = DEFAULT_PIXEL_SIZE_MM,
    source_classes: Sequence[str] = STRUCTURES,
    workers: int = 1,
    keep_others: bool = False,
) -> ExtractionReport:
    """Extract every series of a data set in SPIDER's form into a slices folder.

    Args:
        dataset_root: Folder with ``images/`` and, where there are references, ``masks/`` and the tables.
        output: Slices folder; made if missing. Series that are there and unchanged are kept.
        pixel_size_mm: In-plane pixel size of the stored slices.
        source_classes: Foreground classes this data set labels; the others count as unlabelled.
        workers: Processes; 1 works in this one.
        keep_others: Keep the series of other data sets in the manifest, so that one folder can hold sources
            that label different classes. Data sets are told apart by the names of their folders: two of the
            same name are refused.

    Returns:
        What was done. ``manifest.csv`` lists the written and the unchanged series.

    Raises:
        DatasetError: No data set there, an unknown class name, a series name or a folder's name that another
            data set has, or not one series could be extracted.
    """
    dataset = read_dataset(dataset_root)
    jobs = _plan(dataset, output, pixel_size_mm, source_classes)
    sources = known_sources(output, dataset_root) if keep_others else {}
    sources[jobs[0].recipe.source] = str(dataset_root.resolve())
    output.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(output)
    others = _series_of_others(output, jobs) if keep_others else []
    pending = [job for job in jobs if not _is_current(job)]
    if pending:  # until the end the folder is unfinished, and must not look otherwise
        (output / MANIFEST_NAME).unlink(missing_ok=True)
    failed = {
        job.name: message
        for job, message in run_parallel(_extract_or_explain, pending, workers, description="extracting")
        if message is not None
    }
    done = sorted(job.name for job in jobs if job.name not in failed)
    if not done:
        raise DatasetError(
            f"{dataset_root}: not one series could be extracted. {next(iter(failed.values()))}"
        )
    metas = write_summary(output, jobs[0].recipe, sources, sorted(done + others), failed)
    redone = {job.name for job in pending}
    return ExtractionReport(
        written=[name for name in done if name in redone],
        unchanged=[name for name in done if name not in redone],
        failed=failed,
        remarks={meta.name: remark for meta in metas if (remark := _remark(meta))},
        leftover=_leftover(output, {job.name for job in jobs} | set(others)),
        split=_describe_split(jobs, names_subsets(dataset)),
    )


def _remove_unfinished(output: Path) -> None:
    """Remove what a killed run left."""
    for partial in output.glob(f"{PARTIAL_PREFIX}*"):
        shutil.rmtree(partial)
    for unfinished in output.glob(f"{UNFINISHED_PREFIX}*"):
        unfinished.unlink()


def _leftover(output: Path, names: set[str]) -> list[str]:
    """Return the series in a slices folder that are none of ``names``."""
    present = {path.parent.name for path in output.glob(f"*/{SERIES_NAME}")}
    return sorted(present - names)


def _describe_split(jobs: Sequence[SeriesJob], by_overview: bool) -> str:
    n_validation = sum(job.recipe.subset == VALIDATION for job in jobs)
    source = "overview.csv" if by_overview else "chance by patient, as no overview.csv names the subsets"
    return f"{len(jobs) - n_validation} series for training, {n_validation} for validation, by {source}"


def _plan(
    dataset: SpiderDataset, output: Path, pixel_size_mm: float, source_classes: Sequence[str]
) -> list[SeriesJob]:
    """Return one job per series of the data set."""
    unknown = [name for name in source_classes if name not in STRUCTURES]
    if unknown:
        raise DatasetError(f"unknown class {unknown[0]!r}; the classes are {', '.join(STRUCTURES)}")
    subset_of = split_series(dataset)
    jobs = []
    for series in dataset.series:
        recipe = SeriesRecipe(
            schema_version=SCHEMA_VERSION,
            source=dataset.root.resolve().name,
            image=_fingerprint(series.image_path, dataset.root),
            mask=_fingerprint(series.mask_path, dataset.root) if series.mask_path else None,
            pixel_size_mm=pixel_size_mm,
            labelled_classes=tuple(n for n in STRUCTURES if series.mask_path and n in source_classes),
            patient=series.patient,
            sequence=series.sequence,
            subset=subset_of[series.name],
        )
        jobs.append(SeriesJob(series.name, series.image_path, series.mask_path, recipe, output))
    return jobs


def _series_of_others(output: Path, jobs: Sequence[SeriesJob]) -> list[str]:
    """Return the names of the whole series that belong to other data sets."""
    jobs_by_name = {job.name: job for job in jobs}
    names = []
    for path in sorted(output.glob(f"*/{SERIES_NAME}")):
        name = path.parent.name
        try:
            source = open_series(output, name).meta.recipe.source
        except DatasetError:
            continue  # damaged or of another version: reported as left over, or made again
        job = jobs_by_name.get(name)
        if job and source != job.recipe.source:
            raise DatasetError(
                f"{path.parent}: the data set {source} has a series of this name. Rename the files of "
                f"{name} (another patient number), or extract into another folder."
            )
        if source != jobs[0].recipe.source:
            names.append(name)
    return names


def _fingerprint(path: Path, dataset_root: Path) -> SourceFingerprint:
    status = path.stat()
    relative = path.relative_to(dataset_root).as_posix()
    return SourceFingerprint(path=relative, size=status.st_size, mtime_ns=status.st_mtime_ns)


def _is_current(job: SeriesJob) -> bool:
    """Return whether the series is there, whole, and made from the same recipe."""
    try:
        return open_series(job.output, job.name).meta.recipe == job.recipe
    except DatasetError:
        return False


def _extract_or_explain(job: SeriesJob) -> str | None:
    """Extract one series; return None, or the message for the user when the series is bad."""
    try:
        extract_series(job)
    except (Spider2dError, OSError) as error:
        return describe(error)
    except MemoryError:
        return f"{job.image_path}: out of memory. Run again with fewer --workers."
    return None


def _remark(meta: SeriesMeta) -> str | None:
    if meta.unknown_labels:
        return f"the mask holds label values SPIDER does not define: {list(meta.unknown_labels)}; ignored"
    if meta.recipe.mask and not meta.foreground_slices:
        return "the mask shows none of the labelled structures: training and validation leave the series out"
    if not meta.directions_stated:
        return (
            "the file does not say how its axes lie in the patient: look at the contact sheet, and export it "
            "again with its directions where it lies wrongly"
        )
    return None
