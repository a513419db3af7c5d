"""The training of one nnU-Net configuration: when it may start or go on, and what goes when it does."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from spider2d.baselines.nnunet_folder import COSTS_NAME, WorkFolder
from spider2d.errors import ConfigError

SETTINGS_NAME = "settings.json"


@dataclass(frozen=True)
class TrainingSettings:
    """What decides the weights and must not change when a training goes on.

    Attributes:
        epochs: Epochs of the learning-rate schedule; nnU-Net's own value is 1000.
        iterations: Optimiser steps per epoch; nnU-Net's own value is 250.
        base_features: Channels of the finest level, the others in proportion; None = as planned (32).
        memory_target_gb: GPU memory the planner makes patches and networks for; None = its own choice.
    """

    epochs: int = 1000
    iterations: int = 250
    base_features: int | None = None
    memory_target_gb: float | None = None


def checkpoints(folder: WorkFolder, configuration: str) -> list[Path]:
    """Return nnU-Net's checkpoints of a configuration, finished or not."""
    return sorted(folder.results.glob(f"*__{configuration}/fold_0/checkpoint_*.pth"))


def check_training(
    folder: WorkFolder, configuration: str, settings: TrainingSettings, resume: bool, overwrite: bool
) -> None:
    """Check that a training may start, or go on; nothing is changed.

    Raises:
        ConfigError: A network is there and neither `resume` nor `overwrite` is set; there is nothing to
            resume; or the settings differ from those of the training to be resumed.
        DatasetError: The file of the settings is missing or damaged.
    """
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite exclude each other")
    there, ours = checkpoints(folder, configuration), folder.of(configuration)
    if resume and not there:
        raise ConfigError(f"{ours}: no checkpoint to resume from; leave --resume away to start the training")
    if resume:
        _check_same_settings(folder, configuration, settings)
    elif there and not overwrite:
        raise ConfigError(
            f"{there[-1]}: a network is there. Add --resume to go on with its training, --overwrite to start "
            "afresh, or --work FOLDER for another folder (export into it first)"
        )


def claim_training(folder: WorkFolder, configuration: str, settings: TrainingSettings, resume: bool) -> None:
    """Remove what the former network of a configuration made, and the network unless it is resumed."""
    ours = folder.of(configuration)
    costs = folder.read_json(COSTS_NAME, "train") if (folder.root / COSTS_NAME).exists() else {}
    steps = {step: cost for step, cost in costs.items() if step not in _steps(configuration)}
    folder.write_json(COSTS_NAME, steps)
    clear_predictions(folder, configuration)
    for path in [] if resume else [ours, *folder.results.glob(f"*__{configuration}")]:
        if path.exists():
            shutil.rmtree(path)
    folder.write_json(f"{configuration}/{SETTINGS_NAME}", asdict(settings))


def clear_predictions(folder: WorkFolder, configuration: str) -> None:
    """Remove class maps and the labels made of them, so that those of two predictions never mix."""
    for name in ("class_maps", "predictions"):
        if (folder.of(configuration) / name).exists():
            shutil.rmtree(folder.of(configuration) / name)


def _steps(configuration: str) -> list[str]:
    return [f"{step}_{configuration}" for step in ("train", "predict", "cost")]


def _check_same_settings(folder: WorkFolder, configuration: str, settings: TrainingSettings) -> None:
    name = f"{configuration}/{SETTINGS_NAME}"
    before, now = folder.read_json(name, f"train --configuration {configuration}"), asdict(settings)
    changes = [
        f"  {key}: {before.get(key)!r} then, {now[key]!r} now" for key in now if before.get(key) != now[key]
    ]
    if changes:
        raise ConfigError(
            f"the training was started with other settings ({folder.root / name}):\n"
            + "\n".join(changes)
            + "\nResume with the same ones, or add --overwrite instead of --resume to start afresh"
        )
