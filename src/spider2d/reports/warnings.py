"""What a reader must know before any figure of a report."""

from spider2d.evaluation.bootstrap import COVERAGE_OF_FEW, FEW_PATIENTS, MIN_PATIENTS
from spider2d.evaluation.summary import names_note
from spider2d.reports.comparison import Comparison
from spider2d.reports.cost_tables import was_cut_short
from spider2d.reports.difference_tables import power_sentence


def make_warnings(comparison: Comparison) -> list[str]:
    """Return the warnings of a comparison, those about the data first."""
    power = power_sentence(comparison)
    return [
        *_synthetic(comparison),
        *([power] if power else []),
        *_few_patients(comparison),
        *_names(comparison),
        *_training_patients(comparison),
        *_not_scored(comparison),
        *_cut_short(comparison),
        *(f"Not compared: {name}: {reason}" for name, reason in comparison.skipped.items()),
    ]


def _synthetic(comparison: Comparison) -> list[str]:
    if comparison.data.synthetic is None:
        references = comparison.runs[0].metrics["references"]
        return [
            f"Data set not found: {references}, which the scores name, is in no data set from this folder. "
            "So it is not known whether these runs were scored on phantoms, whose figures say nothing about "
            "real scans. Compare in the folder where they were scored, or add --dataset DATASET."
        ]
    if not comparison.data.synthetic:
        return []
    return [
        "Synthetic data: these runs were scored on phantoms. No figure here says how a method does on real "
        "scans, and none may be compared with published ones."
    ]


def _few_patients(comparison: Comparison) -> list[str]:
    """Name the groups of series, all of them and each sequence, that are of few patients."""
    groups = comparison.groups()
    n_patients = {title: len(set(comparison.patients[inside].tolist())) for title, _, inside in groups}
    few = [f"{title} {n}" for title, n in n_patients.items() if n < FEW_PATIENTS]
    if not few:
        return []
    differences = " Intervals of differences are by Student's t and allow for it." if comparison.pairs else ""
    return [
        f"Few patients ({', '.join(few)}): below {FEW_PATIENTS} the intervals of means, made by resampling "
        f"patients, are too narrow (a 95 % interval holds the true mean {COVERAGE_OF_FEW}), and below "
        f"{MIN_PATIENTS} none is given.{differences}"
    ]


def _names(comparison: Comparison) -> list[str]:
    note = names_note(comparison.cases)
    return [f"{note}."] if note else []


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
