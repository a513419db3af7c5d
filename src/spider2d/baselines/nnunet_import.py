"""nnU-Net's class maps back to SPIDER labels on the original grids, with the reports of `infer_volume.py`."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from spider2d import __version__
from spider2d.atomic_write import make_writable_folder
from spider2d.baselines.nnunet_export import IGNORE_LABEL, canonical_geometry
from spider2d.baselines.nnunet_folder import FILE_SUFFIX, WorkFolder
from spider2d.data.splits import VALIDATION
from spider2d.data.volume import Volume, grid_differences, read_mask, read_volume
from spider2d.errors import DatasetError, VolumeError
from spider2d.inference.files import write_outputs
from spider2d.inference.jobs import Job
from spider2d.inference.restack import ClassVolume
from spider2d.inference.segment import label_classes


def import_predictions(folder: WorkFolder, configuration: str, preview: bool = False) -> list[dict[str, Any]]:
    """Make labels and reports of all class maps of a configuration.

    Args:
        folder: Work folder with the predictions of the configuration.
        configuration: "2d" or "3d_fullres".
        preview: Whether pictures are wanted too.

    Returns:
        The reports, in the order of the series.

    Raises:
        DatasetError: The configuration was not predicted, or a class map is missing.
        VolumeError: A class map does not lie on the exported grid, or a file cannot be read.
    """
    class_maps, output = folder.of(configuration) / "class_maps", folder.of(configuration) / "predictions"
    prediction = folder.read_prediction_cost(configuration)
    make_writable_folder(output)
    training = folder.read_json(f"{configuration}/training.json", f"train --configuration {configuration}")
    run = describe_run(training, prediction)
    series = [one for one in folder.read_export() if one.subset == VALIDATION]
    reports = []
    for one in tqdm(series, desc="importing", unit="volume"):
        job = _job(one.name, Path(one.image), output, preview)
        class_map = class_maps / f"{one.name}{FILE_SUFFIX}"
        if not class_map.is_file():
            command = folder.command(f"predict --configuration {configuration}")
            raise DatasetError(f"{class_map}: not there. Run again: {command}")
        reports.append(import_one(job, class_map, run, prediction["seconds_per_volume"]))
    return reports


def import_one(job: Job, class_map: Path, run: dict[str, Any], network_seconds: float) -> dict[str, Any]:
    """Write labels and report of one volume; return the report.

    Args:
        job: Image and files to write.
        class_map: nnU-Net's prediction on the exported grid.
        run: What every report of the run says.
        network_seconds: What nnU-Net took, as stage "network" of the report.
    """
    start = time.perf_counter()
    image = read_volume(job.image)
    classes_sra = read_class_map(class_map, image)
    read_seconds = time.perf_counter() - start
    segmentation = label_classes(image, ClassVolume(classes_sra, None, None))
    segmentation.report["seconds"] |= {"network": network_seconds}
    return write_outputs(job, image, segmentation, run, read_seconds)


def read_class_map(path: Path, image: Volume) -> np.ndarray:
    """Read a class map that nnU-Net predicted for an image; uint8 (S, R, A).

    Raises:
        VolumeError: It does not lie on the grid on which the image was exported, or holds other values.
    """
    predicted = read_mask(path)
    differences = grid_differences(canonical_geometry(image.geometry), predicted.geometry)
    if differences:
        raise VolumeError(f"{path}: not on the grid of the exported image ({'; '.join(differences)})")
    if predicted.array_zyx.min() < 0 or predicted.array_zyx.max() >= IGNORE_LABEL:
        raise VolumeError(f"{path}: classes 0-{IGNORE_LABEL - 1} are needed, others found")
    return predicted.array_zyx.astype(np.uint8)


def describe_run(training: dict[str, Any], prediction: dict[str, Any]) -> dict[str, Any]:
    """Return what every report says about the program and the network."""
    described = ("title", "dimension", "architecture", "patch_size", "spacing_mm", "plans")
    return {
        "program": f"spider2d {__version__}, nnU-Net",
        "network": {key: training[key] for key in described},
        "device": training["device"],
        "test_time_augmentation": prediction["mirroring"],
        "step_size": prediction["step_size"],
    }


def _job(name: str, image: Path, output: Path, preview: bool) -> Job:
    picture = output / f"{name}.png" if preview else None
    return Job(name, image, output / f"{name}{FILE_SUFFIX}", output / f"{name}.json", picture)
