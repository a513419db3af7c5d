"""Write a phantom data set in SPIDER's form: synthetic lumbar spines with known labels.

Running it again continues where it stopped.
"""

import argparse
import sys
from pathlib import Path

from spider2d import cli
from spider2d.data.parallel import usable_cores
from spider2d.data.phantom.dataset import VALIDATION_EVERY, write_dataset
from spider2d.data.phantom.protocols import PROTOCOLS


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("data/phantom"), help="folder to write")
    parser.add_argument("--patients", type=int, default=20, help="number of patients, a fifth for validation")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other patients")
    parser.add_argument(
        "--workers", type=cli.whole_number(1), default=usable_cores(), help="number of processes"
    )
    parser.add_argument("--size", choices=sorted(PROTOCOLS), default="small", help="matrix sizes")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the data set and say what to run next."""
    n_series = write_dataset(args.output, args.patients, args.seed, args.workers, args.size)
    print(f"wrote {n_series} series of {args.patients} phantom patients to {args.output}")
    if args.patients < VALIDATION_EVERY:
        print(f"note: no patient is for validation; a training needs --patients {VALIDATION_EVERY} or more")
    print(f"next: python preprocessing/extract_slices.py --dataset {cli.quoted(args.output)}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
