"""Everything that changes while a network is trained: made new, saved, restored."""

import platform
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import spider2d
from spider2d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from spider2d.data.slices import EXTRACT_COMMAND
from spider2d.errors import CheckpointError, ConfigError
from spider2d.models.build import build_network, put_on
from spider2d.models.feature_mix import add_feature_mix
from spider2d.models.input_channels import fit_input_channels
from spider2d.models.spec import ModelSpec, NetworkSpec
from spider2d.training.ema import build_ema
from spider2d.training.run_data import RunData
from spider2d.training.schedule import build_optimiser
from spider2d.training.train_config import AnyTrainConfig, TrainConfig


@dataclass
class TrainingState:
    """What a step changes. Random numbers are no part of it: `seed_everything` sets them for every step.

    Attributes:
        spec: What the network is (never changes).
        network: The network that the optimiser moves.
        ema: Moving average of its weights, for validation and inference.
        optimiser: The optimiser; the learning rate follows from the step.
        scaler: Scales the loss for fp16; idle for other precisions.
        step: Number of finished steps.
        best_score: Best validation score so far, None before the first.
        seconds: Time trained so far, over all sessions.
    """

    spec: NetworkSpec
    network: nn.Module
    ema: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    step: int = 0
    best_score: float | None = None
    seconds: float = 0.0


def seed_everything(seed: int, step: int = 0, rank: int = 0) -> None:
    """Set the random numbers of one step in one process, so that a resumed run draws the same ones."""
    mixed = int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # noqa: NPY002 - for libraries that draw from the global generator
    torch.manual_seed(mixed)


def new_state(
    config: AnyTrainConfig,
    spec: NetworkSpec,
    precision: str,
    device: torch.device,
    resume: bool = False,
    initial: Checkpoint | None = None,
) -> TrainingState:
    """Build the state before the first step.

    Args:
        config: The run's configuration.
        spec: What the network is.
        precision: "fp32", "bf16" or "fp16".
        device: Where to train.
        resume: All weights are to come from ``last.pt``, so that no pretrained ones are looked for: they may
            be gone by now.
        initial: The checkpoint ``config.init`` to start from.

    Raises:
        ConfigError: The network cannot be built, or ``initial`` holds another network.
    """
    seed_everything(config.seed)
    pretrained = isinstance(config, TrainConfig) and not config.init and not resume
    network = build_network(spec, config.model.encoder_weights if pretrained else None)
    if initial is not None:
        _load_initial_weights(network, spec, initial, config.init)
    if isinstance(config, TrainConfig) and config.model.feature_mix:
        add_feature_mix(network, config.model.feature_mix)
    network = put_on(network, spec, device).train()
    return TrainingState(
        spec,
        network,
        build_ema(network),
        build_optimiser(network, config.optimiser),
        torch.amp.GradScaler(device.type, enabled=precision == "fp16"),
    )


def save_last(path: Path, state: TrainingState, info: dict[str, Any], data: RunData) -> None:
    """Write everything needed to go on; the file serves inference too (with the averaged weights)."""
    training = {
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "scaler": state.scaler.state_dict(),
        "step": state.step,
        "best_score": state.best_score,
        "seconds": state.seconds,
        "training_series": data.training,
        "validation_series": data.validation,
    }
    save_checkpoint(path, state.spec, state.ema.state_dict(), info, training)


def restore_last(path: Path, state: TrainingState, data: RunData) -> bool:
    """Put the content of ``last.pt`` into a new state of the same configuration.

    Returns:
        Whether the best score so far is still known: other validation series make it void.

    Raises:
        CheckpointError: The file is missing or damaged, holds no training state, or does not fit.
        ConfigError: The samples would come from other series than before.
    """
    checkpoint = load_checkpoint(path)
    if checkpoint.training is None:
        raise CheckpointError(f"{path}: made for inference, it cannot be resumed; last.pt of a run can")
    if checkpoint.spec != state.spec:
        raise CheckpointError(f"{path}: another network or pixel size than the configuration's")
    training = checkpoint.training
    try:
        state.ema.load_state_dict(checkpoint.network_state)
        state.network.load_state_dict(training["network"])
        state.optimiser.load_state_dict(training["optimiser"])
        state.scaler.load_state_dict(training["scaler"])
        state.step, state.best_score = training["step"], training["best_score"]
        state.seconds = training["seconds"]
        series = tuple(training["training_series"])
        validated = tuple(training["validation_series"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: the training state is damaged: {error}") from error
    if series != data.training:
        common = len(set(series) & set(data.training))
        raise ConfigError(
            f"{path} was trained on {len(series)} series, of which {common} are among the "
            f"{len(data.training)} that data.slices has now. Resume with the same ones, or start another run "
            f"with --output runs/NAME --set init={path}"
        )
    if validated != data.validation:
        state.best_score = None
    return validated == data.validation


def describe_run(state: TrainingState, config: AnyTrainConfig) -> dict[str, Any]:
    """Return the info a checkpoint carries: step, time, configuration, versions."""
    return {
        "step": state.step,
        "best_score": state.best_score,
        "training_minutes": round(state.seconds / 60, 2),
        "config": config.model_dump(mode="json"),
        "versions": {
            "spider2d": spider2d.__version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }


def _load_initial_weights(network: nn.Module, spec: NetworkSpec, initial: Checkpoint, path: Path) -> None:
    state = initial.network_state
    if isinstance(initial.spec, ModelSpec) and isinstance(spec, ModelSpec):
        offsets_mm = initial.spec.channel_offsets_mm, spec.channel_offsets_mm
        state = fit_input_channels(state, network, *offsets_mm)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(
            f"init = {path} holds another network than the configuration asks for:\n"
            f"{_differences(initial.spec, spec)}\nset model and data as in that checkpoint"
        ) from error


def describe_initial(path: Path, initial: Checkpoint, spec: NetworkSpec) -> str:
    """Return a note on a checkpoint that fits, but was trained for something else than the run's network.

    "" where it was not; the level of the outlines is no matter of the training.
    """
    differences = _differences(
        initial.spec, spec.model_copy(update={"outline_level": initial.spec.outline_level})
    )
    if not differences:
        return ""
    note = f"note: {path} was trained for something else:\n{differences}"
    trained_mm = initial.spec.pixel_size_mm
    if trained_mm != spec.pixel_size_mm:
        note += (
            f"\nslices of {trained_mm} mm suit it better: {EXTRACT_COMMAND} --dataset FOLDER_OF_THE_DATA "
            f"--pixel-size-mm {trained_mm} --output ANOTHER_FOLDER"
        )
    return note


def _differences(there: NetworkSpec, here: NetworkSpec) -> str:
    """Return a line for everything in which the network of a checkpoint differs from that of a run."""
    before, now = there.model_dump(), here.model_dump()
    return "\n".join(
        f"  {key}: {before.get(key)!r} there, {now.get(key)!r} here"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    )
