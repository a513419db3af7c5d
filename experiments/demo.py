"""The whole path on phantom data, on any computer: phantom -> slices -> training -> masks -> 3D scores.

Runs the documented commands one after the other and prints what each takes. The second run reuses what is
there already; delete the folder to start afresh.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from spider2d import cli
from spider2d.errors import Spider2dError

CONFIG = cli.PROJECT_ROOT / "experiments" / "phantom_2d.yaml"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for everything it writes")
    parser.add_argument(
        "--patients", type=cli.whole_number(5), default=20, help="phantom patients, a fifth for validation"
    )
    minutes = cli.number_between(0.1, 600)
    parser.add_argument("--max-minutes", type=minutes, default=7.0, help="limit of the training time")
    return parser.parse_args(argv)


def demo_steps(output: Path, patients: int, max_minutes: float) -> list[tuple[str, list[str]]]:
    """Return (title, command) of every step; commands are what a user would type after ``python``."""
    data, slices, run = output / "phantom", output / "slices", output / "runs" / "phantom_2d"
    predictions, scores = output / "predictions", output / "scores"
    resume = ["--resume"] if (run / "last.pt").exists() else []
    steps = [
        ("Phantom data set", ["preprocessing/make_phantom.py", "--output", data, "--patients", patients]),
        ("Slices", ["preprocessing/extract_slices.py", "--dataset", data, "--output", slices]),
        (
            "Training",
            ["src/train.py", "--config", CONFIG, "--set", f"data.slices={slices.as_posix()}"]
            + ["--output", run, "--max-minutes", max_minutes, *resume],
        ),
        (
            "Inference",
            ["src/infer_volume.py", "--dataset", data, "--subset", "validation", "--preview"]
            + ["--checkpoint", run / "best.pt", "--output", predictions],
        ),
        (
            "Scores",
            ["src/evaluate_volumes.py", "--references", data / "masks", "--predictions", predictions]
            + ["--dataset", data, "--subset", "validation", "--output", scores],
        ),
    ]
    return [(title, [str(word) for word in command]) for title, command in steps]


def run_step(title: str, command: list[str]) -> float:
    """Run one documented command and return its seconds; raise Spider2dError when it fails."""
    print(f"\n=== {title}: python {' '.join(command)}", flush=True)
    start = time.perf_counter()
    script = cli.PROJECT_ROOT / command[0]
    code = subprocess.run([sys.executable, str(script), *command[1:]], check=False).returncode
    if code != 0:
        raise Spider2dError(f"the step '{title}' ended with exit code {code}; its message stands above")
    return time.perf_counter() - start


def main(args: argparse.Namespace) -> None:
    """Run all steps, then say what each took and what to open."""
    seconds = [
        (title, run_step(title, command))
        for title, command in demo_steps(args.output, args.patients, args.max_minutes)
    ]
    print("\nTime: " + ", ".join(f"{title} {s:.0f} s" for title, s in seconds), end="")
    print(f"; together {sum(s for _, s in seconds) / 60:.1f} min")
    print("\nOpen next:")
    print(f"  masks, reports and overlay pictures   {args.output / 'predictions'}")
    print(f"  the slices the network saw            {args.output / 'slices' / 'contact_sheet.png'}")
    print(f"  scores per case and structure         {args.output / 'scores'}")
    print(f"  curves and pictures of the training   tensorboard --logdir {args.output / 'runs'}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
