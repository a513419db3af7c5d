"""Checkpoints: one file with the weights and everything inference needs to rebuild the network.

The file is a torch archive of plain values and tensors only, read with ``weights_only=True``: loading it
never executes code from the file.
"""

import os
import pickle
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spider2d.atomic_write import replacing
from spider2d.config import check_config
from spider2d.errors import CheckpointError, ConfigError
from spider2d.models.build import build_network, ready_to_predict
from spider2d.models.spec import NetworkSpec
from spider2d.models.volume_spec import spec_class

FORMAT_NAME, FORMAT_VERSION = "spider2d-checkpoint", 1

_REASON_LENGTH = 300
# What zipfile and torch.load raise on damaged files besides their own exceptions.
_DAMAGE = (RuntimeError, EOFError, ValueError, KeyError, OSError, NotImplementedError)


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint file.

    Attributes:
        spec: What the network is and expects.
        network_state: The weights to use for inference, on the CPU.
        info: Where they come from: versions, step, scores, configuration (plain values).
        training: Everything needed to go on training, or None in a file made for inference.
    """

    spec: NetworkSpec
    network_state: dict[str, Tensor]
    info: dict[str, Any]
    training: dict[str, Any] | None


def save_checkpoint(
    path: Path,
    spec: NetworkSpec,
    network_state: dict[str, Tensor],
    info: dict[str, Any],
    training: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint; under `path` there is at any moment either the old file or the whole new one.

    Args:
        path: File to write; its folder is made.
        spec: What the network is and expects.
        network_state: The weights to use for inference.
        info: Plain values (numbers, texts, lists, dicts) that describe the weights.
        training: Plain values and tensors needed to go on training.

    Raises:
        CheckpointError: The file cannot be written.
    """
    content = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "spec": spec.model_dump(mode="json"),
        "network": network_state,
        "info": info,
        "training": training,
    }
    try:
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())  # hours of training: the data must be on the disk before the name is
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise CheckpointError(f"{path}: the checkpoint cannot be written: {error}") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        CheckpointError: The file is missing, truncated, not a checkpoint, or of another version.
    """
    content = _read(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT_NAME:
        raise CheckpointError(f"{path}: not a checkpoint of spider2d; python src/train.py writes one")
    if content.get("version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: checkpoint of format version {content.get('version')}, this program reads version "
            f"{FORMAT_VERSION}; use the spider2d version that wrote it, or train again"
        )
    try:
        described = content["spec"]
        # Files written before there were other networks than the 2D one name no architecture.
        kind = spec_class(described.get("architecture", "unet2d"))
        spec = check_config(kind, described, source=f"{path}: the network's description")
        return Checkpoint(spec, content["network"], content["info"], content["training"])
    except (KeyError, AttributeError, ConfigError) as error:
        raise CheckpointError(f"{path}: the checkpoint is incomplete or damaged: {error}") from error


def load_network(path: Path) -> tuple[nn.Module, NetworkSpec, dict[str, Any]]:
    """Rebuild the network of a checkpoint, on the CPU.

    Returns:
        The network in evaluation mode, its spec, and the checkpoint's info.

    Raises:
        CheckpointError: As `load_checkpoint`, or the weights do not fit the described network, or some are
            not finite.
        MissingPackageError: A 3D network, and MONAI is not installed.
    """
    checkpoint = load_checkpoint(path)
    try:
        network = build_network(checkpoint.spec)
        network.load_state_dict(checkpoint.network_state)
    except (ConfigError, RuntimeError, TypeError, AttributeError) as error:
        reason = str(error)[:_REASON_LENGTH]  # torch names every weight
        raise CheckpointError(
            f"{path}: the weights do not fit the described network; copy or train it again: {reason}"
        ) from error
    if not all(torch.isfinite(weights).all() for weights in network.state_dict().values()):
        raise CheckpointError(f"{path}: some weights are NaN or infinite; use another checkpoint")
    return network.eval(), checkpoint.spec, checkpoint.info


def load_predictor(path: Path, device: str | torch.device = "cpu") -> tuple[nn.Module, NetworkSpec]:
    """Return the network of a checkpoint as `ready_to_predict` makes it, and its spec.

    Raises:
        CheckpointError, MissingPackageError: As `load_network`.
    """
    network, spec, _ = load_network(path)
    return ready_to_predict(network, spec, device), spec


def _read(path: Path) -> object:
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; python src/train.py makes one (runs/NAME/best.pt)"
        )
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path}: truncated, or not a checkpoint ({path.stat().st_size} bytes); copy or train it again"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch itself does not look at the checksums
        if damaged is not None:
            raise CheckpointError(f"{path}: damaged ({damaged}); copy the file again, or train again")
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words advise to load it without this protection
        raise CheckpointError(
            f"{path}: not a checkpoint of spider2d: it holds more than plain values and tensors, or is "
            "damaged. Nothing of it was run; python src/train.py writes a checkpoint"
        ) from error
    except (zipfile.BadZipFile, zlib.error, *_DAMAGE) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{path}: damaged, or not a checkpoint of spider2d: {first_line}") from error
