"""Is the first method not worse than another by more than a margin? The margin is stated beforehand.

One-sided: how much better it may be is not asked. The lower 95 % bound of the mean difference (Student's t
over patients) must lie above minus the margin. That a bound does not is no proof of the contrary, and the
sentences say so.
"""

import math

import numpy as np

from spider2d.reports.comparison import Comparison
from spider2d.reports.difference_tables import Difference, dice_differences
from spider2d.reports.document import Table
from spider2d.reports.wording import NOT_AVAILABLE, rounded_down, signed


def is_shown(difference: Difference, margin: float) -> bool:
    """Return whether the difference is above minus the margin with 95 % confidence; False for one patient."""
    return bool(difference.paired.lower_bound > -margin)


def non_inferiority_sentences(comparison: Comparison) -> list[str]:
    """Say for every pair in which structures the first method is not worse by more than the margin."""
    differences = dice_differences(comparison)
    return [
        _pair_sentence([d for d in differences if d.other is other], comparison.margin_dice)
        for _, other in comparison.pairs
    ]


def _pair_sentence(differences: list[Difference], margin: float) -> str:
    first, other = differences[0].first.name, differences[0].other.name
    if all(np.isnan(d.paired.lower_bound) for d in differences):
        n = max(d.paired.n_patients for d in differences)
        question = f"Whether {first} is worse than {other} by more than {margin:g} Dice cannot be said"
        return f"{question}: patients with both values: {n}, needed: 2."
    known = [d for d in differences if not np.isnan(d.paired.lower_bound)]
    shown = [_facts(d) for d in known if is_shown(d, margin)]
    open_ = [_facts(d) for d in known if not is_shown(d, margin)]
    undecided = _undecided([d for d in differences if np.isnan(d.paired.lower_bound)])
    claim = f"{first} is not worse than {other} by more than {margin:g} Dice (95 % confidence)"
    if not open_:
        return f"{claim}{' for' if undecided else ':'} {', '.join(shown)}.{undecided}"
    if not shown:
        return (
            f"It is NOT shown that {first} is at most {margin:g} Dice worse than {other} (95 % confidence): "
            f"{', '.join(open_)}.{undecided}"
        )
    return f"{claim} for {', '.join(shown)}. It is NOT shown for {', '.join(open_)}.{undecided}"


def _facts(difference: Difference) -> str:
    paired = difference.paired
    return (
        f"{difference.structure} (difference {signed(paired.mean, 3)}, "
        f"lower bound {signed(rounded_down(paired.lower_bound, 3), 3)})"
    )


def _undecided(unknown: list[Difference]) -> str:
    """Name the structures of too few patients for a bound; nothing where there is none."""
    if not unknown:
        return ""
    few = [f"{d.structure} (patients with both values: {d.paired.n_patients}, needed: 2)" for d in unknown]
    return f" It cannot be said for {', '.join(few)}."


def smallest_margin(lower_bound: float) -> float:
    """Return the smallest margin, in thousandths, by which the first method is shown not to be worse.

    It is rounded up: `is_shown` is true for what is returned here, unless it is 0.
    """
    if lower_bound >= 0:
        return 0.0
    thousandths = math.floor(-1000 * lower_bound)
    while not lower_bound > -thousandths / 1000:
        thousandths += 1
    return thousandths / 1000


def non_inferiority_table(comparison: Comparison) -> Table:
    """Return difference, bound and verdict of every pair and structure."""
    margin = comparison.margin_dice
    rows = [_row(difference, margin) for difference in dice_differences(comparison)]
    columns = ("comparison", "structure", "patients", "mean difference", "lower 95 % bound")
    return Table(
        (*columns, f"not worse by more than {margin:g}?", "smallest margin that holds"),
        tuple(rows),
        f"Non-inferiority: is the first method not worse than the other by more than {margin:g} Dice?",
        "Mean over patients of each patient's mean difference, first minus other; one-sided 95 % bound by "
        "Student's t over patients, rounded down, and the margin up. Each row stands by itself, without "
        'correction for their number. "Not shown" means that these data do not show it, not that the '
        "opposite is shown. A margin chosen after looking at the last column proves nothing.",
        text_columns=2,
    )


def _row(difference: Difference, margin: float) -> tuple[str, ...]:
    paired = difference.paired
    known = not np.isnan(paired.lower_bound)
    verdict = "yes" if is_shown(difference, margin) else "not shown"
    return (
        f"{difference.first.name} - {difference.other.name}",
        difference.structure,
        str(paired.n_patients),
        signed(paired.mean, 3),
        signed(rounded_down(paired.lower_bound, 3), 3),
        verdict if known else "cannot be said",
        f"{smallest_margin(paired.lower_bound):.3f}" if known else NOT_AVAILABLE,
    )
