"""Measure the instance step alone: phantom masks fed as class maps, without a network.

Prints, per disease variant and slice thickness, how many vertebrae and discs are recovered, their Dice and
the extra instances: on perfect class maps, and on degraded ones (wobbling outlines, holes, false islands).
There Dice is taken against the true instance of every voxel the degraded map still holds; the column
"raw mean" is the mean Dice against the undamaged reference, which the damage itself limits.
"""

import argparse
import sys
import time
from collections import defaultdict

import numpy as np
from tqdm import tqdm

from spider2d import cli
from spider2d.data.phantom.degrade import degrade_labels
from spider2d.data.phantom.series import make_series
from spider2d.data.phantom.variants import VARIANTS
from spider2d.evaluation.matching import count_overlap
from spider2d.inference.instances import label_instances
from spider2d.labels import CANAL_LABEL, classes_of_labels

GRIDS = {  # sequence, (slices, rows, columns), spacing in mm
    "3.3 mm": ("t2", (19, 480, 480), (3.3, 0.6, 0.6)),
    "4.4 mm": ("t1", (15, 384, 384), (4.4, 0.75, 0.75)),
    "0.9 mm": ("t2_SPACE", (80, 384, 384), (0.9, 0.75, 0.75)),
}
RECOVERED_DICE = 0.5
COLUMNS = ("found", "of", "misnumbered", "extra", "min", "2 %", "mean", "raw mean", "s")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--patients", type=cli.whole_number(1), default=5, help="phantom patients per variant and thickness"
    )
    parser.add_argument("--first-seed", type=cli.whole_number(0), default=0)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--thickness", nargs="+", choices=list(GRIDS), default=list(GRIDS))
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Measure and print one row per variant, thickness and kind of class map, and one for all together."""
    rows = defaultdict(list)
    cases = [(v, g, k) for v in args.variants for g in args.thickness for k in range(args.patients)]
    for number, (variant, thickness, _) in enumerate(tqdm(cases, unit="case")):
        labels, spacing = _phantom(args.first_seed + number, variant, thickness)
        degraded, held = degrade_labels(labels, spacing, seed=number)
        for kind, classes, reference in (
            ("perfect", classes_of_labels(labels), labels),
            ("degraded", degraded, held),
        ):
            measured = _measure(classes, reference, labels, spacing)
            for key in ((kind, variant, thickness), (kind, "all", thickness), (kind, "all", "all")):
                rows[key].append(measured)
    print(f"{'class map':10}{'variant':24}{'slices':9}" + "".join(f"{name:>12}" for name in COLUMNS))
    for key in sorted(rows, key=lambda key: (key[0] != "perfect", key[1] == "all", key[1:])):
        print(f"{key[0]:10}{key[1]:24}{key[2]:9}" + _format(rows[key]))


def _phantom(seed: int, variant: str, thickness: str) -> tuple[np.ndarray, tuple[float, float, float]]:
    sequence, shape, spacing = GRIDS[thickness]
    series = make_series(seed, sequence, shape_sra=shape, spacing_sra_mm=spacing, variant=variant)
    return series.labels_sra, spacing


def _measure(classes: np.ndarray, reference: np.ndarray, undamaged: np.ndarray, spacing: tuple) -> dict:
    """Return counts and the Dice of every vertebra and disc of one case."""
    start = time.perf_counter()
    labels = label_instances(classes, spacing).labels_sra
    seconds = time.perf_counter() - start
    best, misnumbered, extra = _compare(reference, labels)
    return {
        "dice": best,
        "raw": _compare(undamaged, labels)[0],
        "misnumbered": misnumbered,
        "extra": extra,
        "seconds": seconds,
    }


def _compare(reference: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return the best Dice per instance, how many have another label than their match, how many are extra."""
    overlap = count_overlap(*(np.where(array == CANAL_LABEL, 0, array) for array in (reference, labels)))
    dice = overlap.dice()
    best = dice.max(axis=1, initial=0.0)
    match = overlap.prediction_labels[dice.argmax(axis=1)]
    misnumbered = np.count_nonzero((match != overlap.reference_labels) & (best >= RECOVERED_DICE))
    extra = np.count_nonzero(dice.max(axis=0, initial=0.0) < RECOVERED_DICE)
    return best, misnumbered, extra


def _format(cases: list[dict]) -> str:
    dice, raw = (np.concatenate([case[name] for case in cases]) for name in ("dice", "raw"))
    counts = [np.count_nonzero(dice >= RECOVERED_DICE), len(dice)]
    counts += [sum(case[name] for case in cases) for name in ("misnumbered", "extra")]
    shares = [dice.min(), np.percentile(dice, 2), dice.mean(), raw.mean()]
    seconds = np.median([case["seconds"] for case in cases])
    numbers = "".join(f"{n:12d}" for n in counts) + "".join(f"{x:12.4f}" for x in shares)
    return numbers + f"{seconds:12.2f}"


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
