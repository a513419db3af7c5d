"""Which cases to look at: best, median and worst ones, and those where two methods differ most."""

from dataclasses import dataclass

import numpy as np

from spider2d.reports.comparison import Comparison
from spider2d.reports.document import Table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.wording import number, signed

RANKING = "overall_dice"
"""Cases are ranked by the mean Dice over all their structures."""
N_LISTED = 8


@dataclass(frozen=True)
class ChosenCase:
    """A case to look at and why ("best", "median", "worst")."""

    title: str
    name: str


def ranked_cases(comparison: Comparison) -> list[str]:
    """Return the cases from the lowest to the highest Dice, averaged over the methods; NaN left out."""
    dice = np.mean([comparison.values(run, RANKING) for run in comparison.runs], axis=0)
    return [comparison.cases[index] for index in np.argsort(dice, kind="stable") if np.isfinite(dice[index])]


def chosen_cases(comparison: Comparison) -> list[ChosenCase]:
    """Return the best, median and worst case; fewer when there are fewer than three."""
    ranked = ranked_cases(comparison)
    wanted = {"best": -1, "median": len(ranked) // 2, "worst": 0}
    chosen: dict[str, str] = {}
    for title, index in wanted.items():
        if ranked:
            chosen.setdefault(ranked[index], title)
    return [ChosenCase(title, name) for name, title in chosen.items()]


def most_different_case(comparison: Comparison, first: ScoredRun, other: ScoredRun) -> str | None:
    """Return the case whose Dice differs most between two methods; None when it differs in no case."""
    largest = _largest(comparison.values(first, RANKING) - comparison.values(other, RANKING))
    return comparison.cases[largest[0]] if largest else None


def case_table(comparison: Comparison) -> Table:
    """Return the cases where the first method differs most from one of the others."""
    rows = []
    for first, other in comparison.pairs:
        values = [comparison.values(run, RANKING) for run in (first, other)]
        for index in _largest(values[0] - values[1]):
            a, b = values[0][index], values[1][index]
            pair = f"{first.name} - {other.name}"
            rows.append((pair, comparison.cases[index], number(a, 3), number(b, 3), signed(a - b, 3)))
    return Table(
        ("comparison", "case", "Dice, first", "Dice, other", "difference"),
        tuple(rows),
        "Cases that differ most",
        "Mean Dice over all structures of the case.",
        text_columns=2,
    )


def instance_table(comparison: Comparison) -> Table:
    """Return the single structures where the first method differs most from one of the others."""
    rows = []
    for first, other in comparison.pairs:
        dice = [{(i.case, i.structure, i.label): i.dice for i in run.instances} for run in (first, other)]
        keys = [key for key in dice[0] if key in dice[1]]
        differences = np.array([dice[0][key] - dice[1][key] for key in keys])
        for index in _largest(differences):
            case, structure, label = keys[index]
            a, b = dice[0][keys[index]], dice[1][keys[index]]
            rows.append(
                (f"{first.name} - {other.name}", case, f"{structure} {label}")
                + (number(a, 3), number(b, 3), signed(a - b, 3))
            )
    return Table(
        ("comparison", "case", "structure", "Dice, first", "Dice, other", "difference"),
        tuple(rows),
        "Single structures that differ most",
        "The number is the label in the reference; Dice 0 = missed.",
        text_columns=3,
    )


def _largest(differences: np.ndarray) -> list[int]:
    """Return the positions of the largest differences, by size, that are not zero."""
    size = np.nan_to_num(np.abs(differences))
    return [int(i) for i in np.argsort(-size, kind="stable")[:N_LISTED] if size[i] > 0]
