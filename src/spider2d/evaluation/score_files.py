"""From folders of label files, of any method, to scored cases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spider2d.cli import describe
from spider2d.data.geometry import Rows2d
from spider2d.data.parallel import run_parallel
from spider2d.data.volume import READABLE_SUFFIXES, read_mask, volumes_by_name
from spider2d.errors import ScoreError, Spider2dError
from spider2d.evaluation.case_score import CaseScore, score_pair

NO_PREDICTION, NO_REFERENCE, FAILED = "no_prediction", "no_reference", "failed"
_MAKE_REFERENCES = " `python preprocessing/make_phantom.py` makes data/phantom/masks."
_MAKE_PREDICTIONS = " `python src/infer_volume.py` makes them."


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
        ScoreError: A folder is missing or holds no label file.
        DatasetError: Two files of a folder have one name.
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
    files = volumes_by_name(folder)
    if not files:
        raise ScoreError(f"{folder}: no {content} here, needed: {', '.join(READABLE_SUFFIXES)} files.{hint}")
    return files


def score_pairs(
    pairs: Sequence[CasePair], workers: int = 1, rows_2d: Rows2d | None = None
) -> tuple[list[CaseScore], list[NotScored]]:
    """Score all pairs; a pair that cannot be scored is reported, the others are scored.

    Args:
        pairs: From ``find_pairs``.
        workers: Number of processes.
        rows_2d: For 2D masks only, see ``volume.read_volume``; the same for both sides.

    Returns:
        Scores and failures, each sorted by name.
    """
    work = partial(_score_or_report, rows_2d=rows_2d)
    results = [result for _, result in run_parallel(work, pairs, workers, "scoring")]
    results.sort(key=lambda result: result.name)
    scored = [result for result in results if isinstance(result, CaseScore)]
    return scored, [result for result in results if isinstance(result, NotScored)]


def _score_or_report(pair: CasePair, rows_2d: Rows2d | None) -> CaseScore | NotScored:
    try:
        masks = (read_mask(path, rows_2d) for path in (pair.reference, pair.prediction))
        return score_pair(*masks, pair.name)
    except (Spider2dError, OSError) as error:
        return NotScored(pair.name, FAILED, describe(error))
    except MemoryError:
        return NotScored(pair.name, FAILED, "not enough memory for this case; try again with --workers 1")
