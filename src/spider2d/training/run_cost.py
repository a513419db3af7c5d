"""What a training run cost, for the comparison of methods: ``cost.json`` in the run's folder."""

from pathlib import Path
from typing import Any

import torch

from spider2d import cost_file
from spider2d.cost_file import COST_NAME, Cost, read_cost, write_cost
from spider2d.models.unet2d import count_parameters
from spider2d.training.state import TrainingState
from spider2d.training.train_config import AnyTrainConfig


def run_figures(
    state: TrainingState, config: AnyTrainConfig, precision: str, processes: int
) -> dict[str, Any]:
    """Return what a run is and what it cost so far, as plain values."""
    return {
        "title": state.spec.title,
        "architecture": state.spec.architecture,
        "dimension": state.spec.dimension,
        "parameters": count_parameters(state.network),
        "training_seconds": round(state.seconds, 1),
        "steps": state.step,
        "planned_steps": config.training.steps,
        "batch_size": config.training.batch_size,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "processes": processes,
    }


def write_run_cost(folder: Path, figures: dict[str, Any], device: torch.device, resumed: bool) -> None:
    """Write the figures of a run, with its device and the peak memory over all its sessions.

    Args:
        folder: The run's folder.
        figures: What `run_figures` returned.
        device: Where the network was trained.
        resumed: Whether an earlier session's peak in the folder counts too, if it was on such a device.
    """
    path, peak_gb = folder / COST_NAME, peak_memory_gb(device)
    earlier = read_cost(path) if resumed and path.is_file() else Cost()
    if peak_gb is not None and earlier.training_device == device.type:
        peak_gb = max(peak_gb, earlier.training_peak_memory_gb or 0)
    measured = {"training_peak_memory_gb": peak_gb, "training_device": device.type}
    write_cost(path, Cost(**figures, **measured))


def peak_memory_gb(device: torch.device) -> float | None:
    """Return the peak memory of this process in 10^9 bytes: of the GPU if that is the device, else RAM.

    Worker processes that make samples are not counted. None where the system does not tell (Windows).
    """
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e9, 3)
    return cost_file.peak_memory_gb()
