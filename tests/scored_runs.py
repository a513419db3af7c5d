"""A tiny data set with two scored methods: "exact" gives the references back, "shifted" is one row off."""

import numpy as np
from tiny_dataset import write_series

from spider2d.data.volume import Volume, read_mask, write_volume
from spider2d.evaluation.score_files import find_pairs, score_pairs
from spider2d.evaluation.score_output import make_metrics, write_scores
from spider2d.reports.comparison import read_comparison
from spider2d.reports.study import RunSource, Study

NAMES = ("1_t1", "1_t2", "2_t1", "3_t2_SPACE")


def write_runs(root):
    """Write ``root/data`` and, for both methods, ``root/<method>/predictions`` and ``.../scores``."""
    for seed, name in enumerate(NAMES):
        write_series(root / "data", name, seed=seed)
        mask = read_mask(root / "data" / "masks" / f"{name}.mha")
        write_volume(root / "exact" / "predictions" / f"{name}.mha", mask)
        moved = Volume(np.roll(mask.array_zyx, 1, axis=0), mask.geometry)  # the first axis is I-S here
        write_volume(root / "shifted" / "predictions" / f"{name}.mha", moved)
    for method in ("exact", "shifted"):
        score(root / "data" / "masks", root / method / "predictions", root / method / "scores")
    return root


def write_drifting(root):
    """Add a method "drifting": its labels lie one row off in the first case, two in the next, and so on."""
    for rows, name in enumerate(NAMES, start=1):
        mask = read_mask(root / "data" / "masks" / f"{name}.mha")
        moved = Volume(np.roll(mask.array_zyx, rows, axis=0), mask.geometry)
        write_volume(root / "drifting" / "predictions" / f"{name}.mha", moved)
    score(root / "data" / "masks", root / "drifting" / "predictions", root / "drifting" / "scores")


def score(references, predictions, output, rows_2d=None):
    """Score a folder as evaluate_volumes.py does."""
    pairs, unpaired = find_pairs(references, predictions)
    cases, failed = score_pairs(pairs, rows_2d=rows_2d)
    settings = {"references": str(references), "predictions": str(predictions)}
    settings |= {"subset": None, "rows_2d": rows_2d}
    write_scores(output, cases, make_metrics(cases, [*unpaired, *failed], settings))
    return output


def compare(root, *methods, **more):
    """Read the comparison of methods that lie in a folder as `write_runs` writes it."""
    sources = tuple(RunSource(name=method, scores=root / method / "scores") for method in methods)
    return read_comparison(Study(runs=sources, **more))
