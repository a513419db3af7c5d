"""Score predicted label files of any method against reference masks, in 3D.

Files of the two folders belong together by name (12_t2.mha and 12_t2.nii.gz are one case) and must lie on one
grid. Labels: 1-25 vertebrae, 100 canal, 201-225 discs; the numbers of instances are free. Written to OUTPUT:
metrics.json (means, intervals, by sequence), per_case.csv and per_structure.csv; they hold the official
SPIDER figures and, beside them, strict ones. A case that cannot be scored is reported and the others are
scored; the exit code is then 1. With --subset, a missing prediction makes it 1 as well.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from spider2d import cli
from spider2d.atomic_write import make_writable_folder
from spider2d.cost_file import COST_NAME
from spider2d.data.parallel import usable_cores
from spider2d.data.spider_files import read_dataset
from spider2d.data.splits import split_series
from spider2d.errors import ScoreError
from spider2d.evaluation.bootstrap import COVERAGE_OF_FEW, FEW_PATIENTS, MIN_PATIENTS
from spider2d.evaluation.case_score import CaseScore
from spider2d.evaluation.score_files import (
    FAILED,
    NO_PREDICTION,
    NO_REFERENCE,
    NotScored,
    find_pairs,
    score_pairs,
)
from spider2d.evaluation.score_output import make_metrics, write_scores
from spider2d.evaluation.summary import format_table

DATASET = Path("data/phantom")
MAX_NAMES = 10
"""Names printed of a list; metrics.json holds all."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--references", type=Path, help="folder of masks (default: masks of --dataset)")
    parser.add_argument("--predictions", type=Path, default=Path("predictions"), help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("scores"), help="folder to write (%(default)s)")
    parser.add_argument("--dataset", type=Path, default=DATASET, help="data set folder (%(default)s)")
    parser.add_argument(
        "--subset",
        choices=("training", "validation"),
        help="score exactly this subset of --dataset: all of it must be predicted",
    )
    parser.add_argument(
        "--rows-2d",
        choices=("superior-first", "inferior-first"),
        help="accept 2D masks whose first row shows this end. Every pixel of a slice counts as surface: go "
        "by Dice, not by distances; volumes are those of 1 mm",
    )
    parser.add_argument(
        "--workers", type=cli.whole_number(1), default=usable_cores(), help="processes (%(default)s)"
    )
    return parser.parse_args(argv)


def expected_names(dataset: Path, subset: str) -> list[str]:
    """Return the names of all series of a subset."""
    names = [name for name, side in split_series(read_dataset(dataset)).items() if side == subset]
    if not names:
        raise ScoreError(f"{dataset}: no series in subset {subset}")
    return names


def main(args: argparse.Namespace) -> int:
    """Score, write the files, print the table and what is not in it."""
    references = args.references or args.dataset / "masks"
    expected = expected_names(args.dataset, args.subset) if args.subset else None
    pairs, unpaired = find_pairs(references, args.predictions, expected)
    make_writable_folder(args.output)
    cases, failed = score_pairs(pairs, args.workers, args.rows_2d)
    not_scored = sorted([*unpaired, *failed], key=lambda entry: entry.name)
    if not cases:
        print_not_scored(not_scored)
        raise ScoreError(f"nothing scored: no usable pair in {references} and {args.predictions}")
    settings = {
        **{"references": str(references), "predictions": str(args.predictions)},
        **{"subset": args.subset, "rows_2d": args.rows_2d},
    }
    metrics = make_metrics(cases, not_scored, settings)
    written = write_scores(args.output, cases, metrics)
    print(format_table(metrics))
    print_notes(metrics, args.output)
    print_not_scored(not_scored)
    print("wrote " + ", ".join(str(path) for path in written))
    print_next_step(cases, args.predictions)
    must_be_scored = failed or (args.subset and not_scored)
    return cli.EXIT_FAILED if must_be_scored else cli.EXIT_OK


def print_notes(metrics: dict, output: Path) -> None:
    """Say what a reader of the figures must know: of names, single cases, and a cost file that stays."""
    if MIN_PATIENTS <= metrics["n_patients"] < FEW_PATIENTS:
        print(f"note: intervals of few patients are too narrow: they hold the true mean {COVERAGE_OF_FEW}")
    if metrics["names_note"]:
        print(f"note: {metrics['names_note']}")
    for entry in metrics["notes"]:
        print(f"note: {entry['case']}: {entry['note']}")
    if (output / COST_NAME).is_file():
        print(
            f"note: {output / COST_NAME} was there before and stays: a comparison takes it for the cost of "
            "what was scored now. Delete it if it is another method's"
        )


def print_not_scored(not_scored: Sequence[NotScored]) -> None:
    """List the cases that are in no figure: failures one by one, missing partners by name."""
    for entry in not_scored:
        if entry.kind == FAILED:
            print(f"error: {entry.name} is not scored: {entry.reason}", file=sys.stderr)
    for kind, missing in ((NO_PREDICTION, "prediction"), (NO_REFERENCE, "reference")):
        names = [entry.name for entry in not_scored if entry.kind == kind]
        if names:
            shown = ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
            print(f"not scored, no {missing} of that name: {len(names)} ({shown})", file=sys.stderr)


def print_next_step(cases: Sequence[CaseScore], predictions: Path) -> None:
    """Name the series to look at first."""
    with_structures = [case for case in cases if case.strict["overall_reference_count"] > 0]
    worst = sorted(with_structures, key=lambda case: case.strict["overall_dice"])[:3]
    print("lowest Dice: " + ", ".join(f"{case.name} {case.strict['overall_dice']:.3f}" for case in worst))
    print(
        f"next: look at these in {predictions} (python src/infer_volume.py --preview draws masks over images)"
    )


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
