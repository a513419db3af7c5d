"""The small 2D-against-3D study: every method trained and scored on one phantom split, then compared.

Every method gets the same minutes of training in a study that runs through, no choice is made by the patients
that are scored (one validation, at the end), and the commands are the documented ones. A step that is done is
not repeated, so the same command goes on where it was stopped; but a training that was stopped in its midst
goes on with its minutes anew, and that method has had more than the others (never more than its steps): see
the times under "Cost of training", and for a fair comparison start that method's folder afresh. A method that
cannot run or fails is named; the others are compared.
"""

import argparse
import contextlib
import hashlib
import json
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from spider2d import cli
from spider2d.atomic_write import write_text
from spider2d.cost_file import COST_NAME
from spider2d.errors import Spider2dError

NNUNET_CONFIGURATION = "3d_fullres"
EXPERIMENTS = cli.PROJECT_ROOT / "experiments"


@dataclass(frozen=True)
class Method:
    """One method of the study.

    Attributes:
        key: Name of its folder.
        name: Name in the report.
        dimension: "2D", "2.5D" or "3D".
        config: Name of its file in ``experiments/``; None: nnU-Net.
        steps: Steps of its training, whose learning rate falls to zero over them: about what two cores do in
            the default minutes. nnU-Net: epochs.
        package: What must be installed for it.
    """

    key: str
    name: str
    dimension: str
    config: str | None
    steps: int
    package: str | None = None


METHODS = (
    Method("2d", "2D U-Net", "2D", "phantom_2d", 1250),
    Method("25d", "2.5D U-Net", "2.5D", "phantom_25d", 1150),
    Method("unet3d", "3D U-Net", "3D", "phantom_unet3d", 420, "monai"),
    Method("unetr", "UNETR", "3D", "phantom_unetr", 340, "monai"),
    Method("nnunet", "nnU-Net", "3D", None, 13, "nnunetv2"),
)

Steps = list[tuple[str, list[str]]]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("phantom_methods"), help="folder (%(default)s)")
    keys = [method.key for method in METHODS]
    parser.add_argument("--methods", nargs="+", choices=keys, default=keys, help="(all)")
    parser.add_argument(
        "--patients", type=cli.whole_number(5), default=50, help="of the phantom, a fifth is scored (50)"
    )
    minutes = cli.number_between(0.05, 600)
    parser.add_argument("--max-minutes", type=minutes, default=3.5, help="training of each (%(default)s)")
    length = cli.number_between(0.01, 1000)
    factor = "factor on the steps of every training; with more minutes, more steps (%(default)s)"
    parser.add_argument("--length", type=length, default=1.0, help=factor)
    return parser.parse_args(argv)


def why_skipped(method: Method) -> str | None:
    """Return why a method cannot run here and what to type; None when it can."""
    if method.package and find_spec(method.package) is None:
        from spider2d.models.volume_nets import INSTALL_COMMAND  # loads torch

        return f"{method.package} is not installed; {INSTALL_COMMAND}"
    return None


def data_steps(args: argparse.Namespace) -> Steps:
    """Return the steps that make the data all methods share."""
    data, slices = args.output / "phantom", args.output / "slices"
    make = ["preprocessing/make_phantom.py", "--output", data, "--patients", args.patients]
    extract = ["preprocessing/extract_slices.py", "--dataset", data, "--output", slices]
    return _texts([("phantom", make), ("slices", extract)])


def method_steps(method: Method, args: argparse.Namespace) -> Steps:
    """Return the steps of one method: training, label files, scores, cost."""
    folder, data = args.output / method.key, args.output / "phantom"
    nnunet = folder / "work" / NNUNET_CONFIGURATION
    predictions = (folder if method.config else nnunet) / "predictions"
    score = ["src/evaluate_volumes.py", "--dataset", data, "--subset", "validation"]
    scoring = ("scores", [*score, "--predictions", predictions, "--output", folder / "scores"])
    n_steps = max(1, round(args.length * method.steps))
    if method.config is None:
        return _texts([*nnunet_steps(folder, data, n_steps, args.max_minutes), scoring])
    run = folder / "run"
    settings = {
        "data.slices": (args.output / "slices").as_posix(),
        "training.steps": n_steps,
        "validation.every_steps": n_steps,  # once, at the end: scored patients choose no checkpoint
    }
    training = ["src/train.py", "--config", EXPERIMENTS / f"{method.config}.yaml"]
    training += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    again = ["--resume"] if (run / "last.pt").exists() else []
    # Headers are true here, and only 2D networks could doubt them: all methods get the same.
    trusting = ["--trust-pixel-size"]
    inference = ["src/infer_volume.py", "--dataset", data, "--subset", "validation", *trusting]
    cost = ["experiments/measure_cost.py", "--checkpoint", run / "best.pt", "--repeats", 1, *trusting]
    return _texts(
        [
            ("training", [*training, "--output", run, "--max-minutes", args.max_minutes, *again]),
            ("inference", [*inference, "--checkpoint", run / "best.pt", "--output", predictions]),
            scoring,
            ("cost", [*cost, "--output", folder / "scores" / COST_NAME]),
        ]
    )


def nnunet_steps(folder: Path, data: Path, epochs: int, max_minutes: float) -> Steps:
    """Return the steps of a small 3d_fullres nnU-Net by way of its own package."""
    script, work = "src/run_nnunet.py", ["--work", folder / "work"]
    small = ["--memory-target-gb", 1, "--base-features", 8, "--epochs", epochs, "--iterations", 25]
    training = [script, "train", *work, *small, "--threads", 1, "--max-minutes", max_minutes]
    begun = any((folder / "work").rglob("checkpoint_*.pth"))
    return [
        ("export", [script, "export", *work, "--dataset", data]),
        ("training", [*training, "--resume"] if begun else training),
        ("inference", [script, "predict", *work, "--no-mirroring", "--step-size", 0.75]),
        ("import", [script, "import", *work]),
        ("cost", [script, "cost", *work, "--repeats", 1]),
    ]


def _texts(steps: list) -> Steps:
    return [(title, [str(word) for word in command]) for title, command in steps]


def settings_of(steps: Steps, config: str | None = None) -> dict[str, Any]:
    """Return what makes the results of steps: their commands, and the text of their configuration."""
    commands = {title: [word for word in command if word != "--resume"] for title, command in steps}
    if config is None:
        return commands
    text = (EXPERIMENTS / f"{config}.yaml").read_bytes()
    return commands | {"configuration": hashlib.sha256(text).hexdigest()}


def run_steps(mark: Path, name: str, steps: Steps, settings: dict[str, Any]) -> None:
    """Run those steps that are not done.

    Args:
        mark: File that says what is done, with which settings, in how many seconds.
        name: Of the method, for the titles.
        steps: All its steps in their order.
        settings: What the results depend on.

    Raises:
        Spider2dError: A step failed, or the mark is damaged or of other settings.
    """
    state = read_mark(mark) if mark.is_file() else {"settings": settings, "seconds": {}}
    if state["settings"] != settings:
        changed = [key for key in settings if state["settings"].get(key) != settings[key]]
        raise Spider2dError(
            f"{mark.parent} was made with other settings ({', '.join(changed) or 'fewer of them'}); "
            "results of two settings are not mixed. Delete that folder, or name another --output."
        )
    for title, command in steps:
        if title in state["seconds"]:
            print(f"=== {name}{title}: done before")
            continue
        state["seconds"][title] = round(cli.run_step(f"{name}{title}", command), 1)
        write_text(mark, json.dumps(state, indent=1) + "\n")


def read_mark(mark: Path) -> dict[str, Any]:
    """Return what a mark says, or raise Spider2dError where it says nothing."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        state = json.loads(mark.read_text(encoding="utf-8"))
        if all(isinstance(state[key], dict) for key in ("settings", "seconds")):
            return state
    raise Spider2dError(
        f"{mark}: damaged, so that nobody knows what is done. Delete {mark.parent}, or name another --output."
    )


def run_methods(args: argparse.Namespace, methods: list[Method]) -> dict[str, str]:
    """Run the methods one after the other; return those that cannot run here or failed, with the reason."""
    data = settings_of(data_steps(args))
    left_out = {}
    for method in methods:
        reason = why_skipped(method)
        if reason is None:
            steps = method_steps(method, args)
            settings = settings_of(steps, method.config) | {"data": data}
            try:
                run_steps(args.output / method.key / "steps.json", f"{method.name}: ", steps, settings)
            except Spider2dError as error:
                reason = str(error)
        if reason:
            left_out[method.name] = reason
            print(f"left out: {method.name}: {reason}", file=sys.stderr)
    return left_out


def write_study(args: argparse.Namespace, methods: list[Method], left_out: dict[str, str]) -> Path:
    """Write the study file of the comparison."""
    runs = []
    for method in methods:
        folder = args.output / method.key
        run = {"name": method.name, "dimension": method.dimension, "scores": (folder / "scores").as_posix()}
        own_cost = folder / "work" / NNUNET_CONFIGURATION / COST_NAME
        runs.append(run | ({"cost": own_cost.as_posix()} if own_cost.is_file() else {}))
    study = {"dataset": (args.output / "phantom").as_posix(), "runs": runs, "skipped": left_out}
    path = args.output / "study.yaml"
    write_text(path, yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
    return path


def main(args: argparse.Namespace) -> int:
    """Run everything that can run here, compare, say what was left out."""
    chosen = [method for method in METHODS if method.key in args.methods]
    steps = data_steps(args)
    run_steps(args.output / "data.json", "", steps, settings_of(steps))
    left_out = run_methods(args, chosen)
    done = [method for method in chosen if method.name not in left_out]
    if not done:
        raise Spider2dError("no method could be run; the reasons stand above")
    report = args.output / "comparison"
    study = write_study(args, done, left_out)
    cli.run_step("comparison", ["src/compare_2d_3d.py", str(study), "--output", str(report)])
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")
    print(f"open {report / 'report.html'}")
    failed = [method for method in chosen if method.name in left_out and why_skipped(method) is None]
    return cli.EXIT_FAILED if failed else cli.EXIT_OK


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args(), cli.WORK_IS_KEPT))
