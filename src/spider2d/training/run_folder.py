"""The folder of a run: what lies in it, and when a new run may use it."""

from pathlib import Path
from typing import Any

from spider2d.config import save_config
from spider2d.cost_file import COST_NAME
from spider2d.errors import ConfigError
from spider2d.training.tracking import METRICS_NAME
from spider2d.training.train_config import AnyTrainConfig, load_train_config

CONFIG_NAME, BEST_NAME, LAST_NAME = "config.yaml", "best.pt", "last.pt"
EVENTS_PATTERN = "events.out.tfevents.*"

# What may change when a run goes on: it has no influence on the weights (threads: none beyond rounding).
_FREE_KEYS = (
    "data.slices",
    "training.workers",
    "training.threads",
    "training.log_every",
    "training.save_every",
    "training.compile",
    "validation",
)


def check_folder(folder: Path, config: AnyTrainConfig, resume: bool, overwrite: bool) -> None:
    """Check that a run may start, or go on, in a folder; nothing is changed.

    Raises:
        ConfigError: The folder holds a run and neither `resume` nor `overwrite` is set; there is nothing to
            resume; or the configuration differs from that of the run to be resumed.
    """
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite exclude each other")
    if resume and not (folder / LAST_NAME).exists():
        raise ConfigError(f"{folder}: no {LAST_NAME} to resume from; leave --resume away to start the run")
    if resume:
        _check_same_config(folder, config)
    elif not overwrite and any((folder / name).exists() for name in (LAST_NAME, BEST_NAME)):
        raise ConfigError(
            f"{folder} holds a run already. Add --resume to go on with it, --overwrite to start afresh, or "
            "--output runs/NAME for another folder"
        )


def claim_folder(folder: Path, config: AnyTrainConfig, resume: bool) -> None:
    """Make the folder, remove an earlier run's files unless it is resumed, and save the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        for path in (
            *(folder / name for name in (BEST_NAME, LAST_NAME, METRICS_NAME, COST_NAME)),
            *folder.glob(EVENTS_PATTERN),
        ):
            path.unlink(missing_ok=True)
    save_config(config, folder / CONFIG_NAME)


def _check_same_config(folder: Path, config: AnyTrainConfig) -> None:
    path = folder / CONFIG_NAME
    before, now = (_flatten(c.model_dump(mode="json")) for c in (load_train_config(path), config))
    changes = [
        f"  {key}: {before.get(key)!r} then, {now.get(key)!r} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not any(_belongs(key, free) for free in _FREE_KEYS)
    ]
    if changes:
        raise ConfigError(
            f"{folder} was started with another configuration ({path}):\n" + "\n".join(changes) + "\n"
            "Resume with the same one, or start another run with --output runs/NAME"
        )


def _belongs(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as ``{"section.key": value}``."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
