"""Make the shipped checkpoint from nothing: phantoms to validate by, three trainings on random ones, export.

Runs the documented commands one after the other; a stopped run goes on where it was. How long the training
takes stands in weights/README.md. What is exported is the mean of the last two trainings' weights. With
--checkpoint only the export is done.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from spider2d import cli
from spider2d.checkpoint import load_checkpoint, save_checkpoint
from spider2d.errors import CheckpointError

PIXEL_SIZE_MM = "0.8"
LATER_TRAININGS = (
    ("training.steps=17500", "optimiser.learning_rate=1e-3", "seed=2"),
    (
        "training.steps=12500",
        "optimiser.learning_rate=1e-3",
        "seed=5",
        "data.synthetic.samples_per_series=20",
    ),
)
"""Settings of the trainings that go on from the one before."""
CONFIG = cli.PROJECT_ROOT / "experiments" / "synthetic_2d.yaml"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("synthetic"), help="folder for data and training run"
    )
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", help="export this one, or the mean of several, without training"
    )
    parser.add_argument(
        "--output", type=Path, default=cli.SHIPPED_CHECKPOINT, help="file to write (%(default)s)"
    )
    return parser.parse_args(argv)


def train(work: Path) -> list[Path]:
    """Make the validation phantoms, train three times, each from the last; return the last two results."""
    data, slices = work / "phantom", work / "slices"
    runs = [work / name for name in ("run", "run_2", "run_3")]
    extract = ["preprocessing/extract_slices.py", "--pixel-size-mm", PIXEL_SIZE_MM]
    steps = [
        ("Phantoms for validation", ["preprocessing/make_phantom.py", "--output", data]),
        ("Slices", [*extract, "--dataset", data, "--output", slices]),
        ("Training on random phantoms", training_command(slices, runs[0])),
    ]
    for before, run, settings in zip(runs[:-1], runs[1:], LATER_TRAININGS, strict=True):
        more = (f"init={(before / 'best.pt').as_posix()}", *settings)
        steps.append(("Training goes on", training_command(slices, run, more)))
    for title, command in steps:
        cli.run_step(title, [str(word) for word in command])
    return [run / "best.pt" for run in runs[1:]]


def training_command(slices: Path, run: Path, settings: Sequence[str] = ()) -> list[str | Path]:
    """Return the command of a training, which goes on where it was stopped."""
    command = ["src/train.py", "--config", CONFIG, "--output", run]
    for setting in (f"data.slices={slices.as_posix()}", *settings):
        command += ["--set", setting]
    return command + (["--resume"] if (run / "last.pt").exists() else [])


def export(checkpoints: Sequence[Path], output: Path) -> str:
    """Write the mean of checkpoints for inference alone, weights in half precision; return its SHA-256.

    Args:
        checkpoints: One or more of the same network, whose trainings went on from one another (the mean of
            unrelated ones would be no network); the last one's origin is noted.
        output: File to write.

    Raises:
        CheckpointError: They are not of the same network.
    """
    trained = [load_checkpoint(path) for path in checkpoints]
    for path, other in zip(checkpoints, trained, strict=True):
        if other.spec != trained[-1].spec:
            raise CheckpointError(
                f"{path} and {checkpoints[-1]} are of different networks; needed: trainings of the same one"
            )
    state = dict(_mean_in_half([other.network_state for other in trained]))
    save_checkpoint(output, trained[-1].spec, state, _without_folders(trained[-1].info))
    return hashlib.sha256(output.read_bytes()).hexdigest()


def _mean_in_half(states: Sequence[dict[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the mean of each tensor in half precision; of whole numbers (counters) the last."""
    for name, last in states[-1].items():
        if last.is_floating_point():
            yield name, torch.stack([state[name].float() for state in states]).mean(dim=0).half()
        else:
            yield name, last


def _without_folders(info: dict) -> dict:
    """Return what a checkpoint says of its origin without where the data lay, which is nobody's business."""
    if "config" not in info:
        return info
    config = info["config"]
    return info | {
        "config": config | {"data": config["data"] | {"slices": Path(config["data"]["slices"]).name}}
    }


def main(args: argparse.Namespace) -> None:
    """Train unless a checkpoint is given, export, and say what to note in the model card."""
    digest = export(args.checkpoint or train(args.work), args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}")
    print(
        "next: write the SHA-256 into weights/README.md, and measure: python experiments/real_data.py FOLDER"
    )


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
