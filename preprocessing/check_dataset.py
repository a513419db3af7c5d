"""Check a data set in SPIDER's form: unreadable files, grids, labels, missing partners.

Prints what was found and writes one line per finding to a CSV file. The exit code is 1 when there are errors.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from spider2d import cli
from spider2d.data.extract import REAL_PIXEL_SIZE_MM
from spider2d.data.integrity import ERROR, Finding, check_dataset, write_findings
from spider2d.data.parallel import usable_cores
from spider2d.data.phantom.dataset import is_phantom
from spider2d.data.spider_files import read_dataset


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("data/phantom"), help="folder to check")
    parser.add_argument("--output", type=Path, default=Path("data/integrity.csv"), help="CSV file to write")
    parser.add_argument(
        "--workers", type=cli.whole_number(1), default=usable_cores(), help="number of processes"
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Check the data set, print a summary and write the findings."""
    dataset = read_dataset(args.dataset)
    findings = check_dataset(dataset, args.workers)
    write_findings(args.output, findings)
    print_summary(findings)
    n_errors = sum(finding.severity == ERROR for finding in findings)
    n_warnings = len(findings) - n_errors
    print(
        f"{len(dataset.series)} series checked: {n_errors} errors, {n_warnings} warnings; wrote {args.output}"
    )
    print(f"next: {extract_command(args.dataset)}")
    return cli.EXIT_FAILED if n_errors else cli.EXIT_OK


def extract_command(dataset: Path) -> str:
    """Return how to extract the slices: of real data into a folder of their own, with smaller pixels."""
    command = f"python preprocessing/extract_slices.py --dataset {cli.quoted(dataset)}"
    if is_phantom(dataset):
        return command
    folder = cli.quoted(Path("data") / f"{dataset.resolve().name}_slices")
    return f"{command} --output {folder} --pixel-size-mm {REAL_PIXEL_SIZE_MM}"


def print_summary(findings: list[Finding]) -> None:
    """Print every kind of finding once, with its number and its first example."""
    by_kind: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.severity, finding.kind].append(finding)
    for (severity, kind), alike in sorted(by_kind.items()):
        print(f"{severity}: {kind} ({len(alike)}), for example {alike[0].series}: {alike[0].message}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
