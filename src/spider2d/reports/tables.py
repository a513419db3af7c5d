"""The tables about the accuracy of the scored runs: all series, and sequence by sequence."""

import numpy as np

from spider2d.evaluation.bootstrap import MIN_PATIENTS
from spider2d.labels import STRUCTURES
from spider2d.reports.comparison import Comparison
from spider2d.reports.document import Table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.wording import NOT_AVAILABLE, number, with_interval

SEQUENCE_METRICS = (("dice", "Dice", 3), ("asd_mm", "ASD, mm", 2), ("detection_rate", "Detection rate", 3))

PLURALS = {"vertebra": "vertebrae", "disc": "discs", "canal": "canals"}


def accuracy_table(comparison: Comparison) -> Table:
    """Return the strict figures of every structure and method over all series."""
    rows = [
        (structure, run.name, run.dimension or NOT_AVAILABLE, *_accuracy_cells(run, structure))
        for structure in STRUCTURES
        for run in comparison.runs
    ]
    n_patients = len(set(comparison.patients.tolist()))
    return Table(
        ("structure", "method", "dim.", "Dice [95 %]", "ASD mm [95 %]", "HD95 mm")
        + ("surface Dice 1 mm", "detected", "extra", "panoptic quality"),
        tuple(rows),
        f"Accuracy over all {len(comparison.cases)} series of {n_patients} patients",
        "Strict figures: true spacing, one-to-one matching, a missed structure counts as Dice 0. Distances "
        "are over the detected ones, so that a method which misses the hard ones looks better in them. "
        "Panoptic quality (Kirillov et al., CVPR 2019) falls with missed, extra and inexact structures. "
        f"Means over series; intervals by resampling patients, none below {MIN_PATIENTS} patients.",
        text_columns=3,
    )


def _accuracy_cells(run: ScoredRun, structure: str) -> tuple[str, ...]:
    strict = {name: figure["mean"] for name, figure in run.metrics["strict"].items()}
    intervals = run.metrics["confidence_intervals"]["strict"]
    dice, asd = f"{structure}_dice", f"{structure}_asd_mm"
    return (
        with_interval(strict[dice], intervals[dice], 3),
        with_interval(strict[asd], intervals[asd], 2),
        number(strict[f"{structure}_hd95_mm"], 2),
        number(strict[f"{structure}_surface_dice_1mm"], 3),
        f"{total(run, structure, 'detected_count')}/{total(run, structure, 'reference_count')}",
        str(total(run, structure, "extra_count")),
        number(strict[f"{structure}_panoptic_quality"], 3),
    )


def total(run: ScoredRun, structure: str, count: str) -> int:
    """Return the sum of a count over all cases."""
    return round(sum(case.values[f"{structure}_{count}"] for case in run.cases.values()))


def found_words(run: ScoredRun) -> str:
    """Return what was found and what was not there, as in ``found 66/68 vertebrae (17 extra), ...``."""
    counts = []
    for structure, plural in PLURALS.items():
        extra = total(run, structure, "extra_count")
        there = f"{total(run, structure, 'detected_count')}/{total(run, structure, 'reference_count')}"
        counts.append(f"{there} {plural}{f' ({extra} extra)' if extra else ''}")
    return f"found {', '.join(counts)}"


def sequence_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return one table per metric: structures and sequences down, methods across."""
    return tuple(_sequence_table(comparison, *metric) for metric in SEQUENCE_METRICS)


def _sequence_table(comparison: Comparison, metric: str, title: str, digits: int) -> Table:
    rows = [
        (structure, group, str(int(inside.sum())))
        + tuple(
            _sequence_cell(run, f"{structure}_{metric}", sequence, digits, int(inside.sum()))
            for run in comparison.runs
        )
        for structure in STRUCTURES
        for group, sequence, inside in comparison.groups()
    ]
    return Table(
        ("structure", "series", "n", *(run.name for run in comparison.runs)),
        tuple(rows),
        f"{title} by sequence",
        f"Mean over series [95 % interval]; no interval below {MIN_PATIENTS} patients. (n ...): series "
        "with a value, where not all have one: a distance needs a structure that was found.",
        text_columns=2,
    )


def _sequence_cell(run: ScoredRun, column: str, sequence: str | None, digits: int, n_series: int) -> str:
    """Return mean and interval, and over how many series where some have no value."""
    cell = with_interval(*figure_of(run, column, sequence), digits)
    group = run.metrics if sequence is None else run.metrics["by_sequence"][sequence]
    n_values = group["strict"][column]["n"]
    return cell if n_values == n_series else f"{cell} (n {n_values})"


def figure_of(
    run: ScoredRun, column: str, sequence: str | None = None
) -> tuple[float | None, list[float] | None]:
    """Return mean and 95 % interval of a strict figure, over all series or those of one sequence."""
    group, intervals = run.metrics, run.metrics["confidence_intervals"]
    if sequence is not None:
        group, intervals = group["by_sequence"][sequence], intervals["by_sequence"][sequence]
    return group["strict"][column]["mean"], intervals["strict"][column]


def mean_of(run: ScoredRun, column: str) -> float:
    """Return the mean of a strict figure over all series; NaN when not defined."""
    value = figure_of(run, column)[0]
    return np.nan if value is None else value
