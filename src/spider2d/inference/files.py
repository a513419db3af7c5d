"""Many volumes: segmented and written one after the other, bad ones skipped and reported.

A file appears under its name only when it is whole. The report comes last: where it lies, all the others do.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from spider2d import __version__
from spider2d.atomic_write import replacing, write_bytes
from spider2d.cli import describe
from spider2d.data.volume import Volume, read_volume, to_canonical, write_volume
from spider2d.errors import Spider2dError, VolumeError
from spider2d.inference.jobs import Job, is_done, remove_former
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
class Outcome:
    """What became of a job: its report, or the message of its error, or neither when it was done already."""

    job: Job
    report: dict[str, Any] | None = None
    error: str | None = None


def describe_run(
    checkpoint: Path, spec: NetworkSpec, options: SegmentOptions, rows_2d: str | None
) -> dict[str, Any]:
    """Return what every report of a run says about the program, the network and how it is run."""
    return {
        "program": f"spider2d {__version__}",
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "network": {
            "title": spec.title,
            "dimension": spec.dimension,
            **spec.model_dump(mode="json", include=_REPORTED_SETTINGS),
        },
        "device": options.device,
        "precision": options.precision,
        "options": {
            "trust_pixel_size": options.trust_pixel_size,
            "rows_2d": rows_2d,
            "tta": options.test_time_augmentation,
        },
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
        skip_existing: Leave out jobs whose files all exist and are of the same image, checkpoint and options;
            otherwise they are replaced.

    Returns:
        One outcome per job, in order.
    """
    outcomes = []
    for job in tqdm(list(jobs), desc="segmenting", unit="volume"):
        if skip_existing and is_done(job, run):
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

    After an error or Ctrl-C none of them is there; a kill leaves the unfinished report.

    Args:
        job: Which files.
        image: The image, for the preview.
        segmentation: Labels and report.
        run: What every report of the run says about program and network.
        read_seconds: What reading took.
    """
    picture = None if job.preview is None else _preview(job.name, image, segmentation)
    remove_former(job)
    try:
        with replacing(job.report) as unfinished_report:
            unfinished_report.touch()  # until the report is there, it tells whose the others are
            start = time.perf_counter()
            write_volume(job.mask, segmentation.labels)
            seconds = {
                "read": read_seconds,
                **segmentation.report["seconds"],
                "write": time.perf_counter() - start,
            }
            if picture is not None:
                write_bytes(job.preview, picture)
            report = {
                "schema": REPORT_SCHEMA,
                "input": str(job.image.absolute()),
                "output": str(job.mask),
                "preview": None if job.preview is None else str(job.preview),
                **run,
                **segmentation.report,
                "seconds": {stage: round(duration, 4) for stage, duration in seconds.items()},
            }
            unfinished_report.write_bytes(json.dumps(report, indent=1, allow_nan=False).encode())
    except BaseException:
        for path in job.outputs:
            path.unlink(missing_ok=True)
        raise
    return report


def _preview(name: str, image: Volume, segmentation: Segmentation) -> bytes:
    array_sra, spacing_sra_mm = to_canonical(image)
    remarks = [warning["message"] for warning in segmentation.report["warnings"]]
    return draw_preview(array_sra, to_canonical(segmentation.labels).array_sra, spacing_sra_mm, name, remarks)
