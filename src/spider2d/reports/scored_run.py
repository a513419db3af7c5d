"""One scored run, read back from the files of ``evaluate_volumes.py`` and checked."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spider2d.cost_file import COST_NAME, Cost, read_cost
from spider2d.errors import ComparisonError
from spider2d.evaluation.score_output import SCHEMA
from spider2d.reports.score_checks import (
    CASE_COLUMNS,
    COUNT_COLUMNS,
    INSTANCE_COLUMNS,
    STRICT_NAMES,
    check_cases,
    check_columns,
    check_metrics,
    check_sequences,
    score_again,
)
from spider2d.reports.study import RunSource

METRICS_NAME, CASES_NAME, INSTANCES_NAME = "metrics.json", "per_case.csv", "per_structure.csv"
_TEXT_COLUMNS = ("case", "patient", "sequence", "reference_digest", "notes")


@dataclass(frozen=True)
class CaseScores:
    """The figures of one case by column name (NaN = not defined), and what it was scored against."""

    name: str
    patient: str
    sequence: str
    reference_digest: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class InstanceDice:
    """Dice of one reference structure of one case; 0 when it was missed."""

    case: str
    structure: str
    label: int
    dice: float


@dataclass(frozen=True)
class LabelVolumes:
    """Volume in ml of each label value of one case, as it was scored: the fingerprint of its two files."""

    reference: Mapping[int, float]
    prediction: Mapping[int, float]


@dataclass(frozen=True)
class ScoredRun:
    """Everything a comparison knows of one method.

    Attributes:
        name: Name of the method.
        dimension: "2D", "2.5D", "3D", or None when nobody said.
        scores: Folder the scores were read from.
        metrics: Content of ``metrics.json``.
        cases: Rows of ``per_case.csv`` by case, in the order of the file.
        instances: Reference structures of ``per_structure.csv``.
        label_volumes: The volumes of every label by case; a case without any label is not in it.
        cost: What is known of its cost; empty without a cost file.
        predictions: Folder of its label files, or None when it is not there.
    """

    name: str
    dimension: str | None
    scores: Path
    metrics: Mapping
    cases: Mapping[str, CaseScores]
    instances: tuple[InstanceDice, ...]
    label_volumes: Mapping[str, LabelVolumes]
    cost: Cost
    predictions: Path | None


def read_run(source: RunSource) -> ScoredRun:
    """Read and check one run.

    Raises:
        ComparisonError: A file is missing, damaged, of another schema, lacks a figure that the comparison
            shows, or the files are not of one scoring.
        ConfigError: The cost file is not valid.
    """
    folder = source.scores
    metrics = _read_metrics(folder)
    rows = [_case(row, folder) for row in _read_csv(folder, CASES_NAME, CASE_COLUMNS)]
    cases = {row.name: row for row in rows}
    check_sequences(metrics, sorted({case.sequence for case in cases.values()}), folder / METRICS_NAME)
    structures = _read_csv(folder, INSTANCES_NAME, INSTANCE_COLUMNS)
    instances = tuple(_instance(row, folder) for row in structures if row["reference_label"])
    if sorted(cases) != sorted(metrics["cases"]) or not {i.case for i in instances} <= set(cases):
        raise ComparisonError(
            f"{folder}: {METRICS_NAME}, {CASES_NAME} and {INSTANCES_NAME} hold different cases. "
            + score_again(folder)
        )
    columns = {name: np.array([row.values[name] for row in rows]) for name in STRICT_NAMES}
    check_cases(metrics, [row.name for row in rows], columns, folder / CASES_NAME)
    cost_path = source.cost or folder / COST_NAME
    cost = read_cost(cost_path) if source.cost or cost_path.is_file() else Cost()
    predictions = source.predictions or Path(metrics["predictions"])
    return ScoredRun(
        name=source.name,
        dimension=source.dimension or cost.dimension,
        scores=folder,
        metrics=metrics,
        cases=cases,
        instances=instances,
        label_volumes=_label_volumes(structures, folder),
        cost=cost,
        predictions=predictions if predictions.is_dir() else None,
    )


def _read_metrics(folder: Path) -> dict:
    path = folder / METRICS_NAME
    text = _read_text(folder, METRICS_NAME)
    try:
        metrics = json.loads(text)
    except json.JSONDecodeError as error:
        raise ComparisonError(
            f"{path}: damaged, not readable as JSON ({error}). " + score_again(folder)
        ) from error
    found = metrics.get("schema") if isinstance(metrics, dict) else None
    if found != SCHEMA:
        raise ComparisonError(
            f"{path}: needed are scores of schema {SCHEMA}, found {found}. " + score_again(folder)
        )
    check_metrics(metrics, path)
    return metrics


def _read_text(folder: Path, name: str) -> str:
    path = folder / name
    if not path.is_file():
        raise ComparisonError(
            f"{path}: no such file. Needed: a folder written by evaluate_volumes.py. " + score_again(folder)
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ComparisonError(f"{path}: damaged, not UTF-8. " + score_again(folder)) from error


def _read_csv(folder: Path, name: str, needed: Sequence[str]) -> list[dict[str, str]]:
    rows = list(csv.DictReader(_read_text(folder, name).splitlines()))
    if not rows or any(None in row or None in row.values() for row in rows):
        raise ComparisonError(f"{folder / name}: empty or cut short. " + score_again(folder))
    check_columns(list(rows[0]), needed, folder / name)
    return rows


def _case(row: Mapping[str, str], folder: Path) -> CaseScores:
    try:
        identity = [row[name] for name in ("case", "patient", "sequence", "reference_digest")]
        values = {key: _number(value) for key, value in row.items() if key not in _TEXT_COLUMNS}
        for name in COUNT_COLUMNS:
            if not values[name].is_integer():
                raise ValueError(f"{row['case']}: {name} is {row[name]!r}, needed is a whole number")
    except ValueError as error:
        raise ComparisonError(f"{folder / CASES_NAME}: damaged ({error}). " + score_again(folder)) from error
    return CaseScores(*identity, values)


def _instance(row: Mapping[str, str], folder: Path) -> InstanceDice:
    try:
        return InstanceDice(row["case"], row["structure"], int(row["reference_label"]), _number(row["dice"]))
    except ValueError as error:
        raise ComparisonError(
            f"{folder / INSTANCES_NAME}: damaged ({error}). " + score_again(folder)
        ) from error


def _label_volumes(rows: Sequence[Mapping[str, str]], folder: Path) -> dict[str, LabelVolumes]:
    volumes: dict[str, LabelVolumes] = {}
    try:
        for row in rows:
            of_case = volumes.setdefault(row["case"], LabelVolumes({}, {}))
            for side, of_label in (("reference", of_case.reference), ("prediction", of_case.prediction)):
                if row[f"{side}_label"]:
                    of_label[int(row[f"{side}_label"])] = float(row[f"{side}_volume_ml"])
    except ValueError as error:
        raise ComparisonError(
            f"{folder / INSTANCES_NAME}: damaged ({error}). " + score_again(folder)
        ) from error
    return volumes


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan
