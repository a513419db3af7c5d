"""The small 2D-against-3D study: every method trained and scored on one phantom split, then compared.

Runs the documented commands one after the other. A step that is done is not repeated, so the same command
goes on where it was stopped; a step whose command has changed runs again, and those after it. What is not
installed is skipped with a line that says so.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

from spider2d import cli
from spider2d.atomic_write import write_text
from spider2d.cost_file import COST_NAME

NNUNET_CONFIGURATION = "3d_fullres"
EXPERIMENTS = cli.PROJECT_ROOT / "experiments"


@dataclass(frozen=True)
class Method:
    """One method of the study: ``config`` is the name of its file in ``experiments/`` (None: nnU-Net)."""

    key: str
    name: str
    dimension: str
    config: str | None
    package: str | None = None


METHODS = (
    Method("2d", "2D U-Net", "2D", "phantom_2d"),
    Method("25d", "2.5D U-Net", "2.5D", "phantom_25d"),
    Method("unet3d", "3D U-Net", "3D", "phantom_unet3d", "monai"),
    Method("unetr", "UNETR", "3D", "phantom_unetr", "monai"),
    Method("nnunet", "nnU-Net", "3D", None, "nnunetv2"),
)

Steps = list[tuple[str, list[str]]]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("phantom_methods"), help="folder (%(default)s)")
    keys = [method.key for method in METHODS]
    parser.add_argument("--methods", nargs="+", choices=keys, default=keys, help="(all)")
    parser.add_argument(
        "--patients", type=cli.whole_number(5), default=20, help="phantom patients, a fifth for validation"
    )
    minutes = cli.number_between(0.05, 600)
    parser.add_argument("--max-minutes", type=minutes, default=4.0, help="training of each (%(default)s)")
    parser.add_argument(
        "--nnunet-epochs", type=cli.whole_number(1), default=4, help="epochs of 25 iterations (%(default)s)"
    )
    return parser.parse_args(argv)


def why_skipped(method: Method) -> str | None:
    """Return why a method cannot run here and what to type; None when it can."""
    if method.package and find_spec(method.package) is None:
        from spider2d.models.volume_nets import INSTALL_COMMAND  # loads torch

        return f"{method.package} is not installed; {INSTALL_COMMAND}"
    needed = (
        EXPERIMENTS / f"{method.config}.yaml" if method.config else cli.PROJECT_ROOT / "src/run_nnunet.py"
    )
    return None if needed.is_file() else f"{needed} is not there"


def data_steps(args: argparse.Namespace) -> Steps:
    """Return the steps that make the data all methods share."""
    data, slices = args.output / "phantom", args.output / "slices"
    return _texts(
        [
            ("phantom", ["preprocessing/make_phantom.py", "--output", data, "--patients", args.patients]),
            ("slices", ["preprocessing/extract_slices.py", "--dataset", data, "--output", slices]),
        ]
    )


def method_steps(method: Method, args: argparse.Namespace) -> Steps:
    """Return the steps of one method: training, label files, scores, cost."""
    folder, data = args.output / method.key, args.output / "phantom"
    nnunet = folder / "work" / NNUNET_CONFIGURATION
    predictions = (folder if method.config else nnunet) / "predictions"
    scores = folder / "scores"
    score = ["src/evaluate_volumes.py", "--dataset", data, "--subset", "validation"]
    scoring = ("scores", [*score, "--predictions", predictions, "--output", scores])
    if method.config is None:
        return _texts([*nnunet_steps(folder, data, args.nnunet_epochs), scoring])
    run = folder / "run"
    slices = f"data.slices={(args.output / 'slices').as_posix()}"
    again = ["--resume"] if (run / "last.pt").exists() else []
    training = ["src/train.py", "--config", EXPERIMENTS / f"{method.config}.yaml", "--set", slices]
    inference = ["src/infer_volume.py", "--dataset", data, "--subset", "validation"]
    cost = ["experiments/measure_cost.py", "--checkpoint", run / "best.pt", "--repeats", 1]
    return _texts(
        [
            ("training", [*training, "--output", run, "--max-minutes", args.max_minutes, *again]),
            ("inference", [*inference, "--checkpoint", run / "best.pt", "--output", predictions]),
            scoring,
            ("cost", [*cost, "--output", scores / COST_NAME]),
        ]
    )


def nnunet_steps(folder: Path, data: Path, epochs: int) -> Steps:
    """Return the steps of a small 3d_fullres nnU-Net by way of its own package."""
    script, work = "src/run_nnunet.py", ["--work", folder / "work"]
    small = ["--memory-target-gb", 1, "--base-features", 8, "--epochs", epochs, "--iterations", 25]
    return [
        ("export", [script, "export", *work, "--dataset", data]),
        ("training", [script, "train", *work, *small, "--threads", 1]),
        ("inference", [script, "predict", *work, "--no-mirroring"]),
        ("import", [script, "import", *work]),
    ]


def _texts(steps: list) -> Steps:
    return [(title, [str(word) for word in command]) for title, command in steps]


def run_once(marks: Path, title: str, command: list[str]) -> bool:
    """Run a step unless its mark says that the same command is done; return whether it ran."""
    mark = marks / f"{title.replace(' ', '_').replace(':', '')}.json"
    wanted = [word for word in command if word != "--resume"]
    if mark.is_file() and json.loads(mark.read_text(encoding="utf-8"))["command"] == wanted:
        print(f"=== {title}: done before")
        return False
    seconds = cli.run_step(title, command)
    write_text(mark, json.dumps({"command": wanted, "seconds": round(seconds, 1)}, indent=1) + "\n")
    return True


def run_all(marks: Path, prefix: str, steps: Steps) -> None:
    """Run steps in their order; after one that ran, the later ones are out of date and run as well."""
    for position, (title, command) in enumerate(steps):
        if run_once(marks, f"{prefix}{title}", command):
            for later, _ in steps[position + 1 :]:
                name = f"{prefix}{later}".replace(" ", "_").replace(":", "")
                (marks / f"{name}.json").unlink(missing_ok=True)


def write_study(args: argparse.Namespace, methods: list[Method]) -> Path:
    """Write the study file of the comparison."""
    runs = []
    for method in methods:
        folder = args.output / method.key
        run = {"name": method.name, "dimension": method.dimension, "scores": (folder / "scores").as_posix()}
        own_cost = folder / "work" / NNUNET_CONFIGURATION / COST_NAME
        runs.append(run | ({"cost": own_cost.as_posix()} if own_cost.is_file() else {}))
    study = {"dataset": (args.output / "phantom").as_posix(), "runs": runs}
    path = args.output / "study.yaml"
    write_text(path, yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
    return path


def main(args: argparse.Namespace) -> None:
    """Run everything that can run here, compare, say what was skipped."""
    marks = args.output / "steps"
    chosen = [method for method in METHODS if method.key in args.methods]
    skipped = {method.name: reason for method in chosen if (reason := why_skipped(method))}
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    run_all(marks, "", data_steps(args))
    done = [method for method in chosen if method.name not in skipped]
    for method in done:
        run_all(marks, f"{method.name}: ", method_steps(method, args))
    report = args.output / "comparison"
    study = write_study(args, done)
    cli.run_step("comparison", ["src/compare_2d_3d.py", str(study), "--output", str(report)])
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    print(f"open {report / 'report.html'}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
