"""Which files to read and write for each volume, and what a former run left of them."""

import glob
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider2d.atomic_write import UNFINISHED_PREFIX
from spider2d.data.volume import volume_name
from spider2d.errors import VolumeError

_REPORT_KEYS = {"schema", "program", "input", "output"}
"""What tells a report of this program from other JSON files."""
_SAME_RUN_KEYS = ("checkpoint_sha256", "options")
"""What must be the same in a report for its results not to be made again."""


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


def plan_jobs(images: Sequence[Path], output: Path, mask_suffix: str, preview: bool) -> list[Job]:
    """Name the files of every volume.

    Args:
        images: Volume files and DICOM folders.
        output: Folder for all outputs.
        mask_suffix: ".mha" or ".nii.gz".
        preview: Whether pictures are wanted.

    Raises:
        VolumeError: Two images would write the same file, or an output would replace an image or a file that
            this program did not write, by its report.
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
        _check_replaceable(job)
    return jobs


def _check_replaceable(job: Job) -> None:
    if _unfinished_reports(job):
        return
    own = _former_files(job)
    present = next((path for path in job.outputs if path.exists() and path not in own), None)
    if present is not None:
        raise VolumeError(
            f"{present} would be replaced, but no report of this program in {job.report} says that it wrote "
            "it; give another --output folder, or delete the file"
        )


def _former_files(job: Job) -> list[Path]:
    """Return what a former run wrote, by its report: report, labels, picture; nothing without a report."""
    report = _read_report(job.report)
    if report is None:
        return []
    written = [report["output"], report.get("preview")]
    return [job.report, *(job.report.with_name(Path(file).name) for file in written if file)]


def _unfinished_reports(job: Job) -> list[Path]:
    """Return what a killed run left of the report of a job."""
    return list(job.report.parent.glob(f"{UNFINISHED_PREFIX}*-{glob.escape(job.report.name)}"))


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
    is_report = isinstance(content, dict) and content.keys() >= _REPORT_KEYS
    return content if is_report else None


def _job(image: Path, output: Path, mask_suffix: str, preview: bool) -> Job:
    name = volume_name(image)
    picture = output / f"{name}.png" if preview else None
    return Job(name, image, output / f"{name}{mask_suffix}", output / f"{name}.json", picture)


def is_done(job: Job, run: dict[str, Any]) -> bool:
    """Return whether all files of a job exist, made of its image with checkpoint and options of the run."""
    report = _read_report(job.report)
    if report is None or not all(path.exists() for path in job.outputs):
        return False
    is_same_image = Path(report["input"]).resolve() == job.image.resolve()
    return is_same_image and all(report.get(key) == run[key] for key in _SAME_RUN_KEYS)


def remove_former(job: Job) -> None:
    """Remove what a former run wrote and this one will not replace: labels in another format, a picture."""
    for unfinished in _unfinished_reports(job):
        unfinished.unlink()
    for path in _former_files(job):
        if path != job.mask:
            path.unlink(missing_ok=True)
