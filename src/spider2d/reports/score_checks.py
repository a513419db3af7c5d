"""What a comparison reads from score files, checked once, so that nothing after it meets a missing figure."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from spider2d.cli import quoted
from spider2d.errors import ComparisonError
from spider2d.evaluation.spider_score import OFFICIAL_NAMES
from spider2d.evaluation.strict_score import OVERALL
from spider2d.labels import STRUCTURES

_TOP_KEYS = ("subset", "cases", "not_scored", "references", "predictions", "references_digest")
_METRICS = ("dice", "asd_mm", "hd95_mm", "surface_dice_1mm", "detection_rate", "panoptic_quality")
_COUNTS = ("reference_count", "detected_count", "extra_count")
_POOLED = ("dice", "asd_mm")
SUBSETS = ("training", "validation", None)
STRICT_NAMES = (
    f"{OVERALL}_dice",
    *(f"{structure}_{metric}" for structure in STRUCTURES for metric in _METRICS),
)
CASE_COLUMNS = (
    *("case", "patient", "sequence", "reference_digest"),
    *STRICT_NAMES,
    *(f"{structure}_{count}" for structure in STRUCTURES for count in _COUNTS),
)
INSTANCE_COLUMNS = (
    *("case", "structure", "dice"),
    *("reference_label", "prediction_label", "reference_volume_ml", "prediction_volume_ml"),
)


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
    """Refuse the content of ``metrics.json`` when a figure that the comparison reads is missing or no figure.

    Sequences are checked by ``check_sequences``, because which ones there are stands in ``per_case.csv``.

    Raises:
        ComparisonError: Names the file, the key (as in ``strict.canal_asd_mm.mean``), and what to type.
    """
    for key in _TOP_KEYS:
        _find(metrics, (key,), path)
    if metrics["subset"] not in SUBSETS:
        raise _damaged(path, ("subset",), "'training', 'validation' or null", metrics["subset"])
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
    if value is not None and not _is_number(value):
        raise _damaged(path, keys, "a number or null", value)


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
    what = f"{'.'.join(keys)} is {found!r}, needed is {needed}"
    return ComparisonError(f"{path}: damaged, {what}. {score_again(path.parent)}")
