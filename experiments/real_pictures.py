"""Count vertebrae in mid-sagittal pictures of real series and compare with the data set's own table.

PICTURES holds 8-bit PNG files named <patient>_<sequence>.png whose first row is the lowest; TABLE is SPIDER's
overview.csv, which gives the pixel size and the number of labelled vertebrae of every series. Writes the
counts and a contact sheet to be looked at.
"""

import argparse
import csv
import io
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from spider2d import cli
from spider2d.atomic_write import write_text
from spider2d.checkpoint import load_predictor
from spider2d.data.contact_sheet import tile, write_png
from spider2d.data.normalise import apply_window, fit_window
from spider2d.data.overlay import overlay_rgb
from spider2d.data.pictures import HALVES, choose_pictures, read_picture, row_of
from spider2d.data.spider_tables import SEQUENCES, read_overview
from spider2d.data.volume import Volume, to_canonical
from spider2d.inference.segment import SegmentOptions, segment_volume
from spider2d.inference.slicewise import choose_precision
from spider2d.labels import VERTEBRA, class_of_label

SHEET_COLUMNS, TILE_PX = 10, 260


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of PNG files")
    parser.add_argument("table", type=Path, metavar="TABLE", help="SPIDER's overview.csv")
    parser.add_argument(
        "--checkpoint", type=Path, default=cli.SHIPPED_CHECKPOINT, help="default: the shipped one"
    )
    parser.add_argument(
        "--half",
        choices=HALVES,
        default="all",
        help="development: patients of even number, which may be looked at while the model is made",
    )
    parser.add_argument("--sheet", type=cli.whole_number(1), default=60, help="pictures on the contact sheet")
    parser.add_argument("--threads", type=cli.whole_number(1), default=1, help="CPU threads of the network")
    parser.add_argument("--output", type=Path, default=Path("predictions/real_pictures"))
    return parser.parse_args(argv)


def count_vertebrae(labels: np.ndarray) -> int:
    """Return the number of vertebra labels in a label array."""
    return sum(class_of_label(int(label)) == VERTEBRA for label in np.unique(labels) if label)


def draw_tile(image: Volume, labels: Volume, text: str) -> np.ndarray:
    """Return a square picture (uint8, RGB) of a slice with its masks and a caption."""
    image_rc, labels_rc = to_canonical(image).array_sra[0], to_canonical(labels).array_sra[0]
    picture = overlay_rgb(apply_window(image_rc, fit_window(image_rc)), labels_rc)
    scale = (TILE_PX - 16) / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    cell[: picture.shape[0], : picture.shape[1]] = picture
    return cv2.putText(cell, text, (3, TILE_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255))


def count_all(args: argparse.Namespace) -> tuple[list[dict], list[np.ndarray]]:
    """Segment the pictures; return one row of counts each, and the tiles of the contact sheet."""
    torch.set_num_threads(args.threads)
    network, spec = load_predictor(args.checkpoint)
    options = SegmentOptions("cpu", choose_precision("auto", "cpu"))
    table, paths = read_overview(args.table), choose_pictures(args.pictures, args.half)
    shown = set(np.linspace(0, len(paths) - 1, min(args.sheet, len(paths))).round().astype(int))
    expectations = [row_of(path, table) for path in paths]  # all, before the first minute of work
    rows, tiles = [], []
    for number, path in enumerate(tqdm(paths, desc="counting", unit="picture")):
        expected = expectations[number]
        image = read_picture(path, expected)
        labels = segment_volume(image, network, spec, options).labels
        found = count_vertebrae(labels.array_zyx)
        rows.append({"series": path.stem, "found": found, "expected": expected.n_vertebrae})
        if number in shown:
            tiles.append(draw_tile(image, labels, f"{path.stem}: {found} of {expected.n_vertebrae}"))
    return rows, tiles


def describe(rows: list[dict]) -> list[str]:
    """Return one line per sequence and one for all: how many counts are within one, and exact."""
    lines = []
    for name in (*SEQUENCES, "all"):
        chosen = [row for row in rows if name in (row["series"].split("_", 1)[1], "all")]
        if not chosen:
            continue
        errors = np.array([row["found"] - row["expected"] for row in chosen])
        near, exact = int((np.abs(errors) <= 1).sum()), int((errors == 0).sum())
        share = 100 * near / len(errors)
        lines.append(
            f"{name:<9} within one {near}/{len(errors)} ({share:.1f} %), "
            f"exact {exact}, mean {errors.mean():+.2f}"
        )
    return lines


def main(args: argparse.Namespace) -> None:
    """Count, print the table, and write counts.csv and contact_sheet.png."""
    rows, tiles = count_all(args)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    write_text(args.output / "counts.csv", text.getvalue())
    write_png(args.output / "contact_sheet.png", tile(tiles, SHEET_COLUMNS))
    print("\n".join(describe(rows)))
    print(f"wrote {args.output / 'counts.csv'} and contact_sheet.png beside it; look at the latter")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
