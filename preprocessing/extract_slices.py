"""Extract the slices that training reads: normalised, resampled in plane, with class and instance maps.

Run again at any time, after a kill too: finished series are kept, changed or missing ones are made.
"""

import argparse
import sys
from pathlib import Path

from spider2d import cli
from spider2d.data.contact_sheet import write_contact_sheet
from spider2d.data.extract import (
    DEFAULT_PIXEL_SIZE_MM,
    REAL_PIXEL_SIZE_MM,
    ExtractionReport,
    extract_dataset,
)
from spider2d.data.parallel import usable_cores
from spider2d.data.phantom.dataset import is_phantom
from spider2d.labels import STRUCTURES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--dataset", type=Path, default=Path("data/phantom"), help="folder in SPIDER's form: images/, masks/"
    )
    parser.add_argument("--output", type=Path, default=Path("data/slices"), help="folder for the slices")
    parser.add_argument(
        "--pixel-size-mm",
        type=cli.number_between(0.1, 5),
        default=DEFAULT_PIXEL_SIZE_MM,
        help=f"in-plane pixel size (%(default)s, for the phantom; {REAL_PIXEL_SIZE_MM} for real data)",
    )
    parser.add_argument("--workers", type=cli.whole_number(1), default=usable_cores(), help="processes")
    parser.add_argument(
        "--source-classes",
        type=lambda text: tuple(text.split(",")),
        default=STRUCTURES,
        help="what the masks label, such as vertebra,disc (default: all); the loss leaves out the rest",
    )
    parser.add_argument(
        "--keep-others",
        action="store_true",
        help="keep the series of other data sets that are in the output folder: train on several sources, "
        "told apart by the names of their folders",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Extract, draw the contact sheet, and say what was done and what comes next."""
    report = extract_dataset(
        args.dataset,
        args.output,
        args.pixel_size_mm,
        args.source_classes,
        args.workers,
        args.keep_others,
    )
    sheet = write_contact_sheet(args.output)
    print(f"{args.output}: {len(report.written)} series written, {len(report.unchanged)} unchanged")
    print(f"split: {report.split}")
    print(f"look at them: {sheet}")
    print_problems(report, args.output)
    if report.failed:
        return cli.EXIT_FAILED
    config = "" if is_phantom(args.dataset) else " --config experiments/spider_2d.yaml"
    print(f"next: python src/train.py{config}{_slices_option(args.output)}")
    return cli.EXIT_OK


def print_problems(report: ExtractionReport, output: Path) -> None:
    """Print remarks, leftover folders and failed series, if any."""
    for name, remark in report.remarks.items():
        print(f"note: {name}: {remark}")
    if report.leftover:
        print(
            f"note: not in this data set, so not in the manifest: {', '.join(report.leftover)}. Delete these "
            f"folders of {output} if you do not need them; those of another data set stay with --keep-others."
        )
    for name, message in report.failed.items():
        print(f"error: {name}: {message}", file=sys.stderr)
    if report.failed:
        print(
            f"error: {len(report.failed)} series failed and are left out of the manifest. Repair or remove "
            "their files and run the same command again: only they are done then.",
            file=sys.stderr,
        )


def _slices_option(output: Path) -> str:
    return "" if output == Path("data/slices") else f" --set {cli.quoted(f'data.slices={output.as_posix()}')}"


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args(), cli.WORK_IS_KEPT))
