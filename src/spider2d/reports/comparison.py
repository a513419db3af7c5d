"""Runs side by side: read, checked to be scored on the same cases and references, and laid out as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spider2d.cli import quoted
from spider2d.data.phantom.dataset import is_phantom
from spider2d.data.spider_tables import SEQUENCES
from spider2d.errors import ComparisonError
from spider2d.reports.score_checks import evaluate_command
from spider2d.reports.scored_run import ScoredRun, read_run
from spider2d.reports.study import Study

ALL_SERIES = "all series"
SEQUENCE_TITLES = {"t1": "T1", "t2": "T2", "t2_SPACE": "T2 SPACE"}


@dataclass(frozen=True)
class DataSource:
    """The data set behind the scores, as far as it is known.

    Attributes:
        root: Its folder with ``images`` and ``masks``; None when it is not there.
        synthetic: Whether it, or the one whose masks a run's scores name, is a phantom; None when neither is
            there to tell.
    """

    root: Path | None
    synthetic: bool | None


@dataclass(frozen=True)
class Comparison:
    """Runs scored on the same cases against the same references.

    Attributes:
        runs: At least one; the first one is compared with each of the others.
        margin_dice: Non-inferiority margin.
        data: The data set.
        cases: Names of the cases.
        patients: Patient of each case.
        sequences: Sequence of each case.
        skipped: Methods that were meant to be compared and are not, each with the reason.
    """

    runs: tuple[ScoredRun, ...]
    margin_dice: float
    data: DataSource
    cases: tuple[str, ...]
    patients: np.ndarray
    sequences: np.ndarray
    skipped: Mapping[str, str]

    def values(self, run: ScoredRun, column: str) -> np.ndarray:
        """Return (N,) values of a column of ``per_case.csv``, one per case; NaN = not defined."""
        return np.array([run.cases[name].values[column] for name in self.cases])

    def groups(self) -> list[tuple[str, str | None, np.ndarray]]:
        """Return (title, sequence or None, (N,) mask) of all series and of each sequence there is."""
        groups = [(ALL_SERIES, None, np.ones(len(self.cases), dtype=bool))]
        for sequence in sorted(set(self.sequences.tolist()), key=_sequence_order):
            title = SEQUENCE_TITLES.get(sequence, f"sequence {sequence}")
            groups.append((title, sequence, self.sequences == sequence))
        return groups

    @property
    def pairs(self) -> list[tuple[ScoredRun, ScoredRun]]:
        """The first run with each of the others."""
        return [(self.runs[0], other) for other in self.runs[1:]]


def read_comparison(study: Study) -> Comparison:
    """Read all runs of a study and refuse what must not be compared.

    Raises:
        ComparisonError: A run cannot be used, or two were scored on other cases or references.
        ConfigError: A cost file is not valid.
    """
    runs = tuple(read_run(source) for source in study.runs)
    check_comparable(runs)
    rows = list(runs[0].cases.values())
    return Comparison(
        runs=runs,
        margin_dice=study.margin_dice,
        data=find_data(study.dataset, runs),
        cases=tuple(row.name for row in rows),
        patients=np.array([row.patient for row in rows]),
        sequences=np.array([row.sequence for row in rows]),
        skipped=study.skipped,
    )


def check_comparable(runs: Sequence[ScoredRun]) -> None:
    """Refuse runs whose means would be over different things.

    Raises:
        ComparisonError: Names the first case that differs, and what to type.
    """
    first = runs[0]
    for other in runs[1:]:
        differing = sorted(set(first.cases) ^ set(other.cases))
        if differing:
            raise ComparisonError(_other_cases(first, other, differing))
        for name, row in first.cases.items():
            if row.reference_digest != other.cases[name].reference_digest:
                raise ComparisonError(_other_references(first, other, name))


def _other_cases(first: ScoredRun, other: ScoredRun, differing: list[str]) -> str:
    name = differing[0]
    has, lacks = (first, other) if name in first.cases else (other, first)
    reasons = [entry["reason"] for entry in lacks.metrics["not_scored"] if entry["name"] == name]
    return (
        f"{first.name} and {other.name} were scored on different cases ({len(first.cases)} and "
        f"{len(other.cases)}), so their means cannot be compared. The first that differs: {name} is in "
        f"{has.name}, not in {lacks.name}{f' ({reasons[0]})' if reasons else ''}. Score both on one set, for "
        "example: python src/evaluate_volumes.py --dataset DATASET --subset validation --predictions "
        f"{quoted(lacks.metrics['predictions'])} --output {quoted(lacks.scores)}"
    )


def _other_references(first: ScoredRun, other: ScoredRun, name: str) -> str:
    return (
        f"{first.name} and {other.name} were scored against different references (the first case that "
        f"differs: {name}; references {first.metrics['references']} and {other.metrics['references']}): "
        "other masks, another grid, or another data set with the same names. Score both against one folder: "
        + evaluate_command(first.metrics, other.metrics["predictions"], other.scores)
    )


def find_data(dataset: Path | None, runs: Sequence[ScoredRun]) -> DataSource:
    """Return the data set: the given one, or the one whose masks the scores name.

    Raises:
        ComparisonError: The given folder is no data set.
    """
    on_phantom = any(is_phantom(_scored_root(run)) for run in runs)
    if dataset is not None:
        missing = [name for name in ("images", "masks") if not (dataset / name).is_dir()]
        if missing:
            raise ComparisonError(
                f"{dataset}: no folder {missing[0]} in it; give --dataset a data set folder"
            )
        return DataSource(dataset, is_phantom(dataset) or on_phantom)
    root = _scored_root(runs[0])
    if not all((root / name).is_dir() for name in ("images", "masks")):
        return DataSource(None, on_phantom or None)
    return DataSource(root, on_phantom)


def _scored_root(run: ScoredRun) -> Path:
    """Return the data set folder to which the references of a run belong, if they lie in one."""
    masks = Path(run.metrics["references"])
    return masks.parent if masks.name == "masks" else masks


def _sequence_order(sequence: str) -> tuple[int, str]:
    return SEQUENCES.index(sequence) if sequence in SEQUENCES else len(SEQUENCES), sequence
