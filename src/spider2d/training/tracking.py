"""What a run leaves for the reader: ``metrics.jsonl`` (one JSON object per line) and TensorBoard events."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from spider2d.atomic_write import write_text
from spider2d.training.cost import NetworkCost, WindowCost
from spider2d.training.validate import ValidationSummary

METRICS_NAME = "metrics.jsonl"


class Tracker:
    """Writes the figures of a run; use it as a context manager.

    Args:
        folder: The run's folder.
        step: Steps done so far; figures of later steps (from a run killed after its last checkpoint) go.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._path = folder / METRICS_NAME
        _forget_later_steps(self._path, step)
        self._events = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *error: object) -> None:
        self._events.close()

    def start(self, config_yaml: str, cost: NetworkCost | WindowCost) -> None:
        """Record the configuration and what the network costs."""
        self._events.add_text("config", f"```yaml\n{config_yaml}```")
        figures = asdict(cost)
        self._events.add_text("cost", "\n".join(f"- {key}: {value}" for key, value in figures.items()))
        for key, value in figures.items():
            if isinstance(value, int | float):
                self._events.add_scalar(f"cost/{key}", value, 0)

    def training(self, step: int, figures: dict[str, float]) -> None:
        """Record the mean losses, the learning rate and the speed since the last call."""
        self._append({"kind": "training", "step": step, **figures})
        for name, value in figures.items():
            self._events.add_scalar(f"training/{name}", value, step)

    def validation(self, step: int, summary: ValidationSummary) -> None:
        """Record 3D Dice per structure and sequence."""
        self._append({"kind": "validation", "step": step, **asdict(summary)})
        self._events.add_scalar("validation/score", summary.score, step)
        for structure, dice in summary.dice.items():
            self._events.add_scalar(f"validation/dice_{structure}", dice, step)
        for sequence, means in summary.by_sequence.items():
            for structure, dice in means.items():
                self._events.add_scalar(f"validation_{sequence}/dice_{structure}", dice, step)
        self._events.flush()

    def picture(self, step: int, name: str, rgb_hwc: np.ndarray) -> None:
        """Record a picture, uint8 (H, W, 3)."""
        self._events.add_image(f"overlay/{name}", rgb_hwc, step, dataformats="HWC")

    def _append(self, record: dict) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def _forget_later_steps(path: Path, step: int) -> None:
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _step_of(line) <= step]
    write_text(path, "".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> float:
    """Return the step of a line; a line cut short by a kill belongs to no kept step."""
    try:
        return json.loads(line)["step"]
    except json.JSONDecodeError:
        return float("inf")
