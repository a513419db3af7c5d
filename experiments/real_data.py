"""Measure a checkpoint on real spine MR images with partial references, and say honestly what comes out.

The folder holds (see its own README) `spider_slices` (2D, vertebrae labelled), `vertebral_bodies_*` (volumes,
bodies only) and `discs_t2` (volumes, discs only), each with `images/` and `masks/`. Masks are made by
`src/infer_volume.py`, so this is also a test that real files go through. Folders that are missing are named
and not measured.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spider2d import cli
from spider2d.atomic_write import write_text
from spider2d.data.pictures import DEVELOPMENT_SLICE_PATIENTS
from spider2d.data.volume import (
    Volume,
    read_mask,
    read_volume,
    to_canonical,
    volume_name,
    write_volume,
)
from spider2d.errors import DatasetError
from spider2d.evaluation.partial_score import reference_labels, score_bodies, score_discs, score_slice

SLICES = "spider_slices"
BODIES = ("vertebral_bodies_t2", "vertebral_bodies_mixed")
DISCS = "discs_t2"
FOLDERS = (SLICES, *BODIES, DISCS)
ROWS_2D = "inferior-first"
DEVELOPMENT = {
    SLICES: DEVELOPMENT_SLICE_PATIENTS,
    "vertebral_bodies_t2": ("02", "04", "05", "06"),
    "vertebral_bodies_mixed": ("02", "03"),
    DISCS: ("11",),
}
"""Patients (the name before its first underscore) that may be looked at while the model is made; the others
are for reporting only."""
SIZE_WARNINGS = ("pixel_size", "disc_distance")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("realdata", type=Path, help="folder with spider_slices/, vertebral_bodies_t2/, ...")
    parser.add_argument("--checkpoint", type=Path, help="default: that of src/infer_volume.py")
    parser.add_argument(
        "--half", choices=("development", "report", "all"), default="all", help="which patients"
    )
    parser.add_argument(
        "--stated-size",
        nargs=2,
        type=cli.number_between(0.1, 10),
        default=(1.0, 1.0),
        metavar=("ROWS", "COLUMNS"),
        help="falsify the headers: rows and columns stated this many times as large as they are",
    )
    parser.add_argument(
        "--tta", action=argparse.BooleanOptionalAction, help="as of src/infer_volume.py, for single slices"
    )
    parser.add_argument("--output", type=Path, default=Path("predictions/real"))
    return parser.parse_args(argv)


def present_folders(realdata: Path) -> list[str]:
    """Return which of `FOLDERS` are there, print which are not; with none `DatasetError` is raised."""
    present = [name for name in FOLDERS if (realdata / name / "images").is_dir()]
    if not present:
        wanted = ", ".join(f"{name}/images" for name in FOLDERS)
        raise DatasetError(f"{realdata}: none of {wanted} is there; name the folder that holds them")
    for name in FOLDERS:
        if name not in present:
            print(f"{name}: not measured, {realdata / name / 'images'} is missing")
    return present


def cases_of(folder: Path, half: str) -> list[Path]:
    """Return the images of one folder that belong to a half of the patients, or to "all"."""
    images = folder / "images"
    known = DEVELOPMENT[folder.name]
    chosen = [
        path
        for path in sorted(images.iterdir())
        if half == "all" or (path.name.split("_")[0] in known) == (half == "development")
    ]
    if not chosen:
        raise DatasetError(f"{images}: no image of the half '{half}'; copy the images there, or name another")
    return chosen


def infer(folder: Path, output: Path, args: argparse.Namespace) -> None:
    """Run the documented inference script on the images of one folder."""
    rows_2d = ROWS_2D if folder.name == SLICES else None
    images = cases_of(folder, args.half)
    if tuple(args.stated_size) != (1.0, 1.0):
        images = [falsify_size(image, output / "stated", args.stated_size, rows_2d) for image in images]
    command = [sys.executable, str(cli.PROJECT_ROOT / "src" / "infer_volume.py"), *map(str, images)]
    command += ["--output", str(output), "--preview"]
    command += ["--rows-2d", rows_2d] if rows_2d else []
    command += ["--checkpoint", str(args.checkpoint)] if args.checkpoint else []
    if rows_2d and args.tta is not None:
        command += ["--tta" if args.tta else "--no-tta"]
    if subprocess.run(command, check=False).returncode != 0:
        raise DatasetError(f"inference failed on {len(images)} images of {folder}; its message stands above")


def falsify_size(path: Path, folder: Path, factors_rc: Sequence[float], rows_2d: str | None) -> Path:
    """Write an image into a folder, rows and columns stated larger by two factors; return its path."""
    volume = read_volume(path, rows_2d)
    _, row_axis, column_axis = volume.geometry.orientation.axes_xyz
    spacing_xyz_mm = list(volume.geometry.spacing_xyz_mm)
    spacing_xyz_mm[row_axis] *= factors_rc[0]
    spacing_xyz_mm[column_axis] *= factors_rc[1]
    geometry = replace(volume.geometry, spacing_xyz_mm=tuple(spacing_xyz_mm))
    write_volume(folder / path.name, Volume(volume.array_zyx, geometry))
    return folder / path.name


def pairs(folder: Path, predictions: Path, half: str) -> list[tuple[str, np.ndarray, np.ndarray, tuple]]:
    """Return (name, reference_sra, prediction_sra, spacing_sra_mm) of every case of one folder."""
    rows = ROWS_2D if folder.name == SLICES else None
    cases = []
    for image in cases_of(folder, half):
        path = folder / "masks" / image.name
        reference, spacing_sra_mm = to_canonical(read_mask(path, rows_2d=rows))
        found = predictions / f"{volume_name(path)}.mha"
        prediction, _ = to_canonical(read_mask(found, rows_2d=rows))
        if prediction.shape != reference.shape:
            raise DatasetError(f"{found}: grid {prediction.shape}, but the reference has {reference.shape}")
        if folder.name != SLICES and not reference_labels(reference):
            raise DatasetError(f"{path}: labels no body or disc; take the case out of the folder")
        cases.append((volume_name(path), reference.astype(int), prediction.astype(int), spacing_sra_mm))
    return cases


def main(args: argparse.Namespace) -> None:
    """Infer, score and print the table; write ``real_data.json``."""
    folders = present_folders(args.realdata)
    for name in folders:
        cases_of(args.realdata / name, args.half)  # what is missing is told before minutes of inference
    results: dict[str, dict[str, dict]] = {}
    for name in folders:
        predictions = args.output / name
        infer(args.realdata / name, predictions, args)
        results[name] = {}
        for case, reference, prediction, spacing_sra_mm in pairs(
            args.realdata / name, predictions, args.half
        ):
            if name == SLICES:
                score = score_slice(reference, prediction, spacing_sra_mm)
            else:
                score = (score_discs if name == DISCS else score_bodies)(reference, prediction)
            results[name][case] = score | {"warnings": warnings_of(predictions / f"{case}.json")}
    print_summary(results)
    print_warnings(results)
    path = args.output / "real_data.json"
    settings = {name: getattr(args, name) for name in ("half", "checkpoint", "tta", "stated_size")}
    content = {"settings": settings, "scores": without_nan(results)}
    write_text(path, json.dumps(content, indent=1, default=str))
    print(f"\nwrote {path}; overlay pictures lie beside the masks in {args.output}")


def warnings_of(report: Path) -> list[str]:
    """Return the codes of the warnings in the report of one volume."""
    return [warning["code"] for warning in json.loads(report.read_text(encoding="utf-8"))["warnings"]]


def without_nan(value: object) -> object:
    """Return nested dicts with NaN (no reference to score against) as None, which JSON can hold."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def print_summary(results: dict[str, dict[str, dict]]) -> None:
    """Print one block per folder: the means with n."""
    for name, scores in results.items():
        print_folder = {SLICES: print_slices, DISCS: print_discs}.get(name, print_bodies)
        print_folder(name, list(scores.values()))


def print_slices(name: str, slices: list[dict]) -> None:
    """Print the vertebra Dice of all slices and of the mid-region ones."""
    for title, rows in (("all", slices), ("mid-region", [row for row in slices if row["mid_region"]])):
        pooled, instance = ([row[key] for row in rows] for key in ("pooled_dice", "instance_dice"))
        print(
            f"{name} {title}: vertebra Dice pooled {np.nanmean(pooled):.3f}, "
            f"per instance {np.nanmean(instance):.3f} (n = {np.isfinite(pooled).sum()})"
        )
    missed, false = (sum(row[key] for row in slices) for key in ("missed_slice", "false_finding"))
    print(f"{name}: slices without any finding: {missed}; false findings: {false}")


def print_bodies(name: str, rows: list[dict]) -> None:
    """Print how many bodies were found, and with what order and numbers."""
    bodies, found = (sum(row[key] for row in rows) for key in ("bodies", "found"))
    print(
        f"{name}: {found}/{bodies} bodies found, mean recall {np.mean([r['recall'] for r in rows]):.3f}, "
        f"in order {sum(r['in_order'] for r in rows)}/{len(rows)}, "
        f"numbers right {sum(r['numbers_right'] for r in rows)}/{len(rows)}, "
        f"vertebrae below the lowest body {sum(r['extra_below'] for r in rows)}, "
        f"merged neighbours {sum(r['merged_neighbours'] for r in rows)}"
    )


def print_discs(name: str, discs: list[dict]) -> None:
    """Print how many discs were found, and their Dice."""
    print(
        f"{name}: {sum(r['found'] for r in discs)}/{sum(r['discs'] for r in discs)} discs found, "
        f"mean Dice {np.mean([r['dice'] for r in discs]):.3f}"
    )


def print_warnings(results: dict[str, dict[str, dict]]) -> None:
    """Print in how many volumes of each folder the pixel size was doubted, one line per folder."""
    for name, scores in results.items():
        counts = {code: sum(code in row["warnings"] for row in scores.values()) for code in SIZE_WARNINGS}
        told = ", ".join(f"{code} in {count}" for code, count in counts.items())
        print(f"{name}: warnings of the pixel size: {told} of {len(scores)}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
