"""Many volumes: which files to read and write, one after the other, bad ones skipped and reported.

A file appears under its name only when it is whole. The report comes last: where it lies, all the others do.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from spider2d import __version__
from spider2d.atomic_write import write_bytes, write_text
from spider2d.cli import describe
from spider2d.data.volume import Volume, read_volume, to_canonical, volume_name, write_volume
from spider2d.errors import Spider2dError, VolumeError
from spider2d.inference.preview import draw_preview
from spider2d.inference.segment import Segmentation, SegmentOptions, segment_volume
from spider2d.models.spec import NetworkSpec

REPORT_SCHEMA = 1
_REPORTED_SETTINGS = {
    "architecture",
    "encoder",
    "pixel_size_mm",
    "channel_offsets_mm",
    "slice_spacing_mm",
    "patch_shw",
}


@dataclass(frozen=True)
class Job:
    """One volume to segment: the image, and the files to write (preview: None for no picture)."""

    name: str
    image: Path
    mask: Path
    report: Path
    preview: Path | None

    @property
    def outputs(self) -> list[Path]:
        """The files the job writes."""
        return [path for path in (self.report, self.preview, self.mask) if path is not None]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its report, or the message of its error, or neither when it was done already."""

    job: Job
    report: dict[str, Any] | None = None
    error: str | None = None


def plan_jobs(images: Sequence[Path], output: Path, mask_suffix: str, preview: bool) -> list[Job]:
    """Name the files of every volume.

    Args:
        images: Volume files and DICOM folders.
        output: Folder for all outputs.
        mask_suffix: ".mha" or ".nii.gz".
        preview: Whether pictures are wanted.

    Raises:
        VolumeError: Two images would write the same file, or an output would replace an image or a JSON file
            that is no report of this program.
    """
    jobs = [_job(image, output, mask_suffix, preview) for image in images]
    first: dict[str, Job] = {}
    for job in jobs:
        # Some file systems do not tell A from a.
        other = first.setdefault(job.name.casefold(), job)
        if other is not job:
            raise VolumeError(
                f"{other.image} and {job.image} would both be written to {job.mask}. Give them in two runs "
                "with different --output folders."
            )
    sources = {image.resolve() for image in images}
    for job in jobs:
        if job.mask.resolve() in sources:
            raise VolumeError(f"{job.mask} would replace an input image; give another --output folder")
        if job.report.exists() and _read_report(job.report) is None:
            raise VolumeError(
                f"{job.report} would be replaced, and is no report of this program; give another --output "
                "folder"
            )
    return jobs


def is_own_label_map(path: Path) -> bool:
    """Return whether a file is what this program wrote for another image: its report lies beside it."""
    report = _read_report(path.with_name(f"{volume_name(path)}.json"))
    return report is not None and Path(report["output"]).name == path.name


def _read_report(path: Path) -> dict[str, Any] | None:
    """Return a report of this program, None for any other file and where there is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    is_report = isinstance(content, dict) and {"schema", "program", "output"} <= content.keys()
    return content if is_report else None


def _job(image: Path, output: Path, mask_suffix: str, preview: bool) -> Job:
    name = volume_name(image)
    picture = output / f"{name}.png" if preview else None
    return Job(name, image, output / f"{name}{mask_suffix}", output / f"{name}.json", picture)


def describe_run(checkpoint: Path, spec: NetworkSpec, options: SegmentOptions) -> dict[str, Any]:
    """Return what every report of a run says about the program, the network and how it is run."""
    return {
        "program": f"spider2d {__version__}",
        "checkpoint": str(checkpoint),
        "network": {
            "title": spec.title,
            "dimension": spec.dimension,
            **spec.model_dump(mode="json", include=_REPORTED_SETTINGS),
        },
        "device": options.device,
        "precision": options.precision,
        "trust_pixel_size": options.trust_pixel_size,
    }


def run_jobs(
    jobs: Iterable[Job],
    network: torch.nn.Module,
    spec: NetworkSpec,
    options: SegmentOptions,
    run: dict[str, Any],
    rows_2d: str | None = None,
    skip_existing: bool = False,
) -> list[Outcome]:
    """Segment volumes one after the other, with a progress bar; a bad one does not stop the others.

    Args:
        jobs: What to do.
        network: Network in evaluation mode on ``options.device``.
        spec: What the network expects.
        options: How to run it.
        run: What ``describe_run`` returned.
        rows_2d: Which end of the patient row 0 of 2D images shows; None refuses 2D images.
        skip_existing: Leave out jobs whose files all exist; otherwise they are replaced.

    Returns:
        One outcome per job, in order.
    """
    outcomes = []
    for job in tqdm(list(jobs), desc="segmenting", unit="volume"):
        if skip_existing and all(path.exists() for path in job.outputs):
            outcomes.append(Outcome(job))
            continue
        try:
            outcomes.append(Outcome(job, report=_run_job(job, network, spec, options, run, rows_2d)))
        except (Spider2dError, OSError) as error:
            outcomes.append(Outcome(job, error=describe(error)))
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            less = "a smaller --batch-pixels" + ("" if options.device == "cpu" else ", or --device cpu,")
            outcomes.append(Outcome(job, error=f"{job.image}: out of memory; {less} needs less"))
    return outcomes


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; torch has an error of its own for GPUs, but not for the CPU."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "DefaultCPUAllocator" in str(error)


def _run_job(
    job: Job,
    network: torch.nn.Module,
    spec: NetworkSpec,
    options: SegmentOptions,
    run: dict[str, Any],
    rows_2d: str | None,
) -> dict[str, Any]:
    """Read, segment and write one volume; return its report."""
    start = time.perf_counter()
    image = read_volume(job.image, rows_2d=rows_2d)
    read_seconds = time.perf_counter() - start
    try:
        segmentation = segment_volume(image, network, spec, options)
    except VolumeError as error:
        raise VolumeError(f"{job.image}: {error}") from error
    return write_outputs(job, image, segmentation, run, read_seconds)


def write_outputs(
    job: Job, image: Volume, segmentation: Segmentation, run: dict[str, Any], read_seconds: float
) -> dict[str, Any]:
    """Write the files of a segmented volume, the report last; return the report.

    Args:
        job: Which files.
        image: The image, for the preview.
        segmentation: Labels and report.
        run: What every report of the run says about program and network.
        read_seconds: What reading took.
    """
    _remove_former(job)
    start = time.perf_counter()
    write_volume(job.mask, segmentation.labels)
    write_seconds = time.perf_counter() - start
    if job.preview is not None:
        write_bytes(job.preview, _preview(job.name, image, segmentation))
    seconds = {"read": read_seconds, **segmentation.report["seconds"], "write": write_seconds}
    report = {
        "schema": REPORT_SCHEMA,
        "input": str(job.image),
        "output": str(job.mask),
        **run,
        **segmentation.report,
        "seconds": {stage: round(duration, 4) for stage, duration in seconds.items()},
    }
    write_text(job.report, json.dumps(report, indent=1))
    return report


def _remove_former(job: Job) -> None:
    """Remove what a former run wrote and this one will not replace: labels in another format, a picture."""
    report = _read_report(job.report)
    if report is None:
        return
    job.report.unlink()
    job.report.with_suffix(".png").unlink(missing_ok=True)
    labels = job.report.with_name(Path(report["output"]).name)
    if labels != job.mask:
        labels.unlink(missing_ok=True)


def _preview(name: str, image: Volume, segmentation: Segmentation) -> bytes:
    array_sra, spacing_sra_mm = to_canonical(image)
    remarks = [warning["message"] for warning in segmentation.report["warnings"]]
    return draw_preview(array_sra, to_canonical(segmentation.labels).array_sra, spacing_sra_mm, name, remarks)
