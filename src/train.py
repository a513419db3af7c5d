"""Train the network of a configuration, 2D or 3D, on extracted slices.

Writes best.pt, last.pt, config.yaml, metrics.jsonl, cost.json and curves.

python src/train.py                                             the phantom configuration
python src/train.py --config experiments/X.yaml --set optimiser.learning_rate=1e-3
python src/train.py --resume                                    go on after Ctrl-C, a kill or --max-minutes
torchrun --nproc-per-node 4 src/train.py --config ...           on four GPUs
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spider2d import cli

if TYPE_CHECKING:
    from spider2d.training.fit import FitResult

DEFAULT_CONFIG = cli.PROJECT_ROOT / "experiments" / "phantom_2d.yaml"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="YAML file of the experiment")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the configuration, e.g. data.slices=DIR; may be repeated",
    )
    parser.add_argument("--output", type=Path, help="folder of the run (default: runs/<config name>)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last.pt")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in the folder")
    parser.add_argument(
        "--max-minutes", type=cli.number_between(0, 1e6), help="stop cleanly, resumable, after this time"
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Train, then say what was written and what to run next."""
    # Here and not above: torch takes seconds to import, and --help need not wait for it.
    from spider2d.training.distributed import join_processes
    from spider2d.training.fit import fit
    from spider2d.training.interrupt import stop_requests
    from spider2d.training.train_config import load_train_config

    config = load_train_config(args.config, args.set)
    folder = args.output or Path("runs") / args.config.stem
    try:
        with join_processes() as process, stop_requests(args.max_minutes) as stop:
            result = fit(config, folder, process, stop, args.resume, args.overwrite)
    except KeyboardInterrupt:  # a second one: the first ends the training after the step in hand
        kept = "--resume goes on from there" if (folder / "last.pt").exists() else "nothing was saved yet"
        print(f"stopped at once, without saving; {folder / 'last.pt'}: {kept}", file=sys.stderr)
        return cli.EXIT_INTERRUPTED
    if process.is_main:
        print(describe(result, folder))
    return cli.EXIT_INTERRUPTED if result.stopped_by not in (None, "time") else cli.EXIT_OK


def describe(result: "FitResult", folder: Path) -> str:
    """Return what a call of the training wrote, and the next commands."""
    lines = [f"{result.step} of {result.total_steps} steps done"]
    if result.stopped_by:
        lines[0] += f", stopped by {result.stopped_by}; the same command with --resume goes on"
    lines.append(f"wrote {folder / 'last.pt'} (to resume)")
    if result.best_score is not None:
        lines.append(f"wrote {folder / 'best.pt'} (best 3D Dice {result.best_score:.4f}, for inference)")
        lines.append(f"next: python src/infer_volume.py INPUT --checkpoint {cli.quoted(folder / 'best.pt')}")
    lines.append(f"      tensorboard --logdir {cli.quoted(folder.parent)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
