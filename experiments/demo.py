"""The whole path on phantom data, on any computer: phantom, slices, training, masks, 3D scores, report.

Runs the documented commands one after the other and prints what each takes. The second run reuses what is
there already; delete the folder to start afresh.
"""

import argparse
import sys
from pathlib import Path

from spider2d import cli
from spider2d.cli import run_step

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
    comparison = ["src/compare_2d_3d.py", f"2D U-Net={scores}", "--output", output / "comparison"]
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
        (
            "Cost",
            ["experiments/measure_cost.py", "--checkpoint", run / "best.pt", "--repeats", 1]
            + ["--output", scores / "cost.json"],
        ),
        ("Comparison with published figures", [*comparison, "--dataset", data]),
    ]
    return [(title, [str(word) for word in command]) for title, command in steps]


def main(args: argparse.Namespace) -> None:
    """Run all steps, then say what each took and what to open."""
    seconds = [
        (title, run_step(title, command))
        for title, command in demo_steps(args.output, args.patients, args.max_minutes)
    ]
    print("\nTime: " + ", ".join(f"{title} {s:.0f} s" for title, s in seconds), end="")
    print(f"; together {sum(s for _, s in seconds) / 60:.1f} min")
    print(
        "\nOther commands need the environment: source .venv/bin/activate (Windows: .venv\\Scripts\\activate)"
    )
    print("\nOpen next:")
    print(f"  the result beside published figures   {args.output / 'comparison' / 'report.html'}")
    print(f"  masks, reports and overlay pictures   {args.output / 'predictions'}")
    print(f"  the slices the network saw            {args.output / 'slices' / 'contact_sheet.png'}")
    print(f"  scores per case and structure         {args.output / 'scores'}")
    print(f"  curves and pictures of the training   tensorboard --logdir {args.output / 'runs'}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args(), cli.WORK_IS_KEPT))
