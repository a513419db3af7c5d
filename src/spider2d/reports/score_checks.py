"""What a comparison reads from score files, checked once, so that nothing after it meets a missing figure."""

import math
import reprlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from spider2d.cli import quoted
from spider2d.errors import ComparisonError
from spider2d.evaluation.spider_score import OFFICIAL_NAMES
from spider2d.evaluation.strict_score import OVERALL
from spider2d.labels import STRUCTURES

_TOP_KEYS = ("subset", "cases", "not_scored", "references", "predictions", "references_digest")
_TEXT_KEYS = ("references", "predictions", "references_digest")
_METRICS = ("dice", "asd_mm", "hd95_mm", "surface_dice_1mm", "detection_rate", "panoptic_quality")
_COUNTS = ("reference_count", "detected_count", "extra_count")
_POOLED = ("dice", "asd_mm")
SUBSETS = ("training", "validation", None)
STRICT_NAMES = (
    f"{OVERALL}_dice",
    *(f"{structure}_{metric}" for structure in STRUCTURES for metric in _METRICS),
)
COUNT_COLUMNS = tuple(f"{structure}_{count}" for structure in STRUCTURES for count in _COUNTS)
CASE_COLUMNS = (*("case", "patient", "sequence", "reference_digest"), *STRICT_NAMES, *COUNT_COLUMNS)
INSTANCE_COLUMNS = (
    *("case", "structure", "dice"),
    *("reference_label", "prediction_label", "reference_volume_ml", "prediction_volume_ml"),
)
MEAN_TOLERANCE = 1e-6
"""Both files hold all digits of a figure, so that a mean differs by the order of the sum alone."""


def score_again(folder: Path) -> str:
    """Say what to type when a folder of scores cannot be used."""
    return (
        "Score it again: python src/evaluate_volumes.py --references MASKS --predictions PREDICTIONS "
        f"--output {quoted(folder)} (or --dataset DATASET --subset validation in place of --references)"
    )


def evaluate_command(metrics: Mapping, predictions: Path | str, output: Path | str) -> str:
    """Return the command that scores label files as those of ``metrics`` were: references, subset, 2D or not.

    Args:
        metrics: Content of ``metrics.json`` whose references are wanted.
        predictions: Folder of label files.
        output: Folder of scores to write.
    """
    masks, subset = Path(metrics["references"]), metrics["subset"]
    words = ["python src/evaluate_volumes.py --references", quoted(metrics["references"])]
    if subset is not None:
        dataset = masks.parent if masks.name == "masks" else "DATASET"
        words.append(f"--dataset {quoted(dataset)} --subset {subset}")
    if metrics.get("rows_2d"):
        words.append(f"--rows-2d {metrics['rows_2d']}")
    words.append(f"--predictions {quoted(predictions)} --output {quoted(output)}")
    return " ".join(words)


def check_columns(columns: Sequence[str], needed: Sequence[str], path: Path) -> None:
    """Refuse a table without a column that the comparison reads.

    Raises:
        ComparisonError: Names the file, the first missing column, and what to type.
    """
    missing = [name for name in needed if name not in columns]
    if missing:
        raise ComparisonError(
            f"{path}: incomplete, no column {missing[0]!r} in it. {score_again(path.parent)}"
        )


def check_metrics(metrics: Mapping, path: Path) -> None:
    """Refuse the content of ``metrics.json`` when what the comparison reads is missing or of another type.

    Sequences are checked by ``check_sequences``, because which ones there are stands in ``per_case.csv``.

    Raises:
        ComparisonError: Names the file, the key (as in ``strict.canal_asd_mm.mean``), and what to type.
    """
    for key in _TOP_KEYS:
        _find(metrics, (key,), path)
    if metrics["subset"] not in SUBSETS:
        raise _damaged(path, ("subset",), "'training', 'validation' or null", metrics["subset"])
    _check_texts(metrics, path)
    if not metrics["cases"]:
        raise ComparisonError(f"{path}: incomplete, it holds no case. {score_again(path.parent)}")
    for keys in _figures():
        _check_number(metrics, keys, path)
    _check_intervals(metrics, ("confidence_intervals",), path)


def check_sequences(metrics: Mapping, sequences: Sequence[str], path: Path) -> None:
    """Refuse metrics in which the figures of a sequence are missing.

    Raises:
        ComparisonError: As ``check_metrics``.
    """
    for sequence in sequences:
        for name in STRICT_NAMES:
            for part in ("mean", "n"):
                _check_number(metrics, ("by_sequence", sequence, "strict", name, part), path)
        _check_intervals(metrics, ("confidence_intervals", "by_sequence", sequence), path)


def check_cases(
    metrics: Mapping, names: Sequence[str], columns: Mapping[str, np.ndarray], path: Path
) -> None:
    """Refuse a table of cases that names one twice, or that is of another scoring than ``metrics.json``.

    Args:
        metrics: Content of ``metrics.json``.
        names: The cases, one per row.
        columns: (N,) values of the strict columns by name; NaN = not defined.
        path: ``per_case.csv``.

    Raises:
        ComparisonError: Names the case that stands twice, or the column whose mean is another one.
    """
    name, n_rows = Counter(names).most_common(1)[0]
    if n_rows > 1:
        raise ComparisonError(f"{path}: damaged, {n_rows} rows of {name}. {score_again(path.parent)}")
    for column in STRICT_NAMES:
        values = columns[column][np.isfinite(columns[column])]
        found, noted = float(values.mean()) if len(values) else math.nan, metrics["strict"][column]["mean"]
        noted = math.nan if noted is None else noted
        if not np.isclose(found, noted, rtol=0, atol=MEAN_TOLERANCE, equal_nan=True):
            raise ComparisonError(
                f"{path}: of another scoring than metrics.json beside it: the mean of {column} is "
                f"{found:.9g} here and {noted:.9g} there. {score_again(path.parent)}"
            )


def _check_texts(metrics: Mapping, path: Path) -> None:
    """Refuse paths, names and reasons that are none."""
    for key in _TEXT_KEYS:
        if not isinstance(metrics[key], str):
            raise _damaged(path, (key,), "a text", metrics[key])
    if not _are_texts(metrics["cases"]):
        raise _damaged(path, ("cases",), "a list of names", metrics["cases"])
    entries = metrics["not_scored"]
    if not isinstance(entries, list) or not all(
        isinstance(entry, Mapping) and _are_texts([entry.get("name"), entry.get("reason")])
        for entry in entries
    ):
        raise _damaged(path, ("not_scored",), "a list of names with reasons", entries)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _figures() -> Iterator[tuple[str, ...]]:
    """Yield the keys of every figure over all cases."""
    for name in STRICT_NAMES:
        yield from (("strict", name, part) for part in ("mean", "n"))
    for name in OFFICIAL_NAMES:
        yield from (
            ("official", name, part) for part in ("mean", "std", "n_sentinel", "mean_without_sentinel")
        )
    for structure in STRUCTURES:
        yield from (("instances", structure, name, part) for name in _POOLED for part in ("mean", "std"))


def _check_number(metrics: Mapping, keys: tuple[str, ...], path: Path) -> None:
    value = _find(metrics, keys, path)
    counted = keys[-1] in ("n", "n_sentinel")
    if not (_is_number(value) or (value is None and not counted)):
        raise _damaged(path, keys, "a number" if counted else "a number or null", value)


def _check_intervals(metrics: Mapping, group: tuple[str, ...], path: Path) -> None:
    for name in STRICT_NAMES:
        keys = (*group, "strict", name)
        value = _find(metrics, keys, path)
        if value is None:
            continue
        if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))):
            raise _damaged(path, keys, "[lower, upper] or null", value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _find(metrics: Mapping, keys: tuple[str, ...], path: Path) -> object:
    """Return what stands under nested keys; the message names the first one that is not there."""
    value = metrics
    for depth, key in enumerate(keys, start=1):
        if not isinstance(value, Mapping) or key not in value:
            missing = ".".join(keys[:depth])
            raise ComparisonError(f"{path}: incomplete, no {missing!r} in it. {score_again(path.parent)}")
        value = value[key]
    return value


def _damaged(path: Path, keys: tuple[str, ...], needed: str, found: object) -> ComparisonError:
    what = f"{'.'.join(keys)} is {reprlib.repr(found)}, needed is {needed}"
    return ComparisonError(f"{path}: damaged, {what}. {score_again(path.parent)}")
