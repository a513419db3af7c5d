"""What a reader must know before any figure of a report."""

from spider2d.reports.comparison import Comparison
from spider2d.reports.cost_tables import was_cut_short
from spider2d.reports.difference_tables import power_sentence

FEW_PATIENTS = 10
"""Below it, percentile-bootstrap intervals are clearly too narrow: in 4000 samples of a normal distribution
the 95 % interval held the true mean in 75 % with 3 patients, 80 % with 4, 90 % with 10 and 92 % with
20."""


def make_warnings(comparison: Comparison) -> list[str]:
    """Return the warnings of a comparison, those about the data first."""
    power = power_sentence(comparison)
    return [
        *_synthetic(comparison),
        *([power] if power else []),
        *_few_patients(comparison),
        *_training_patients(comparison),
        *_not_scored(comparison),
        *_cut_short(comparison),
        *(f"Not compared: {name}: {reason}" for name, reason in comparison.skipped.items()),
    ]


def _synthetic(comparison: Comparison) -> list[str]:
    if not comparison.data.synthetic:
        return []
    return [
        "Synthetic data: these runs were scored on phantoms. No figure here says how a method does on real "
        "scans, and none may be compared with published ones."
    ]


def _few_patients(comparison: Comparison) -> list[str]:
    n_patients = len(set(comparison.patients.tolist()))
    if n_patients >= FEW_PATIENTS:
        return []
    differences = " Intervals of differences are by Student's t and allow for it." if comparison.pairs else ""
    return [
        f"{n_patients} patient{'s' if n_patients != 1 else ''}, fewer than {FEW_PATIENTS}: the intervals of "
        "means, made by resampling patients, are too narrow (a 95 % interval of 4 patients holds the true "
        f"mean in about 80 % of samples only).{differences}"
    ]


def _training_patients(comparison: Comparison) -> list[str]:
    """Say which runs were scored on patients of the training, or may have been."""
    of_subset = {
        subset: ", ".join(run.name for run in comparison.runs if run.metrics["subset"] == subset)
        for subset in ("training", None)
    }
    sentences = []
    if of_subset["training"]:
        sentences.append(
            f"Scored on the training subset: {of_subset['training']}. A network knows these patients; the "
            "figures say nothing about new ones. Score with --subset validation."
        )
    if of_subset[None]:
        sentences.append(
            f"Scored without --subset: {of_subset[None]}. Patients of the training may be among them, and "
            "then the figures flatter. Score with --subset validation, unless nobody trained on this data."
        )
    return sentences


def _not_scored(comparison: Comparison) -> list[str]:
    return [
        f"{run.name}: {len(run.metrics['not_scored'])} series were not scored and are in no figure "
        f"(first: {run.metrics['not_scored'][0]['name']})."
        for run in comparison.runs
        if run.metrics["not_scored"]
    ]


def _cut_short(comparison: Comparison) -> list[str]:
    return [
        f"{run.name}: its training was cut short after {run.cost.steps} of {run.cost.planned_steps} steps; "
        "its figures are not those of a finished training."
        for run in comparison.runs
        if was_cut_short(run.cost)
    ]
