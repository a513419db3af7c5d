"""The first method against each of the others: paired differences with tests."""

from dataclasses import dataclass

import numpy as np

from spider2d.labels import STRUCTURES
from spider2d.reports.comparison import ALL_SERIES, Comparison
from spider2d.reports.document import Table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.statistics import ALPHA, PairedDifference, compare_paired, holm, smallest_p
from spider2d.reports.wording import number, p_value, with_interval

METRICS = (("dice", "Dice", 3), ("surface_dice_1mm", "surface Dice 1 mm", 3), ("asd_mm", "ASD mm", 2))


@dataclass(frozen=True)
class Difference:
    """The first method minus another one, in one structure and one group of series."""

    first: ScoredRun
    other: ScoredRun
    structure: str
    series: str
    paired: PairedDifference
    holm_p: float


def dice_differences(comparison: Comparison) -> list[Difference]:
    """Return the differences of Dice over all series: every structure and every pair."""
    return differences_of(comparison, "dice", ALL_SERIES, np.ones(len(comparison.cases), dtype=bool))


def differences_of(comparison: Comparison, metric: str, series: str, inside: np.ndarray) -> list[Difference]:
    """Return the differences of one metric in one group of series; Holm's correction is over all of them."""
    paired = [
        (pair, structure, _compare(comparison, pair, f"{structure}_{metric}", inside))
        for pair in comparison.pairs
        for structure in STRUCTURES
    ]
    corrected = holm([result.p_value for _, _, result in paired])
    return [
        Difference(*pair, structure, series, result, p)
        for (pair, structure, result), p in zip(paired, corrected, strict=True)
    ]


def _compare(
    comparison: Comparison, pair: tuple[ScoredRun, ScoredRun], column: str, inside: np.ndarray
) -> PairedDifference:
    first, other = (comparison.values(run, column)[inside] for run in pair)
    return compare_paired(first, other, comparison.patients[inside])


def difference_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return one table per metric over all series, then, folded, one per metric and sequence by sequence."""
    groups = comparison.groups()
    tables = [_difference_table(comparison, metric, groups[:1]) for metric in METRICS]
    if len(groups) > 2:
        tables += [_difference_table(comparison, metric, groups[1:]) for metric in METRICS]
    return tuple(tables)


def _difference_table(comparison: Comparison, metric: tuple[str, str, int], groups: list) -> Table:
    name, title, digits = metric
    rows = [
        _row(difference, digits)
        for series, _, inside in groups
        for difference in differences_of(comparison, name, series, inside)
    ]
    over_all = groups[0][0] == ALL_SERIES
    better = "Below zero: the first is better." if name == "asd_mm" else "Above zero: the first is better."
    return Table(
        (
            "comparison",
            "structure",
            "series",
            "n series",
            "n patients",
            "difference [95 %]",
            "p",
            "p Holm",
            "effect r",
        ),
        tuple(rows),
        f"Paired differences of {title}, first minus other, {ALL_SERIES if over_all else 'by sequence'}",
        f"{better} n: series in which both methods have a value (a distance needs a structure that both "
        "found), and their patients. The rest is over patients, one mean difference each: mean, two-sided "
        "95 % interval by Student's t, p by Wilcoxon's signed-rank test, r = matched-pairs rank-biserial "
        "correlation (Kerby 2014), -1 to 1. Means of the accuracy table are over series and differ a little. "
        "Holm's correction is over the rows of one group of series. "
        '"n too small", "too few differ": with so few patients, or so few whose difference is not zero, no p '
        f"of this test is below {ALPHA:g}.",
        text_columns=3,
        folded=not over_all,
    )


def _row(difference: Difference, digits: int) -> tuple[str, ...]:
    paired = difference.paired
    sign = "+" if paired.mean > 0 else ""
    return (
        f"{difference.first.name} - {difference.other.name}",
        difference.structure,
        difference.series,
        str(paired.n_cases),
        str(paired.n_patients),
        sign + with_interval(paired.mean, paired.interval, digits),
        _p_cell(paired.p_value, paired),
        _p_cell(difference.holm_p, paired),
        number(paired.rank_biserial if paired.n_patients > 1 else None, 2),
    )


def _p_cell(p: float, paired: PairedDifference) -> str:
    """Return a p-value, with a remark where the test can never be significant, and why."""
    if smallest_p(paired.n_patients) >= ALPHA:
        return f"{p_value(p)}, n too small"
    return p_value(p) + (", too few differ" if smallest_p(paired.n_nonzero) >= ALPHA else "")


def power_sentence(comparison: Comparison) -> str | None:
    """Say so when there are too few patients for any result to be significant; None when there are enough."""
    n_patients = len(set(comparison.patients.tolist()))
    n_tests = len(comparison.pairs) * len(STRUCTURES)
    smallest = smallest_p(n_patients)
    if not n_tests or smallest * n_tests < ALPHA:
        return None
    if smallest >= ALPHA:
        reason = f"reach p < {ALPHA:g}: the smallest p the signed-rank test can give is {smallest:.3g}"
    else:
        reason = (
            f"stay below {ALPHA:g} after Holm's correction for {n_tests} tests: the smallest p the "
            f"signed-rank test can give is {smallest:.3g}, corrected {smallest * n_tests:.3g}"
        )
    return (
        f"{n_patients} patient{'s are' if n_patients != 1 else ' is'} too few for any difference to "
        f"{reason}. A large p here says nothing about equality."
    )
