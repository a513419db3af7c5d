"""nnU-Net's own commands one after the other, and what of them goes into the cost files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider2d.baselines.nnunet_folder import CONFIGURATIONS, DATASET_ID, WorkFolder
from spider2d.baselines.nnunet_plans import STOCK_PLANS, inference_title, write_own_plans
from spider2d.baselines.nnunet_process import run_command
from spider2d.baselines.nnunet_run import TrainingSettings, claim_training, clear_predictions
from spider2d.cost_file import COST_NAME, Cost, add_cost, read_cost, write_cost

_PLAN = "nnunetv2.experiment_planning.plan_and_preprocess_entrypoints:plan_and_preprocess_entry"
_PREDICT = "nnunetv2.inference.predict_from_raw_data:predict_entry_point"
_TRAIN_MODULE, _MEASURE_MODULE = "spider2d.baselines.nnunet_train", "spider2d.baselines.nnunet_measure"


@dataclass(frozen=True)
class TrainingMachine:
    """On what to train; nothing of it decides the weights.

    Attributes:
        device: "cpu" or "cuda".
        workers: Processes that make samples; 0 = the training process itself.
        threads: CPU threads of the network; None = all cores.
    """

    device: str = "cpu"
    workers: int = 1
    threads: int | None = None


def plan_and_preprocess(folder: WorkFolder, memory_target_gb: float | None, processes: int = 1) -> None:
    """Let nnU-Net plan and preprocess both configurations, unless that was done with the same target.

    Args:
        folder: Work folder with an export.
        memory_target_gb: GPU memory the planner makes patches and networks for; None = its own choice.
        processes: Worker processes.

    Raises:
        DatasetError: Nothing was exported, or the file that says what was planned is damaged.
    """
    folder.read_export()
    settings = {"memory_target_gb": memory_target_gb}
    done = folder.root / "planning.json"
    if done.exists() and folder.read_json(done.name, "train") == settings:
        return
    done.unlink(missing_ok=True)
    count = str(processes)
    target = [] if memory_target_gb is None else ["-gpu_memory_target", str(memory_target_gb)]
    # With another target the planner wants another name; the stock one is used whatever the target is.
    named = ["-overwrite_plans_name", STOCK_PLANS] if target else []
    arguments = ["-d", str(DATASET_ID), "-c", *CONFIGURATIONS, "-npfp", count, "-np", count, count]
    cost = run_command(folder, _entry(_PLAN), [*arguments, *target, *named, "--verify_dataset_integrity"])
    folder.add_cost("plan_and_preprocess", vars(cost))
    folder.write_json(done.name, settings)


def train(
    folder: WorkFolder,
    configuration: str,
    settings: TrainingSettings,
    machine: TrainingMachine,
    max_minutes: float | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Train one configuration on the training side of the split.

    Args:
        folder: Work folder, planned and preprocessed. `check_training` says whether it is free.
        configuration: "2d" or "3d_fullres".
        settings: Length and width.
        machine: Device, workers, threads.
        max_minutes: End after the epoch in which they are over; None = train all epochs.
        resume: Go on from nnU-Net's checkpoint; otherwise a former network of the configuration is removed.

    Returns:
        What is in the configuration's ``training.json``.
    """
    known = folder.of(configuration) / COST_NAME
    peak_before_gb = read_cost(known).training_peak_memory_gb if resume and known.is_file() else None
    claim_training(folder, configuration, settings, resume)
    features = settings.base_features
    plans = STOCK_PLANS if features is None else write_own_plans(folder.preprocessed, features)
    report = folder.of(configuration) / "training.json"
    arguments = ["--configuration", configuration, "--plans", plans, "--device", machine.device]
    arguments += ["--epochs", str(settings.epochs), "--iterations", str(settings.iterations)]
    arguments += [] if machine.threads is None else ["--threads", str(machine.threads)]
    arguments += [] if max_minutes is None else ["--max-minutes", str(max_minutes)]
    arguments += ["--resume"] if resume else []
    arguments += ["--report", str(report.resolve())]
    cost = run_command(folder, ["-m", _TRAIN_MODULE], arguments, machine.workers)
    figures = json.loads(report.read_text(encoding="utf-8"))
    peaks_gb = [figures["peak_memory_gb"] or cost.peak_memory_gb, peak_before_gb]
    figures["peak_memory_gb"] = max((peak for peak in peaks_gb if peak is not None), default=None)
    write_cost(known, training_cost(figures))
    folder.add_cost(f"train_{configuration}", vars(cost) | figures)
    return figures


def predict(
    folder: WorkFolder,
    configuration: str,
    device: str,
    mirroring: bool = True,
    step_size: float = 0.5,
    processes: int = 1,
) -> Path:
    """Predict the images of the validation side; return the folder of class maps.

    Those of a former prediction and the labels made of them are removed first.

    Args:
        folder: Work folder with the trained configuration.
        configuration: "2d" or "3d_fullres".
        device: "cpu" or "cuda".
        mirroring: nnU-Net's test-time augmentation, 4 (2D) or 8 times as slow.
        step_size: Distance of neighbouring windows as a share of a window.
        processes: Worker processes for reading and for writing.
    """
    training = folder.read_json(f"{configuration}/training.json", f"train --configuration {configuration}")
    output, images = folder.of(configuration) / "class_maps", folder.raw / "imagesTs"
    arguments = ["-i", str(images.resolve()), "-o", str(output.resolve()), "-d", str(DATASET_ID)]
    arguments += ["-c", configuration, "-f", "0", "-p", training["plans"], "-device", device]
    arguments += ["-npp", str(processes), "-nps", str(processes), "-step_size", str(step_size)]
    arguments += [] if mirroring else ["--disable_tta"]
    clear_predictions(folder, configuration)
    cost = run_command(folder, _entry(_PREDICT), arguments)
    n_volumes = len(list(images.iterdir()))
    figures = {"volumes": n_volumes, "seconds_per_volume": round(cost.seconds / n_volumes, 2)}
    figures |= {"mirroring": mirroring, "step_size": step_size}
    folder.add_cost(f"predict_{configuration}", vars(cost) | figures)
    return output


def measure(
    folder: WorkFolder, configuration: str, repeats: int = 3, threads: int | None = None
) -> dict[str, Any]:
    """Measure inference on the phantom every method is measured on; add it to ``cost.json``.

    Args:
        folder: Work folder with the predicted configuration; the windows are as they were there.
        configuration: "2d" or "3d_fullres".
        repeats: Timed runs after one to warm up.
        threads: CPU threads; None = all cores.

    Returns:
        The figures, see `nnunet_measure.measure`, and how network and inference are called.
    """
    prediction = folder.read_prediction_cost(configuration)
    training = folder.read_json(f"{configuration}/training.json", f"train --configuration {configuration}")
    model = folder.results / f"nnUNetTrainer__{training['plans']}__{configuration}"
    report = folder.of(configuration) / "inference.json"
    arguments = ["--model", str(model.resolve()), "--report", str(report.resolve())]
    arguments += ["--repeats", str(repeats), "--step-size", str(prediction["step_size"])]
    arguments += ["--mirroring"] if prediction["mirroring"] else []
    arguments += [] if threads is None else ["--threads", str(threads)]
    cost = run_command(folder, ["-m", _MEASURE_MODULE], arguments)
    figures = json.loads(report.read_text(encoding="utf-8"))
    title = inference_title(training["title"], prediction["mirroring"], prediction["step_size"])
    figures = {"title": title} | figures
    folder.add_cost(f"cost_{configuration}", vars(cost) | figures)
    path = folder.of(configuration) / COST_NAME
    write_cost(path, add_cost(read_cost(path), inference_cost(figures)))
    return figures


_SHARED_KEYS = (
    *("title", "architecture", "dimension", "parameters"),
    *("training_seconds", "steps", "planned_steps", "batch_size", "threads"),
)


def training_cost(figures: dict[str, Any]) -> Cost:
    """Return what the comparison of methods reads of a training's figures."""
    shared = {key: figures[key] for key in _SHARED_KEYS}
    peak_gb, device = figures["peak_memory_gb"], figures["device"]
    return Cost(**shared, training_peak_memory_gb=peak_gb, training_device=device)


def inference_cost(figures: dict[str, Any]) -> Cost:
    """Return what the comparison of methods reads of the figures of inference."""
    shared = {key: value for key, value in figures.items() if key in Cost.model_fields}
    return Cost(**shared)


def _entry(target: str) -> list[str]:
    """Return how to start one of nnU-Net's console commands with this very Python."""
    module, function = target.split(":")
    return ["-c", f"from {module} import {function}; {function}()"]
