"""Proportions of real lumbar spines beside those of random phantoms: discs, canal and bodies at midline.

PICTURES and TABLE are as for real_pictures.py. Of the real pictures only the network's masks are known, which
lean towards the phantoms it was trained on; of phantoms their own labels are taken, on the slice with most
canal. Prints percentiles over pairs of neighbouring vertebrae.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from spider2d import cli
from spider2d.checkpoint import load_predictor
from spider2d.data.phantom.random_series import USUAL_PIXEL_MM, make_random_series
from spider2d.data.pictures import HALVES, choose_pictures, read_picture, row_of
from spider2d.data.spider_tables import read_overview
from spider2d.data.volume import to_canonical
from spider2d.evaluation.anatomy_ratios import PERCENTILES, PairRatios, describe_pairs, measure_pairs
from spider2d.inference.segment import SegmentOptions, segment_volume
from spider2d.inference.slicewise import choose_precision
from spider2d.labels import CANAL_LABEL


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of PNG files")
    parser.add_argument("table", type=Path, metavar="TABLE", help="SPIDER's overview.csv")
    parser.add_argument(
        "--checkpoint", type=Path, default=cli.SHIPPED_CHECKPOINT, help="default: the shipped one"
    )
    parser.add_argument(
        "--half", choices=HALVES, default="development", help="half of the patients (default: %(default)s)"
    )
    parser.add_argument("--every", type=cli.whole_number(1), default=1, help="take every n-th picture")
    parser.add_argument("--phantoms", type=cli.whole_number(1), default=50, help="how many random series")
    parser.add_argument(
        "--seed", type=cli.whole_number(0), default=0, help="number of the first random series"
    )
    parser.add_argument("--threads", type=cli.whole_number(1), default=1, help="CPU threads of the network")
    return parser.parse_args(argv)


def measure_pictures(args: argparse.Namespace) -> list[list[PairRatios]]:
    """Return the proportions in the network's masks, one list per picture."""
    torch.set_num_threads(args.threads)
    network, spec = load_predictor(args.checkpoint)
    options = SegmentOptions("cpu", choose_precision("auto", "cpu"))
    table, paths = read_overview(args.table), choose_pictures(args.pictures, args.half)[:: args.every]
    rows = [row_of(path, table) for path in paths]  # all, before the first minute of work
    measured = []
    for path, row in zip(tqdm(paths, desc="pictures", unit="picture"), rows, strict=True):
        labels = segment_volume(read_picture(path, row), network, spec, options).labels
        array_sra, spacing_sra_mm = to_canonical(labels)
        measured.append(measure_pairs(array_sra[0], spacing_sra_mm[1:]))
    return measured


def measure_phantoms(first: int, count: int) -> list[list[PairRatios]]:
    """Return the proportions in the labels of random phantoms, one list per phantom."""
    measured = []
    for seed in tqdm(range(first, first + count), desc="phantoms", unit="series"):
        series = make_random_series(seed, USUAL_PIXEL_MM)
        middle = int(np.argmax((series.labels_sra == CANAL_LABEL).sum((1, 2))))
        measured.append(measure_pairs(series.labels_sra[middle], series.spacing_sra_mm[1:]))
    return measured


def main(args: argparse.Namespace) -> None:
    """Measure both and print one block of percentiles each."""
    real, phantoms = measure_pictures(args), measure_phantoms(args.seed, args.phantoms)
    print(f"percentiles {', '.join(map(str, PERCENTILES))} over pairs of neighbouring vertebrae")
    for name, measured in (
        ("real pictures, the network's masks", real),
        ("random phantoms, labels", phantoms),
    ):
        pairs = [pair for pairs in measured for pair in pairs]
        print(f"{name}: {len(pairs)} pairs in {sum(map(bool, measured))} of {len(measured)}")
        print("\n".join(describe_pairs(pairs)))


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
