"""The charts of the comparison: accuracy, paired differences, cost, series by series."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from spider2d.baselines.published import COMPARABLE, HIDDEN_TEST_SET, figures_of
from spider2d.labels import STRUCTURES
from spider2d.reports.charts import GRID, INK, finish, method_colour, new_figure, plain
from spider2d.reports.comparison import Comparison
from spider2d.reports.cost_tables import counting_sentence, timing_sentence
from spider2d.reports.difference_tables import Difference, dice_differences
from spider2d.reports.document import Picture
from spider2d.reports.published_table import why_not_comparable
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.tables import figure_of, mean_of

WIDTH_INCH = 11.2
SEQUENCE_MARKERS = {"t1": "^", "t2": "s", "t2_SPACE": "D"}
REFERENCE_STYLES = (":", "--", "-.")
COSTS = (
    ("gmac_per_volume", "GMAC per volume", 1.0),
    ("seconds_per_volume", "seconds per volume, CPU", 1.0),
    ("peak_memory_gb", "peak memory, GB", 1.0),
    ("parameters", "parameters, millions", 1e6),
    ("training_seconds", "training, minutes", 60.0),
)


def accuracy_chart(comparison: Comparison) -> Picture:
    """Draw Dice of each structure by method, with intervals, sequences and published lines."""
    n = len(comparison.runs)
    figure = new_figure(WIDTH_INCH, 1.8 + 0.44 * n)
    all_axes = figure.subplots(1, len(STRUCTURES), sharey=True)
    for axes, structure in zip(all_axes, STRUCTURES, strict=True):
        plain(axes, structure, "Dice")
        for line, result in zip(REFERENCE_STYLES, COMPARABLE, strict=False):
            dice = figures_of(result, structure).dice
            if dice is not None:
                axes.axvline(dice, color=GRID, linestyle=line, linewidth=1.3)
        for row, run in enumerate(comparison.runs):
            _accuracy_row(axes, comparison, run, f"{structure}_dice", row)
        axes.set_yticks(range(n), [run.name for run in comparison.runs])
        axes.set_ylim(n - 0.5, -0.5)
    handles = [Line2D([], [], marker="o", color=INK, label="all series, 95 % interval")]
    handles += [
        Line2D(
            [],
            [],
            marker=_marker(sequence),
            color=INK,
            ls="",
            ms=5,
            mfc="none",
            label=title,
        )
        for title, sequence, _ in comparison.groups()[1:]
    ]
    why = why_not_comparable(HIDDEN_TEST_SET, comparison)
    handles += [
        Line2D([], [], color=GRID, linestyle=line, label=f"{result.method}, published: {why}")
        for line, result in zip(REFERENCE_STYLES, COMPARABLE, strict=False)
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, fontsize=9, frameon=False, labelcolor=INK
    )
    caption = (
        "Mean Dice over series (missed structures count as 0) with patient-bootstrap intervals; open marks: "
        f"the sequences apart. Vertical lines: published figures, {why}."
    )
    return finish(figure, "accuracy", caption)


def _accuracy_row(axes: Axes, comparison: Comparison, run: ScoredRun, column: str, row: int) -> None:
    colour = method_colour(row)
    mean, interval = figure_of(run, column)
    if mean is None:
        return
    if interval is not None:
        axes.plot(interval, (row, row), color=colour, linewidth=2.4, solid_capstyle="round")
    axes.plot(mean, row, "o", color=colour, markersize=8)
    for _, sequence, _ in comparison.groups()[1:]:
        value = figure_of(run, column, sequence)[0]
        if value is not None:
            axes.plot(
                value, row + 0.24, _marker(sequence), color=colour, markersize=5, markerfacecolor="none"
            )


def _marker(sequence: str) -> str:
    return SEQUENCE_MARKERS.get(sequence, "x")


def difference_chart(comparison: Comparison) -> Picture:
    """Draw the paired differences of Dice, first method minus each other, with the margin."""
    differences = dice_differences(comparison)
    figure = new_figure(WIDTH_INCH, 1.3 + 0.33 * len(differences))
    axes = figure.subplots()
    plain(axes, f"Dice of {comparison.runs[0].name} minus the other method", "difference of Dice")
    for row, difference in enumerate(differences):
        _difference_row(axes, comparison, difference, row)
    axes.axvline(0, color=INK, linewidth=1)
    axes.axvline(-comparison.margin_dice, color="#c0392b", linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(differences)), [f"{d.structure}, {d.other.name}" for d in differences])
    axes.set_ylim(len(differences) - 0.5, -0.5)
    caption = (
        "Mean over patients of each patient's mean difference, with its two-sided 95 % interval; upright "
        "mark: the one-sided 95 % bound; both by Student's t over patients. Where the mark is right of the "
        f"dashed margin of {comparison.margin_dice:g}, the first method is not inferior."
    )
    return finish(figure, "differences", caption)


def _difference_row(axes: Axes, comparison: Comparison, difference: Difference, row: int) -> None:
    position = next(i for i, run in enumerate(comparison.runs) if run is difference.other)
    colour, paired = method_colour(position), difference.paired
    if np.isfinite(paired.interval).all():
        axes.plot(paired.interval, (row, row), color=colour, linewidth=2.4, solid_capstyle="round")
    axes.plot(paired.mean, row, "o", color=colour, markersize=7)
    if np.isfinite(paired.lower_bound):
        axes.plot(paired.lower_bound, row, "|", color=colour, markersize=15, markeredgewidth=2)


def cost_chart(comparison: Comparison) -> Picture | None:
    """Draw accuracy against every cost that at least two methods state; None without such a one."""
    known = [cost for cost in COSTS if sum(bool(getattr(run.cost, cost[0])) for run in comparison.runs) > 1]
    if not known:
        return None
    columns = min(len(known), 3)
    rows = math.ceil(len(known) / columns)
    figure = new_figure(WIDTH_INCH / 3 * columns, 2.9 * rows + 0.4)
    all_axes = np.ravel(figure.subplots(rows, columns, sharey=True, squeeze=False))
    for panel, (axes, (key, title, unit)) in enumerate(zip(all_axes, known, strict=False)):
        plain(axes, "", title, "" if panel % columns else "Dice, all structures")
        _cost_points(axes, comparison, key, unit)
    for axes in all_axes[len(known) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], marker="o", ls="", color=method_colour(i), label=run.name)
        for i, run in enumerate(comparison.runs)
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, fontsize=9, frameon=False, labelcolor=INK
    )
    missing = [
        run.name for run in comparison.runs if any(getattr(run.cost, key) is None for key, _, _ in known)
    ]
    caption = (
        "Mean Dice over all structures of a series, with 95 % interval, against cost (logarithmic axes)."
    )
    if missing:
        caption += f" Not in every panel, because not measured: {', '.join(missing)}."
    remarks = {
        "gmac_per_volume": counting_sentence(comparison),
        "seconds_per_volume": timing_sentence(comparison),
    }
    caption += "".join(f" {remarks[key]}" for key, _, _ in known if remarks.get(key))
    return finish(figure, "cost", caption)


def _cost_points(axes: Axes, comparison: Comparison, key: str, unit: float) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    for index, run in enumerate(comparison.runs):
        value = getattr(run.cost, key)
        mean, interval = figure_of(run, "overall_dice")
        if not value or mean is None:
            continue
        if interval is not None:
            axes.plot((value / unit,) * 2, interval, color=method_colour(index), linewidth=2)
        axes.plot(value / unit, mean, "o", color=method_colour(index), markersize=8)


def series_chart(comparison: Comparison) -> Picture:
    """Draw every series as a line across the methods, one panel per structure."""
    runs = comparison.runs
    figure = new_figure(WIDTH_INCH, 3.7)
    all_axes = figure.subplots(1, len(STRUCTURES), sharey=True)
    for axes, structure in zip(all_axes, STRUCTURES, strict=True):
        plain(axes, structure, "", "Dice" if structure == STRUCTURES[0] else "")
        dice = np.array([comparison.values(run, f"{structure}_dice") for run in runs])
        spread = np.linspace(-0.12, 0.12, dice.shape[1]) if dice.shape[1] > 1 else np.zeros(1)
        axes.plot(np.arange(len(runs))[:, None] + spread, dice, color=GRID, linewidth=0.8, alpha=0.6)
        for index, run in enumerate(runs):
            axes.plot(index + spread, dice[index], ".", color=method_colour(index), markersize=5, alpha=0.8)
            axes.plot(
                index, mean_of(run, f"{structure}_dice"), "_", color=INK, markersize=22, markeredgewidth=2
            )
        labels = [run.name for run in runs]
        axes.set_xticks(range(len(runs)), labels, rotation=20 if len(runs) > 3 else 0, ha="center")
        axes.set_xlim(-0.5, len(runs) - 0.5)
    return finish(figure, "series", "Every series: a dot per method, joined by a line; bars: means.")
