"""From label files of any method to scores, and the three score files.

- ``metrics.json``: ``schema`` (1), ``references``, ``predictions`` and ``subset`` as given, ``complete``
  (False when ``not_scored`` lists anything), ``cases`` (names, sorted), ``not_scored`` (``name``, ``kind``,
  ``reason``), ``notes`` (``case``, ``note``), ``references_digest`` (the same for two methods scored on the
  same references), ``versions``, and the keys of ``summary.summarise``.
- ``per_case.csv``: one row per case: ``case``, ``patient``, ``sequence``, the ten official names, the strict
  ``<structure>_<metric>`` names, ``reference_digest``, ``notes``. An empty cell is a value not defined.
- ``per_structure.csv``: one row per case and instance: ``case``, ``patient``, ``sequence``, the fields of
  ``strict_score.InstanceScore``, and for reference instances ``official_prediction_label``,
  ``official_dice``, ``official_asd_mm``.
"""

import csv
import hashlib
import io
import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from spider2d.data.parallel import run_parallel
from spider2d.data.volume import READABLE_SUFFIXES, read_mask, volume_name
from spider2d.errors import ScoreError, Spider2dError
from spider2d.evaluation.case_score import CaseScore, score_pair
from spider2d.evaluation.spider_score import OFFICIAL_NAMES
from spider2d.evaluation.strict_score import STRICT_NAMES, InstanceScore
from spider2d.evaluation.summary import patient_and_sequence, summarise

SCHEMA = 1
NO_PREDICTION, NO_REFERENCE, FAILED = "no_prediction", "no_reference", "failed"
_IDENTITY = ("case", "patient", "sequence")
_CASE_COLUMNS = (*_IDENTITY, *OFFICIAL_NAMES, *STRICT_NAMES, "reference_digest", "notes")
_INSTANCE_COLUMNS = (
    *_IDENTITY,
    *(field.name for field in fields(InstanceScore)),
    "official_prediction_label",
    "official_dice",
    "official_asd_mm",
)
_MAKE_REFERENCES = " `python preprocessing/make_phantom.py` makes data/phantom/masks."
_MAKE_PREDICTIONS = " `python src/infer_volume.py` makes them."
_PACKAGES = ("spider2d", "numpy", "scipy", "SimpleITK")


@dataclass(frozen=True)
class CasePair:
    """The two files of one case."""

    name: str
    reference: Path
    prediction: Path


@dataclass(frozen=True)
class NotScored:
    """A case without scores.

    Attributes:
        name: Name of the case.
        kind: ``NO_PREDICTION``, ``NO_REFERENCE`` or ``FAILED`` (the files are there, scoring them failed).
        reason: What was found.
    """

    name: str
    kind: str
    reason: str


def find_pairs(
    references: Path, predictions: Path, expected: Iterable[str] | None = None
) -> tuple[list[CasePair], list[NotScored]]:
    """Pair reference and prediction files by name; their formats may differ.

    Args:
        references: Folder of reference masks (or a data set folder with ``masks`` in it).
        predictions: Folder of predicted label files.
        expected: The cases to score; others are left aside. None = all references.

    Returns:
        The pairs, sorted by name, and every expected case that lacks one of its files. Without ``expected``
        predictions without a reference are among them, too.

    Raises:
        ScoreError: A folder is missing or holds no label file, or two files have one name.
    """
    masks = references / "masks"
    reference_of = _label_files(masks if masks.is_dir() else references, "reference masks", _MAKE_REFERENCES)
    prediction_of = _label_files(predictions, "predictions", _MAKE_PREDICTIONS)
    names = set(reference_of) | set(prediction_of) if expected is None else set(expected)
    pairs, not_scored = [], []
    for name in sorted(names):
        if name not in prediction_of:
            not_scored.append(NotScored(name, NO_PREDICTION, f"no prediction of this name in {predictions}"))
        elif name not in reference_of:
            not_scored.append(NotScored(name, NO_REFERENCE, f"no reference of this name in {references}"))
        else:
            pairs.append(CasePair(name, reference_of[name], prediction_of[name]))
    return pairs, not_scored


def _label_files(folder: Path, content: str, hint: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise ScoreError(f"{folder}: no such folder. Needed: a folder of {content}.{hint}")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.name.lower().endswith(READABLE_SUFFIXES):
            continue
        name = volume_name(path)
        if name in files:
            raise ScoreError(f"{folder}: {files[name].name} and {path.name} are one case. Keep one of them.")
        files[name] = path
    if not files:
        raise ScoreError(f"{folder}: no {content} here, needed: {', '.join(READABLE_SUFFIXES)} files.{hint}")
    return files


def score_pairs(pairs: Sequence[CasePair], workers: int = 1) -> tuple[list[CaseScore], list[NotScored]]:
    """Score all pairs; a pair that cannot be scored is reported, the others are scored.

    Args:
        pairs: From ``find_pairs``.
        workers: Number of processes.

    Returns:
        Scores and failures, each sorted by name.
    """
    results = [result for _, result in run_parallel(_score_or_report, pairs, workers, "scoring")]
    results.sort(key=lambda result: result.name)
    scored = [result for result in results if isinstance(result, CaseScore)]
    return scored, [result for result in results if isinstance(result, NotScored)]


def _score_or_report(pair: CasePair) -> CaseScore | NotScored:
    try:
        return score_pair(read_mask(pair.reference), read_mask(pair.prediction), pair.name)
    except (Spider2dError, OSError) as error:
        return NotScored(pair.name, FAILED, str(error))


def make_metrics(
    cases: Sequence[CaseScore], not_scored: Sequence[NotScored], settings: dict[str, str | None]
) -> dict:
    """Return the content of ``metrics.json``.

    Args:
        cases: At least one scored case.
        not_scored: What could not be scored.
        settings: "references", "predictions" and "subset" as given.
    """
    digests = "".join(f"{case.name}:{case.reference_digest};" for case in cases)
    return {
        "schema": SCHEMA,
        **settings,
        "complete": not not_scored,
        **summarise(cases),
        "cases": [case.name for case in cases],
        "not_scored": [asdict(entry) for entry in not_scored],
        "notes": [{"case": case.name, "note": note} for case in cases for note in case.notes],
        "references_digest": hashlib.sha256(digests.encode()).hexdigest()[:16],
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def prepare_output(output: Path) -> None:
    """Make the output folder and try to write in it, before any work is done.

    Raises:
        OSError: It cannot be made or written.
    """
    output.mkdir(parents=True, exist_ok=True)
    trial = output / f".unfinished-{os.getpid()}"
    trial.touch()
    trial.unlink()


def write_scores(output: Path, cases: Sequence[CaseScore], metrics: dict) -> list[Path]:
    """Write the three score files; each appears under its name only when it is complete.

    Args:
        output: Folder; made when missing.
        cases: The scored cases.
        metrics: From ``make_metrics``.

    Returns:
        The paths written.

    Raises:
        OSError: The folder cannot be written.
    """
    prepare_output(output)
    contents = {
        "per_case.csv": _csv_text(_CASE_COLUMNS, [_case_row(case) for case in cases]),
        "per_structure.csv": _csv_text(
            _INSTANCE_COLUMNS, [row for case in cases for row in _instance_rows(case)]
        ),
        "metrics.json": json.dumps(metrics, indent=1, allow_nan=False) + "\n",
    }
    for name, text in contents.items():
        unfinished = output / f".unfinished-{os.getpid()}-{name}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(output / name)
    return [output / name for name in contents]


def _identity(case: CaseScore) -> dict[str, str]:
    patient, sequence = patient_and_sequence(case.name)
    return dict(zip(_IDENTITY, (case.name, patient, sequence), strict=True))


def _case_row(case: CaseScore) -> dict:
    return {
        **_identity(case),
        **case.official.values,
        **case.strict,
        "reference_digest": case.reference_digest,
        "notes": "; ".join(case.notes),
    }


def _instance_rows(case: CaseScore) -> list[dict]:
    official = {structure.reference_label: structure for structure in case.official.structures}
    rows = []
    for instance in case.instances:
        row = _identity(case) | asdict(instance)
        if instance.reference_label is not None:
            structure = official[instance.reference_label]
            row["official_prediction_label"] = structure.prediction_label
            row["official_dice"] = structure.dice
            row["official_asd_mm"] = structure.asd_mm
        rows.append(row)
    return rows


def _csv_text(columns: Sequence[str], rows: Sequence[dict]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> object:
    """Leave cells empty where a value is not defined."""
    return "" if isinstance(value, float) and math.isnan(value) else value
