"""From the scores of single cases to means, spreads and confidence intervals.

``summarise`` makes the measured part of ``metrics.json``; every figure is
``{"mean", "std", "n"}`` over cases (standard deviation with n - 1; null where not defined), intervals are
``[lower, upper]``, null below ``bootstrap.MIN_PATIENTS`` patients:

- ``n_cases``, ``n_patients``
- ``official``: by official name. ``mean`` and ``std`` are what the official program prints: cases without a
  value are skipped, but its 999 for "no canal in the reference" is averaged in. So each figure also holds
  ``n_sentinel``, how many 999 are in it, and ``mean_without_sentinel``. A case on which the program stops has
  no values and is in no mean (the program itself would print nothing at all).
- ``strict``: by ``<structure>_<metric>``, see ``strict_score.strict_score``.
- ``instances``: by structure and metric, over all reference instances of all cases pooled; comparable with
  tables that give mean and spread per structure rather than per case.
- ``by_sequence``: for each of t1, t2, t2_SPACE (or "unknown") the same keys as above.
- ``names_note``: what ``names_note`` says of the names; null when all give patient and sequence.
- ``confidence_intervals``: ``level``, ``n_resamples``, ``seed``, ``method``, then ``official``, ``strict``
  and ``by_sequence`` -> sequence -> ``official``, ``strict``. The official ones leave 999 out.
"""

from collections.abc import Sequence

import numpy as np

from spider2d.data.spider_files import parse_series_name
from spider2d.data.spider_tables import SEQUENCES
from spider2d.errors import DatasetError
from spider2d.evaluation.bootstrap import LEVEL, MIN_PATIENTS, N_RESAMPLES, bootstrap_means
from spider2d.evaluation.case_score import CaseScore
from spider2d.evaluation.instance_score import EXTRA, INSTANCE_METRICS
from spider2d.evaluation.spider_score import OFFICIAL_NAMES, SENTINEL
from spider2d.labels import STRUCTURES

UNKNOWN_SEQUENCE = "unknown"

Figures = dict[str, dict[str, float | int | None]]


def patient_and_sequence(name: str) -> tuple[str, str]:
    """Return patient and sequence of a case name.

    Names of another form than ``<patient>_<sequence>`` count as a patient of their own, sequence "unknown".
    """
    try:
        return parse_series_name(name)
    except DatasetError:
        return name, UNKNOWN_SEQUENCE


def names_note(names: Sequence[str]) -> str | None:
    """Say how many names of cases give no patient, and what follows; None when all do."""
    foreign = [name for name in names if patient_and_sequence(name)[1] == UNKNOWN_SEQUENCE]
    if not foreign:
        return None
    return (
        f"{len(foreign)} of {len(names)} names are not <patient>_<{'|'.join(SEQUENCES)}> (first: "
        f"{foreign[0]}): each counts as a patient of its own; rename them, or intervals and tests "
        "are too narrow where a patient has several series"
    )


def summarise(cases: Sequence[CaseScore], n_resamples: int = N_RESAMPLES, seed: int = 0) -> dict:
    """Summarise scored cases over all of them and by sequence.

    Args:
        cases: At least one case.
        n_resamples: Bootstrap resamples per interval.
        seed: Of the bootstrap.

    Returns:
        The keys described at the top of this module; ready for JSON (not defined = None).
    """
    sequences = sorted({patient_and_sequence(case.name)[1] for case in cases})
    groups = {
        sequence: [case for case in cases if patient_and_sequence(case.name)[1] == sequence]
        for sequence in sequences
    }
    return {
        **_summarise_group(cases),
        "names_note": names_note([case.name for case in cases]),
        "by_sequence": {sequence: _summarise_group(group) for sequence, group in groups.items()},
        "confidence_intervals": {
            "level": LEVEL,
            "n_resamples": n_resamples,
            "seed": seed,
            "method": "percentile bootstrap of the mean over cases, patients resampled; null below "
            f"{MIN_PATIENTS} patients",
            **_intervals(cases, n_resamples, seed),
            "by_sequence": {
                sequence: _intervals(group, n_resamples, seed) for sequence, group in groups.items()
            },
        },
    }


def _summarise_group(cases: Sequence[CaseScore]) -> dict:
    return {
        "n_cases": len(cases),
        "n_patients": len(set(_patients(cases))),
        "official": _official_figures(cases),
        "strict": {name: _figure([case.strict[name] for case in cases]) for name in cases[0].strict},
        "instances": {structure: _instance_figures(cases, structure) for structure in STRUCTURES},
    }


def _patients(cases: Sequence[CaseScore]) -> list[str]:
    return [patient_and_sequence(case.name)[0] for case in cases]


def _official_figures(cases: Sequence[CaseScore]) -> Figures:
    figures: Figures = {}
    for name in OFFICIAL_NAMES:
        values = [case.official.values[name] for case in cases]
        measured = [value for value in values if value != SENTINEL]
        figures[name] = _figure(values) | {
            "n_sentinel": len(values) - len(measured),
            "mean_without_sentinel": _figure(measured)["mean"],
        }
    return figures


def _instance_figures(cases: Sequence[CaseScore], structure: str) -> Figures:
    instances = [i for case in cases for i in case.instances if i.structure == structure]
    in_reference = [instance for instance in instances if instance.status != EXTRA]
    return {metric: _figure([getattr(i, metric) for i in in_reference]) for metric in INSTANCE_METRICS}


def _figure(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return mean, standard deviation (n - 1) and number of the values that are not NaN."""
    present = [value for value in values if np.isfinite(value)]
    return {
        "mean": float(np.mean(present)) if present else None,
        "std": float(np.std(present, ddof=1)) if len(present) > 1 else None,
        "n": len(present),
    }


def _intervals(cases: Sequence[CaseScore], n_resamples: int, seed: int) -> dict[str, dict]:
    """Return {"official", "strict"} -> name -> [lower, upper] or None."""
    official = np.array([[case.official.values[name] for name in OFFICIAL_NAMES] for case in cases])
    official[official == SENTINEL] = np.nan
    strict = np.array([list(case.strict.values()) for case in cases])
    columns = {"official": (OFFICIAL_NAMES, official), "strict": (tuple(cases[0].strict), strict)}
    return {
        kind: {
            name: None if np.isnan(low) else [float(low), float(high)]
            for name, low, high in zip(
                names, *bootstrap_means(values, _patients(cases), n_resamples, seed), strict=True
            )
        }
        for kind, (names, values) in columns.items()
    }


def format_table(metrics: dict) -> str:
    """Return a summary as text: the strict figures by structure and sequence, then the official ones.

    Args:
        metrics: From ``summarise``, or ``metrics.json`` read back.
    """
    lines = [
        f"{metrics['n_cases']} series of {metrics['n_patients']} patients.",
        "Strict figures (true spacing, missed structures as Dice 0), mean over series [95 % interval, none "
        f"below {MIN_PATIENTS} patients]:",
        "",
        f"{'structure':10}{'series':10}{'n':>4}  {'Dice':22}{'ASD mm':>7}{'HD95 mm':>9}"
        f"{'surf. Dice':>12}{'detected':>11}{'extra':>7}",
    ]
    intervals = metrics["confidence_intervals"]
    for structure in STRUCTURES:
        lines.append(_strict_line(structure, "all", metrics, intervals))
        lines += [
            _strict_line("", sequence, group, intervals["by_sequence"][sequence], structure)
            for sequence, group in metrics["by_sequence"].items()
        ]
    return "\n".join([*lines, "", *_official_lines(metrics["official"], metrics["n_cases"])])


def _strict_line(title: str, series: str, group: dict, intervals: dict, structure: str = "") -> str:
    structure = structure or title
    strict = {metric: group["strict"][f"{structure}_{metric}"] for metric in _TABLE_METRICS}
    total = {
        metric: round((strict[metric]["mean"] or 0) * strict[metric]["n"])
        for metric in ("detected_count", "reference_count", "extra_count")
    }
    interval = intervals["strict"][f"{structure}_dice"]
    dice = _number(strict["dice"]["mean"], 3)
    if interval is not None:
        dice += f" [{interval[0]:.3f}, {interval[1]:.3f}]"
    detected = f"{total['detected_count']}/{total['reference_count']}"
    return (
        f"{title:10}{series:10}{group['n_cases']:4}  {dice:22}{_number(strict['asd_mm']['mean'], 2):>7}"
        f"{_number(strict['hd95_mm']['mean'], 2):>9}{_number(strict['surface_dice_1mm']['mean'], 3):>12}"
        f"{detected:>11}{total['extra_count']:7}"
    )


_TABLE_METRICS = (
    "dice",
    "asd_mm",
    "hd95_mm",
    "surface_dice_1mm",
    "detected_count",
    "reference_count",
    "extra_count",
)


def _official_lines(official: Figures, n_cases: int) -> list[str]:
    rows = (("vertebra", "Vertebrae"), ("disc", "Discs"), ("canal", "SpinalCanal"))
    lines = ["Official SPIDER figures, mean +- standard deviation over series:"]
    lines.append(f"{'structure':20}{'Dice':>18}{'ASD mm':>18}{'detected':>18}")
    for title, suffix in rows:
        cells = (f"DiceScore{suffix}", f"ASD{suffix}", f"DetectionRate{suffix}")
        lines.append(f"{title:20}" + "".join(f"{_spread(official.get(name)):>18}" for name in cells))
    overall = (_spread(official[name]) for name in ("OveralDiceScore", "OveralASD"))
    lines.append(f"{'overall':20}" + "".join(f"{cell:>18}" for cell in overall) + f"{'-':>18}")
    skipped = [
        f"{name} {n_cases - figure['n']}" for name, figure in official.items() if figure["n"] < n_cases
    ]
    if skipped:
        lines.append(f"Series without a value, skipped as the program does: {', '.join(skipped)}.")
    if any(figure["n_sentinel"] for figure in official.values()):
        lines.append("The canal figures contain 999 for series without canal, as the official program's do.")
    return lines


def _spread(figure: dict | None) -> str:
    if figure is None or figure["mean"] is None:
        return "-" if figure is None else "n/a"
    spread = f" +- {figure['std']:.3f}" if figure["std"] is not None else ""
    return f"{figure['mean']:.3f}{spread}"


def _number(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"
