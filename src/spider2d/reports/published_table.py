"""Published figures beside the scored runs; every row says whether it may be compared."""

from collections.abc import Mapping

from spider2d.baselines.published import (
    HIDDEN_TEST_SET,
    PUBLISHED,
    VALIDATION_PATIENTS,
    VALIDATION_SERIES,
    VALIDATION_SET,
    PublishedResult,
    StructureFigures,
    figures_of,
)
from spider2d.labels import STRUCTURES
from spider2d.reports.comparison import Comparison
from spider2d.reports.document import Table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.tables import total
from spider2d.reports.wording import NOT_AVAILABLE, amount, number, with_spread

OFFICIAL_PROTOCOL = "official SPIDER program, mean and standard deviation over series"
STRICT_PROTOCOL = "strict, mean and standard deviation over structures"
_OFFICIAL_SUFFIXES = {"vertebra": "Vertebrae", "disc": "Discs", "canal": "SpinalCanal"}


def why_not_comparable(test_set: str, comparison: Comparison) -> str:
    """Return in a few words why figures measured on a test set do not compare with these runs.

    Even on the same patients they do not: the protocols differ, see ``PublishedResult.reason``.
    """
    if comparison.data.synthetic:
        return "not comparable (synthetic data)"
    if comparison.data.synthetic is None:
        return "not comparable (scored on unknown data)"
    if test_set == VALIDATION_SET and _is_validation_set(comparison):
        return f"same {VALIDATION_PATIENTS} patients, but not comparable"
    patients = "other patients" if test_set == HIDDEN_TEST_SET else "not the same patients"
    return f"not comparable ({patients})"


def _is_validation_set(comparison: Comparison) -> bool:
    """Return whether the runs were scored on the whole official validation set, by subset and by numbers."""
    subsets = {run.metrics["subset"] for run in comparison.runs}
    n_patients = len(set(comparison.patients.tolist()))
    whole = (n_patients, len(comparison.cases)) == (VALIDATION_PATIENTS, VALIDATION_SERIES)
    return subsets == {"validation"} and whole


def published_table(comparison: Comparison) -> Table:
    """Return the scored runs, then all published results, structures across."""
    columns = ["method", "dim.", "comparable with the runs?", "parameters, M"]
    for structure in STRUCTURES:
        columns += [f"{structure} Dice", "ASD mm", "found"]
    rows = [row for run in comparison.runs for row in _run_rows(run, comparison)]
    rows += [_published_row(result, comparison) for result in PUBLISHED]
    return Table(
        (*columns, "test set", "protocol", "source"),
        tuple(rows),
        "Published figures beside the scored runs",
        "Two rows per run: as SPIDER's official program scores (missed vertebrae and discs left out of their "
        "Dice, spacing in its order of axes), mean ± standard deviation over series; and strictly (missed = "
        "Dice 0, true spacing), over structures, as the published figures of IIS and nnU-Net are. Published "
        "figures are quoted, not measured here, and stand as orientation only.",
        text_columns=3,
    )


def _run_rows(run: ScoredRun, comparison: Comparison) -> list[tuple[str, ...]]:
    """Return two rows of a run: as the official program scores it, and strictly."""
    kind = {True: "phantom (synthetic)", False: "as scored", None: "unknown"}[comparison.data.synthetic]
    series = f"{kind}: {len(comparison.cases)} series of {len(set(comparison.patients.tolist()))} patients"
    rows = (
        ("official protocol", _official_cells(run), OFFICIAL_PROTOCOL + _sentinel_words(run)),
        ("strict", _strict_cells(run), STRICT_PROTOCOL),
    )
    head, parameters = (run.name, run.dimension or NOT_AVAILABLE), _millions(run.cost.parameters)
    return [
        (*head, f"scored here, {title}", parameters, *cells, series, protocol, "measured here")
        for title, cells, protocol in rows
    ]


def _official_cells(run: ScoredRun) -> list[str]:
    official = run.metrics["official"]
    cells = []
    for suffix in _OFFICIAL_SUFFIXES.values():
        rate = official.get(f"DetectionRate{suffix}")  # there is none of the canal
        cells += [
            _official_cell(official[f"DiceScore{suffix}"], 3),
            _official_cell(official[f"ASD{suffix}"], 2),
            _share(rate["mean"]) if rate else NOT_AVAILABLE,
        ]
    return cells


def _official_cell(figure: Mapping, digits: int) -> str:
    """Return mean and spread; without the spread where it holds the program's 999."""
    if figure["n_sentinel"]:
        return number(figure["mean_without_sentinel"], digits)
    return with_spread(figure["mean"], figure["std"], digits)


def _sentinel_words(run: ScoredRun) -> str:
    n = max(figure["n_sentinel"] for figure in run.metrics["official"].values())
    return f"; without the 999 that the program gives {n} series without a canal" if n else ""


def _strict_cells(run: ScoredRun) -> list[str]:
    cells = []
    for structure in STRUCTURES:
        pooled = run.metrics["instances"][structure]
        in_reference = total(run, structure, "reference_count")
        found = total(run, structure, "detected_count") / in_reference if in_reference else None
        cells += [
            with_spread(pooled["dice"]["mean"], pooled["dice"]["std"], 3),
            with_spread(pooled["asd_mm"]["mean"], pooled["asd_mm"]["std"], 2),
            _share(found),
        ]
    return cells


def _published_row(result: PublishedResult, comparison: Comparison) -> tuple[str, ...]:
    reason = "" if result.comparable == "yes" else f"; and by itself: {result.reason}"
    why = why_not_comparable(result.test_set, comparison)
    cells = [result.method, result.dimension, why + reason, _millions(result.parameters)]
    for structure in STRUCTURES:
        cells += _figures(figures_of(result, structure))
    other = f"; {result.other_figure}" if result.other_figure else ""
    return (*cells, result.test_set, result.protocol + other, result.citation)


def _figures(figures: StructureFigures) -> list[str]:
    return [
        with_spread(figures.dice, figures.dice_sd, 2 if figures.dice_sd else 3),
        with_spread(figures.asd_mm, figures.asd_sd_mm, 2),
        _share(figures.detected)
        if figures.completeness is None
        else f"completeness {_share(figures.completeness)}",
    ]


def _millions(parameters: int | None) -> str:
    return amount(None if parameters is None else parameters / 1e6)


def _share(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{100 * value:.1f} %"
