"""Make the shipped checkpoint from nothing: phantoms to validate by, 17 trainings on random ones, export.

Runs the documented commands one after the other; a stopped run goes on where it was. How long the training
takes stands in weights/README.md. From the fourth on each training starts from the mean of the start and the
end of the one before, from the twelfth on from the mean of all results from the seventh on; the mean of the
last three results is exported. With --gpu it is one training in large batches, for a GPU and many cores,
whose end is exported to WORK (the shipped file is better); its 12 workers take some 15 GB of memory and 4 GB
of shared memory. With --checkpoint only the export is done.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from spider2d import cli
from spider2d.checkpoint import load_checkpoint, save_checkpoint
from spider2d.errors import CheckpointError, ConfigError

PIXEL_SIZE_MM = "0.8"
SMALLER_RATE = ("optimiser.learning_rate=1e-3",)
LONGER_SERIES = (*SMALLER_RATE, "data.synthetic.samples_per_series=20")
LONGER_AVERAGE = (*LONGER_SERIES, "optimiser.ema_decay=0.998")
MORE_BESIDE = (*LONGER_AVERAGE, "data.beside_bodies_fraction=0.4", "loss.slice_dice=1.5")
GENTLE = (*MORE_BESIDE, "optimiser.learning_rate=7e-4")
OTHER_ASPECTS = (*GENTLE, "augment.aspect=1.5")
COARSE = (*OTHER_ASPECTS, "augment.low_resolution=0.35", "augment.noise=0.25")
COARSER = (
    *OTHER_ASPECTS,
    "augment.low_resolution=0.5",
    "augment.noise=0.4",
    "augment.blur=0.3",
    "augment.ringing=0.15",
    "augment.bias_field=0.3",
)
LATER_TRAININGS = (
    ("training.steps=17500", "seed=2", *SMALLER_RATE),
    ("training.steps=12500", "seed=5", *LONGER_SERIES),
    ("training.steps=9000", "seed=8", *LONGER_AVERAGE),
    ("training.steps=10000", "seed=11", *MORE_BESIDE),
    (
        "training.steps=15000",
        "seed=12",
        *MORE_BESIDE,
        "data.beside_bodies_fraction=0.5",
        "loss.slice_dice=2.0",
    ),
    ("training.steps=10000", "seed=37", *MORE_BESIDE),
    ("training.steps=4000", "seed=41", *MORE_BESIDE),
    ("training.steps=18000", "seed=47", *MORE_BESIDE, "optimiser.learning_rate=1.5e-3"),
    ("training.steps=8000", "seed=53", *MORE_BESIDE),
    ("training.steps=7000", "seed=71", *GENTLE),
    ("training.steps=7000", "seed=73", *GENTLE),
    ("training.steps=7000", "seed=74", *GENTLE),
    ("training.steps=7000", "seed=79", *OTHER_ASPECTS),
    ("training.steps=7000", "seed=83", *COARSE),
    ("training.steps=6500", "seed=97", *COARSER),
    ("training.steps=7000", "seed=101", *COARSE, "model.feature_mix=0.5"),
)
"""Settings of the trainings that go on from former ones."""
FIRST_FROM_A_MEAN = 4
"""From this training on each starts from the mean of the weights before and after the last one."""
FIRST_AVERAGED, FIRST_FROM_ALL = 7, 12
"""From the latter training on each starts from the mean of the results since the former."""
N_EXPORTED = 3
"""So many of the last results are averaged for the exported file."""
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
CONFIG = cli.PROJECT_ROOT / "experiments" / "synthetic_2d.yaml"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("synthetic"), help="folder for data and training run"
    )
    parser.add_argument("--gpu", action="store_true", help="one training in large batches instead of 17")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", help="export this one, or the mean of several, without training"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write (default: the shipped one is replaced; with --gpu WORK/synthetic_2d_gpu.pt)",
    )
    return parser.parse_args(argv)


def make_slices(work: Path) -> Path:
    """Make the phantoms for validation and extract their slices; return the folder of these."""
    data, slices = work / "phantom", work / "slices"
    cli.run_step("Phantoms for validation", ["preprocessing/make_phantom.py", "--output", str(data)])
    extract = ["preprocessing/extract_slices.py", "--pixel-size-mm", PIXEL_SIZE_MM]
    cli.run_step("Slices", [*extract, "--dataset", str(data), "--output", str(slices)])
    return slices


def train_on_gpu(work: Path) -> list[Path]:
    """Train once, in large batches; return what to export.

    Raises:
        ConfigError: There is no GPU, without which this takes longer than the 17 trainings.
    """
    if not torch.cuda.is_available():
        raise ConfigError(
            "found no GPU that torch can use; without --gpu 17 smaller trainings make the weights"
        )
    slices, run = make_slices(work), work / "run_gpu"
    cli.run_step("Training on random phantoms", training_command(slices, run, ON_A_GPU))
    return [run / "last.pt"]


def train(work: Path) -> list[Path]:
    """Train, each time from former results; return what to average."""
    slices, run = make_slices(work), work / "run"
    cli.run_step("Training on random phantoms", training_command(slices, run))

    start = end = run / "last.pt"  # the best by phantoms need not be: their masks hold the whole cortex
    ends = [end]
    for number, settings in enumerate(LATER_TRAININGS, start=2):
        begin, run = end, work / f"run_{number}"
        if number >= FIRST_FROM_A_MEAN:
            begin = work / f"mean_{number}.pt"
            export(ends[FIRST_AVERAGED - 1 :] if number >= FIRST_FROM_ALL else [start, end], begin)
        command = training_command(slices, run, (f"init={begin.as_posix()}", *settings))
        cli.run_step("Training goes on", command)
        start, end = begin, run / "last.pt"
        ends.append(end)
    return ends[-N_EXPORTED:]


def training_command(slices: Path, run: Path, settings: Sequence[str] = ()) -> list[str]:
    """Return the command of a training, which goes on where it was stopped."""
    command = ["src/train.py", "--config", str(CONFIG), "--output", str(run)]
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
    data = config["data"] | {"slices": Path(config["data"]["slices"]).name}
    init = Path(config["init"]).name if config.get("init") else None
    return info | {"config": config | {"data": data, "init": init}}


def main(args: argparse.Namespace) -> None:
    """Train unless a checkpoint is given, export, and say what to note in the model card."""
    train_all = train_on_gpu if args.gpu else train
    output = args.output or (args.work / "synthetic_2d_gpu.pt" if args.gpu else cli.SHIPPED_CHECKPOINT)
    digest = export(args.checkpoint or train_all(args.work), output)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}")
    if output.resolve() == cli.SHIPPED_CHECKPOINT.resolve():
        print("the shipped file was replaced: write the SHA-256 into weights/README.md")
    print(f"next: measure it: python experiments/real_data.py FOLDER --checkpoint {cli.quoted(output)}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args(), cli.WORK_IS_KEPT))
