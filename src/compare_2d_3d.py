"""Compare scored runs of any methods: accuracy, paired differences, cost, pictures, published figures.

RUN is NAME=FOLDER, the folder written by evaluate_volumes.py; one run alone is compared with published
figures. Or RUN is one study file that says more (dimension, cost, predictions):

    dataset: data/phantom
    margin_dice: 0.02
    runs:
      - {name: 2D, scores: runs/a/scores, dimension: 2D, cost: runs/a/cost.json}
      - {name: 3D, scores: runs/b/scores, predictions: runs/b/predictions}
    skipped: {UNETR: monai is not installed}

The first run is compared with each of the others. cost.json in a scores folder (experiments/measure_cost.py
writes it) is taken without being named. Written to OUTPUT: report.html, report.md, figures/, tensorboard/.
Runs that were not scored on the same cases and references are refused.
"""

import argparse
import sys
from pathlib import Path

from spider2d import cli
from spider2d.atomic_write import make_writable_folder
from spider2d.reports.comparison import read_comparison
from spider2d.reports.study import parse_study


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="NAME=FOLDER ..., or one study file .yaml")
    parser.add_argument("--output", type=Path, default=Path("comparison"), help="folder (%(default)s)")
    parser.add_argument(
        "--dataset", type=Path, help="data set folder, for pictures (default: the one the scores name)"
    )
    parser.add_argument(
        "--margin", type=cli.number_between(0.0001, 0.9999), help="non-inferiority margin, Dice (0.02)"
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Read and check the runs, write everything, say what to open."""
    study = parse_study(args.runs)
    given = {"dataset": args.dataset, "margin_dice": args.margin}
    study = study.model_copy(update={key: value for key, value in given.items() if value is not None})
    comparison = read_comparison(study)
    make_writable_folder(args.output)
    # Here and not above: torch takes seconds to import, and wrong input need not wait for it.
    from spider2d.reports.non_inferiority import non_inferiority_sentences
    from spider2d.reports.write import EVENTS_FOLDER, HTML_NAME, write_comparison

    written = write_comparison(comparison, args.output)
    for sentence in non_inferiority_sentences(comparison):
        print(sentence)
    print("wrote " + ", ".join(str(path) for path in written))
    print(f"next: open {args.output / HTML_NAME} in a browser")
    print(f"      tensorboard --logdir {args.output / EVENTS_FOLDER}   then localhost:6006/#custom_scalars")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
