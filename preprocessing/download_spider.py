"""Download the SPIDER data set (CC-BY 4.0, about 3.8 GB) from Zenodo and unpack it.

An interrupted download goes on where it stopped when the same command is run again.
"""

import argparse
import sys
from pathlib import Path

from spider2d import cli
from spider2d.data.download import RECORD_URL, download_dataset


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("data/spider"), help="folder to write")
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE", help="fetch only these of the files")
    parser.add_argument("--keep-archives", action="store_true", help="keep the zip files after unpacking")
    parser.add_argument("--record-url", default=RECORD_URL, help="the record in Zenodo's API")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Download, unpack, and say what to run next."""
    files = download_dataset(args.output, args.record_url, args.only, args.keep_archives)
    print(f"downloaded {', '.join(file.name for file in files)} to {args.output}")
    print(f"next: python preprocessing/check_dataset.py --dataset {cli.quoted(args.output)}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args(), cli.WORK_IS_KEPT))
