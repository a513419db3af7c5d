"""Make the shipped checkpoint from nothing: phantoms to validate by, two trainings on random ones, export.

Runs the documented commands one after the other; a stopped run goes on where it was. How long the training
takes stands in weights/README.md. With --checkpoint only the export is done.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from spider2d import cli
from spider2d.checkpoint import load_checkpoint, save_checkpoint

PIXEL_SIZE_MM = "0.8"
SECOND_TRAINING = ("training.steps=17500", "optimiser.learning_rate=1e-3", "seed=2")
CONFIG = cli.PROJECT_ROOT / "experiments" / "synthetic_2d.yaml"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("synthetic"), help="folder for data and training run"
    )
    parser.add_argument("--checkpoint", type=Path, help="export this one, without training")
    parser.add_argument(
        "--output", type=Path, default=cli.SHIPPED_CHECKPOINT, help="file to write (%(default)s)"
    )
    return parser.parse_args(argv)


def train(work: Path) -> Path:
    """Make the validation phantoms, train, go on from the result, and return the last training's best."""
    data, slices, first, second = (work / name for name in ("phantom", "slices", "run", "run_2"))
    extract = ["preprocessing/extract_slices.py", "--pixel-size-mm", PIXEL_SIZE_MM]
    more = (f"init={(first / 'best.pt').as_posix()}", *SECOND_TRAINING)
    steps = (
        ("Phantoms for validation", ["preprocessing/make_phantom.py", "--output", data]),
        ("Slices", [*extract, "--dataset", data, "--output", slices]),
        ("Training on random phantoms", training_command(slices, first)),
        ("Training goes on", training_command(slices, second, more)),
    )
    for title, command in steps:
        cli.run_step(title, [str(word) for word in command])
    return second / "best.pt"


def training_command(slices: Path, run: Path, settings: Sequence[str] = ()) -> list[str | Path]:
    """Return the command of a training, which goes on where it was stopped."""
    command = ["src/train.py", "--config", CONFIG, "--output", run]
    for setting in (f"data.slices={slices.as_posix()}", *settings):
        command += ["--set", setting]
    return command + (["--resume"] if (run / "last.pt").exists() else [])


def export(checkpoint: Path, output: Path) -> str:
    """Write a checkpoint for inference alone, its weights in half precision; return its SHA-256."""
    trained = load_checkpoint(checkpoint)
    state = {name: _to_half(tensor) for name, tensor in trained.network_state.items()}
    save_checkpoint(output, trained.spec, state, _without_folders(trained.info))
    return hashlib.sha256(output.read_bytes()).hexdigest()


def _without_folders(info: dict) -> dict:
    """Return what a checkpoint says of its origin without where the data lay, which is nobody's business."""
    if "config" not in info:
        return info
    config = info["config"]
    return info | {
        "config": config | {"data": config["data"] | {"slices": Path(config["data"]["slices"]).name}}
    }


def _to_half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


def main(args: argparse.Namespace) -> None:
    """Train unless a checkpoint is given, export, and say what to note in the model card."""
    digest = export(args.checkpoint or train(args.work), args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}")
    print(
        "next: write the SHA-256 into weights/README.md, and measure: python experiments/real_data.py FOLDER"
    )


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
