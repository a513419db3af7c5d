"""Make the shipped checkpoint from nothing: phantoms to validate by, trainings on random ones, export.

Runs the documented commands one after the other, by weights/recipe.yaml; a stopped run goes on
where it was. How long the trainings take stands in weights/README.md. With --gpu it is one training in large
batches, for a GPU and many cores, whose end is exported to WORK (the shipped file is better); its 12 workers
take some 15 GB of memory and 4 GB of shared memory. With --checkpoint only the export is done.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, model_validator

from spider2d import cli
from spider2d.checkpoint import load_checkpoint, save_checkpoint
from spider2d.config import ConfigModel, load_config
from spider2d.errors import CheckpointError, ConfigError

ON_A_GPU = (
    "training.steps=4700",
    "training.batch_size=48",
    "training.workers=auto",
    "training.threads=null",
    "optimiser.learning_rate=4e-3",
    "optimiser.warmup_steps=300",
    "optimiser.ema_decay=0.999",
    "data.patch_hw=[352, 224]",
    "data.synthetic.samples_per_series=28",
    "data.synthetic.pool=24",
    "data.synthetic.streams=12",
    "data.beside_bodies_fraction=0.4",
    "loss.slice_dice=1.5",
)
"""Settings of the one training with --gpu."""
GPU_PIXEL_SIZE_MM = 0.8
CONFIG = cli.PROJECT_ROOT / "experiments" / "synthetic_2d.yaml"
RECIPE = cli.PROJECT_ROOT / "weights" / "recipe.yaml"


class Training(ConfigModel):
    """One training of the recipe.

    Attributes:
        start: Of whose results it starts from the mean: numbers of former trainings, or "start of N" for what
            training N started from; none = random weights.
        settings: Names of `Recipe.settings` that hold for it; later ones win.
        set: What it changes besides.
        pixel_size_mm: Of its samples.
    """

    start: tuple[int | str, ...]
    settings: tuple[str, ...]
    set: dict[str, Any]
    pixel_size_mm: Annotated[float, Field(gt=0)] = 0.8


class Recipe(ConfigModel):
    """How the shipped weights are made.

    Attributes:
        settings: By name, values of `CONFIG` that several trainings change alike, by dotted key.
        trainings: The trainings by their number, in their order.
        exported: Of what the exported file is the mean, as in `Training.start`; the last one has its pixels.
        outline_level: Of the exported network; see `spider2d.inference.outline`.
    """

    settings: dict[str, dict[str, Any]]
    trainings: dict[int, Training]
    exported: tuple[int | str, ...]
    outline_level: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _in_order(self) -> "Recipe":
        known: set[int | str] = set()
        for number, training in self.trainings.items():
            if not known.issuperset(training.start):
                raise ValueError(f"trainings.{number}.start names what is not before it: {training.start}")
            if not self.settings.keys() >= set(training.settings):
                raise ValueError(
                    f"trainings.{number}.settings names what is not in settings: {training.settings}"
                )
            known |= {number, f"start of {number}"}
        if not known.issuperset(self.exported):
            raise ValueError(f"exported names a training that is not there: {self.exported}")
        return self

    def changes(self, number: int) -> list[str]:
        """Return what training `number` changes, as arguments of ``--set``."""
        training, values = self.trainings[number], {}
        for name in training.settings:
            values |= self.settings[name]
        return [f"{key}={json.dumps(value)}" for key, value in (values | training.set).items()]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("synthetic"), help="folder for data and training run"
    )
    parser.add_argument("--gpu", action="store_true", help="one training in large batches instead of all")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        nargs="+",
        help="export this one, or the mean of several, with the recipe's outline_level, without training",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write (default: the shipped one is replaced; with --gpu WORK/synthetic_2d_gpu.pt)",
    )
    return parser.parse_args(argv)


def make_slices(work: Path, sizes_mm: Iterable[float]) -> dict[float, Path]:
    """Make the phantoms for validation and extract their slices; return the folder of each pixel size."""
    data = work / "phantom"
    cli.run_step("Phantoms for validation", ["preprocessing/make_phantom.py", "--output", str(data)])
    folders = {size: work / f"slices_{size}" for size in sorted(set(sizes_mm))}
    for size, folder in folders.items():
        extract = ["preprocessing/extract_slices.py", "--pixel-size-mm", str(size)]
        cli.run_step("Slices", [*extract, "--dataset", str(data), "--output", str(folder)])
    return folders


def train_on_gpu(work: Path) -> list[Path]:
    """Train once, in large batches; return what to export.

    Raises:
        ConfigError: There is no GPU, without which this takes longer than all trainings of the recipe.
    """
    if not torch.cuda.is_available():
        raise ConfigError(
            "found no GPU that torch can use; without --gpu the trainings of the recipe make the weights"
        )
    slices, run = make_slices(work, [GPU_PIXEL_SIZE_MM])[GPU_PIXEL_SIZE_MM], work / "run_gpu"
    cli.run_step("Training on random phantoms", training_command(slices, run, ON_A_GPU))
    return [run / "last.pt"]


def train(work: Path, recipe: Recipe) -> list[Path]:
    """Train by the recipe, each training from former results; return what to average."""
    slices = make_slices(work, [training.pixel_size_mm for training in recipe.trainings.values()])
    results: dict[int | str, Path] = {}
    for number, training in recipe.trainings.items():
        settings = recipe.changes(number)
        if training.start:
            begin = mean_of([results[name] for name in training.start], work / f"start_{number}.pt")
            results[f"start of {number}"] = begin
            settings.append(f"init={begin.as_posix()}")
        run = work / f"run_{number}"
        title = f"Training {number} of {len(recipe.trainings)} on random phantoms"
        cli.run_step(title, training_command(slices[training.pixel_size_mm], run, settings))
        results[number] = run / "last.pt"  # the best by phantoms need not be the best on real images
    return [results[name] for name in recipe.exported]


def mean_of(results: Sequence[Path], output: Path) -> Path:
    """Return the only one, or write the mean of several and return that."""
    if len(results) == 1:
        return results[0]
    export(results, output)
    return output


def training_command(slices: Path, run: Path, settings: Sequence[str] = ()) -> list[str]:
    """Return the command of a training, which goes on where it was stopped."""
    command = ["src/train.py", "--config", str(CONFIG), "--output", str(run)]
    for setting in (f"data.slices={slices.as_posix()}", *settings):
        command += ["--set", setting]
    return command + (["--resume"] if (run / "last.pt").exists() else [])


def export(checkpoints: Sequence[Path], output: Path, outline_level: float = 0.0) -> str:
    """Write the mean of checkpoints for inference alone, weights in half precision; return its SHA-256.

    Args:
        checkpoints: One or more of the same network, whose trainings went on from one another (the mean of
            unrelated ones would be no network), whatever their pixels; what is said of the last one holds.
        output: File to write.
        outline_level: See `spider2d.inference.outline`.

    Raises:
        CheckpointError: They are not of the same network.
    """
    trained = [load_checkpoint(path) for path in checkpoints]
    spec = trained[-1].spec.model_copy(update={"outline_level": outline_level})
    for path, other in zip(checkpoints, trained, strict=True):
        seen_alike = {"pixel_size_mm": spec.pixel_size_mm, "outline_level": outline_level}
        if other.spec.model_copy(update=seen_alike) != spec:
            raise CheckpointError(
                f"{path} and {checkpoints[-1]} are of different networks; needed: trainings of the same one"
            )
    state = dict(_mean_in_half([other.network_state for other in trained]))
    save_checkpoint(output, spec, state, _without_folders(trained[-1].info))
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
    data = config["data"] | {"slices": Path(config["data"]["slices"]).name}
    init = Path(config["init"]).name if config.get("init") else None
    return info | {"config": config | {"data": data, "init": init}}


def main(args: argparse.Namespace) -> None:
    """Train unless a checkpoint is given, export, and say what to note in the model card."""
    recipe = load_config(Recipe, RECIPE)
    output = args.output or (args.work / "synthetic_2d_gpu.pt" if args.gpu else cli.SHIPPED_CHECKPOINT)
    ends = args.checkpoint or (train_on_gpu(args.work) if args.gpu else train(args.work, recipe))
    digest = export(ends, output, recipe.outline_level)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}")
    if output.resolve() == cli.SHIPPED_CHECKPOINT.resolve():
        print("the shipped file was replaced: write the SHA-256 into weights/README.md")
    print(f"next: measure it: python experiments/real_data.py FOLDER --checkpoint {cli.quoted(output)}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args(), cli.WORK_IS_KEPT))
