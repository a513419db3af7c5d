"""Put phantom slices beside real ones: a contact sheet to look at, and a few statistics of both.

The real folder holds ``spider_midsagittal_png/<patient>_<sequence>.png`` and
``spider_slices/images/*.mha`` (row 0 = inferior) and ``spider_tables/overview.csv``. Only those of the
development half are taken: a phantom made to look like the others could not be judged by them.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from spider2d import cli
from spider2d.data.contact_sheet import write_png
from spider2d.data.phantom.dataset import SeriesPlan, make_planned_series
from spider2d.data.pictures import DEVELOPMENT_SLICE_PATIENTS, choose_pictures
from spider2d.data.spider_tables import SEQUENCES, read_overview
from spider2d.data.volume import read_volume, to_canonical
from spider2d.errors import DatasetError

TILE_HW_MM = (330, 250)
PARASAGITTAL_MM = (0.0, 13.0, 26.0)
UNKNOWN_PIXEL_MM = (0.7, 0.7)
"""Taken for pictures whose size the table does not tell."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("real", type=Path, help="folder with real pictures")
    parser.add_argument("--output", type=Path, default=Path("phantom_beside_real.png"), help="contact sheet")
    parser.add_argument("--count", type=cli.whole_number(1), default=5, help="pictures per row")
    parser.add_argument(
        "--seed", type=cli.whole_number(0), default=0, help="chooses phantoms and real pictures"
    )
    parser.add_argument("--sequence", choices=SEQUENCES, help="only this sequence")
    return parser.parse_args(argv)


def tile(plane: np.ndarray, spacing_rc_mm: tuple[float, float]) -> np.ndarray:
    """Return a plane windowed to 8 bit and cut or padded to one size at 1 mm per pixel."""
    low, high = np.percentile(plane, (1, 99.5))
    grey = (np.clip((plane - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    size = [max(1, round(n * s)) for n, s in zip(plane.shape[::-1], spacing_rc_mm[::-1], strict=True)]
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    out = np.zeros(TILE_HW_MM, np.uint8)
    window, source = [], []
    for have, want in zip(grey.shape, TILE_HW_MM, strict=True):
        cut = min(have, want)
        source.append(slice((have - cut) // 2, (have - cut) // 2 + cut))
        window.append(slice((want - cut) // 2, (want - cut) // 2 + cut))
    out[tuple(window)] = grey[tuple(source)]
    return out


def real_midsagittal(folder: Path, sequence: str, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return tiles of real middle slices of one sequence."""
    overview = read_overview(folder / "spider_tables" / "overview.csv")
    pictures = folder / "spider_midsagittal_png"
    files = [
        path for path in choose_pictures(pictures, "development") if path.stem.partition("_")[2] == sequence
    ]
    if len(files) < count:
        raise DatasetError(
            f"{pictures}: {len(files)} pictures of {sequence} in the development half, {count} needed"
        )
    tiles = []
    for number in rng.choice(len(files), count, replace=False):
        row, picture = overview.get(files[number].stem), cv2.imread(str(files[number]), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise DatasetError(f"{files[number]}: not a readable picture; copy it again")
        tiles.append(tile(picture[::-1], (row and row.pixel_spacing_mm) or UNKNOWN_PIXEL_MM))
    return tiles


def real_parasagittal(folder: Path, sequence: str) -> list[np.ndarray]:
    """Return tiles of the real slices at any distance from the middle."""
    tiles = []
    for path in sorted((folder / "spider_slices" / "images").glob(f"*_{sequence}_s*.mha")):
        if path.name.split("_")[0] in DEVELOPMENT_SLICE_PATIENTS:
            image = to_canonical(read_volume(path, rows_2d="inferior-first"))
            tiles.append(tile(image.array_sra[0], image.spacing_sra_mm[1:]))
    return tiles


def phantom_tiles(sequence: str, count: int, seed: int) -> dict[float, list[np.ndarray]]:
    """Return tiles of phantom slices by their distance (mm) from the middle of the stack."""
    tiles = {distance: [] for distance in PARASAGITTAL_MM}
    for patient in range(1, count + 1):
        series = make_planned_series(SeriesPlan(Path(), seed, patient, sequence, "clinical"))
        for distance, row in tiles.items():
            number = series.image_sra.shape[0] // 2 + round(distance / series.spacing_sra_mm[0])
            row.append(tile(series.image_sra[number], series.spacing_sra_mm[1:]))
    return tiles


def statistics(tiles: list[np.ndarray]) -> str:
    """Return percentiles of the grey values and the mean gradient of a row of tiles."""
    inside = np.concatenate([picture[picture > 8] for picture in tiles]).astype(np.float32)
    quantiles = np.percentile(inside, (10, 25, 50, 75, 90)).round().astype(int)
    edges = np.mean([np.abs(np.diff(picture.astype(np.float32), axis=0)).mean() for picture in tiles])
    return f"grey 10/25/50/75/90 %: {quantiles.tolist()}, mean vertical step {edges:.1f}"


def main(args: argparse.Namespace) -> None:
    """Write the sheet and print the statistics."""
    rows = []
    for sequence in [args.sequence] if args.sequence else SEQUENCES:
        real = real_midsagittal(args.real, sequence, args.count, np.random.default_rng(args.seed))
        phantom = phantom_tiles(sequence, args.count, args.seed)
        print(f"{sequence:9} phantom middle  {statistics(phantom[0.0])}")
        print(f"{sequence:9} real middle     {statistics(real)}")
        rows += [phantom[0.0], real]
        aside = real_parasagittal(args.real, sequence)[: args.count]
        rows += [phantom[distance] for distance in PARASAGITTAL_MM[1:]]
        if aside:
            blank = [np.zeros(TILE_HW_MM, np.uint8)] * (args.count - len(aside))
            rows.append(aside + blank)
    sheet = np.vstack([np.hstack(row) for row in rows])
    write_png(args.output, cv2.cvtColor(sheet, cv2.COLOR_GRAY2RGB))
    print(f"wrote {args.output}; per sequence: phantom, real, phantom aside (2 rows), real aside")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
