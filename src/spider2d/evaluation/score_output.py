"""The three files that hold the scores of one method; every later comparison reads them.

- ``metrics.json``: ``schema`` (1), ``references``, ``predictions``, ``subset`` and ``rows_2d`` as given,
  ``complete``
  (False when ``not_scored`` lists anything), ``cases`` (names, sorted), ``not_scored`` (``name``, ``kind``,
  ``reason``), ``notes`` (``case``, ``note``), ``references_digest`` (the same for two methods scored on the
  same references), ``versions``, and the keys of ``summary.summarise``.
- ``per_case.csv``: one row per case: ``case``, ``patient``, ``sequence``, the ten official names, the strict
  ``<structure>_<metric>`` names, ``reference_digest``, ``notes``. An empty cell is a value not defined.
- ``per_structure.csv``: one row per case and instance: ``case``, ``patient``, ``sequence``, the fields of
  ``instance_score.InstanceScore``, and for reference instances ``official_prediction_label``,
  ``official_dice``, ``official_asd_mm``.
"""

import csv
import hashlib
import io
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

from spider2d import __version__
from spider2d.atomic_write import write_text
from spider2d.evaluation.case_score import CaseScore
from spider2d.evaluation.instance_score import InstanceScore
from spider2d.evaluation.score_files import NotScored
from spider2d.evaluation.summary import patient_and_sequence, summarise

SCHEMA = 1
_IDENTITY = ("case", "patient", "sequence")
_INSTANCE_COLUMNS = (
    *_IDENTITY,
    *(field.name for field in fields(InstanceScore)),
    "official_prediction_label",
    "official_dice",
    "official_asd_mm",
)
_PACKAGES = ("numpy", "scipy", "SimpleITK")


def make_metrics(
    cases: Sequence[CaseScore], not_scored: Sequence[NotScored], settings: dict[str, str | None]
) -> dict:
    """Return the content of ``metrics.json``.

    Args:
        cases: At least one scored case.
        not_scored: What could not be scored.
        settings: "references", "predictions", "subset" and "rows_2d" as given.
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
        "versions": {
            "python": platform.python_version(),
            "spider2d": __version__,
            **{name: version(name) for name in _PACKAGES},
        },
    }


def write_scores(output: Path, cases: Sequence[CaseScore], metrics: dict) -> list[Path]:
    """Write the three score files; each appears under its name only when it is complete.

    ``metrics.json`` of a former scoring is taken away first and the new one comes last, so that a folder in
    which only some files are replaced has none, and no comparison takes it.

    Args:
        output: Folder; made when missing.
        cases: The scored cases, at least one.
        metrics: From ``make_metrics``.

    Returns:
        The paths written.

    Raises:
        OSError: The folder cannot be written.
    """
    case_rows = [_case_row(case) for case in cases]
    instance_rows = [row for case in cases for row in _instance_rows(case)]
    contents = {
        "per_case.csv": _csv_text(list(case_rows[0]), case_rows),
        "per_structure.csv": _csv_text(_INSTANCE_COLUMNS, instance_rows),
        "metrics.json": json.dumps(metrics, indent=1, allow_nan=False) + "\n",
    }
    (output / "metrics.json").unlink(missing_ok=True)
    for name, text in contents.items():
        write_text(output / name, text)
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
