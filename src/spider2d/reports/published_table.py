"""Published figures beside the scored runs; every row says whether it may be compared."""

from spider2d.baselines.published import PUBLISHED, PublishedResult, StructureFigures, figures_of
from spider2d.labels import STRUCTURES
from spider2d.reports.comparison import Comparison, DataSource
from spider2d.reports.document import Table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.tables import total
from spider2d.reports.wording import NOT_AVAILABLE, with_spread


def why_not_comparable(data: DataSource) -> str:
    """Return why no published figure may be compared with these runs, in a few words."""
    if data.synthetic:
        return "not comparable (synthetic data)"
    if data.synthetic is None:
        return "not comparable (scored on unknown data)"
    return "not comparable (other patients)"


def published_table(comparison: Comparison) -> Table:
    """Return the scored runs, then all published results, structures across."""
    columns = ["method", "dim.", "comparable with the runs?"]
    for structure in STRUCTURES:
        columns += [f"{structure} Dice", "ASD mm", "found"]
    rows = [_run_row(run, comparison) for run in comparison.runs]
    rows += [_published_row(result, comparison.data) for result in PUBLISHED]
    return Table(
        (*columns, "test set", "protocol", "source"),
        tuple(rows),
        "Published figures beside the scored runs",
        "Mean ± standard deviation over structures. Published figures are quoted, not measured here, and "
        "stand as orientation only.",
        text_columns=3,
    )


def _run_row(run: ScoredRun, comparison: Comparison) -> tuple[str, ...]:
    cells = [run.name, run.dimension or NOT_AVAILABLE, "scored here"]
    for structure in STRUCTURES:
        pooled = run.metrics["instances"][structure]
        in_reference = total(run, structure, "reference_count")
        found = total(run, structure, "detected_count") / in_reference if in_reference else None
        cells += [
            with_spread(pooled["dice"]["mean"], pooled["dice"]["std"], 3),
            with_spread(pooled["asd_mm"]["mean"], pooled["asd_mm"]["std"], 2),
            _share(found),
        ]
    kind = {True: "phantom (synthetic)", False: "as scored", None: "unknown"}[comparison.data.synthetic]
    series = f"{kind}: {len(comparison.cases)} series of {len(set(comparison.patients.tolist()))} patients"
    return (*cells, series, "strict, structures pooled", "measured here")


def _published_row(result: PublishedResult, data: DataSource) -> tuple[str, ...]:
    reason = "" if result.comparable == "yes" else f"; and by itself: {result.reason}"
    cells = [result.method, result.dimension, why_not_comparable(data) + reason]
    for structure in STRUCTURES:
        cells += _figures(figures_of(result, structure))
    other = f"; {result.other_figure}" if result.other_figure else ""
    return (*cells, result.test_set, result.protocol + other, result.citation)


def _figures(figures: StructureFigures) -> list[str]:
    return [
        with_spread(figures.dice, figures.dice_sd, 2 if figures.dice_sd else 3),
        with_spread(figures.asd_mm, figures.asd_sd_mm, 2),
        _share(figures.detected),
    ]


def _share(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{100 * value:.1f} %"
