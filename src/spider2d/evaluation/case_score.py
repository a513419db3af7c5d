"""Both scores of one case: the official SPIDER figures and the strict ones beside them."""

import hashlib
from dataclasses import dataclass

from spider2d.data.volume import Volume, grid_differences
from spider2d.errors import ScoreError
from spider2d.evaluation.instance_score import InstanceScore, score_instances
from spider2d.evaluation.matching import Overlap, count_overlap, listed
from spider2d.evaluation.spider_score import SpiderScore, spider_score
from spider2d.evaluation.strict_score import strict_score
from spider2d.labels import unknown_labels


@dataclass(frozen=True)
class CaseScore:
    """Everything that was measured on one pair of label volumes.

    Attributes:
        name: Name of the case, usually ``<patient>_<sequence>``.
        official: The official figures.
        strict: ``<structure>_<metric>`` values, see ``strict_score.strict_score``.
        instances: One entry per reference instance and per extra instance of the prediction.
        notes: What a reader of the figures must know: values not available, labels SPIDER does not define.
        reference_digest: Fingerprint of the reference (grid size, spacing, voxels per label); two runs scored
            on the same references have the same one.
    """

    name: str
    official: SpiderScore
    strict: dict[str, float]
    instances: tuple[InstanceScore, ...]
    notes: tuple[str, ...]
    reference_digest: str


def score_pair(reference: Volume, prediction: Volume, name: str = "") -> CaseScore:
    """Score a predicted label volume against its reference.

    Args:
        reference: Label volume with SPIDER label values.
        prediction: Label volume on the same grid; instance numbers are free.
        name: Name of the case.

    Returns:
        The scores. A reference or a prediction without foreground is scored like any other.

    Raises:
        ScoreError: The grids differ, or a mask holds values that cannot be labels.
    """
    differences = grid_differences(reference.geometry, prediction.geometry)
    if differences:
        raise ScoreError(
            "the grids of reference and prediction differ: " + "; ".join(differences) + ". "
            "Resample the prediction to the grid of the image with nearest-neighbour interpolation."
        )
    overlap = count_overlap(reference.array_zyx, prediction.array_zyx)
    spacing_xyz_mm = reference.geometry.spacing_xyz_mm
    official = spider_score(overlap, spacing_xyz_mm)
    instances = score_instances(overlap, spacing_xyz_mm[::-1])
    notes = [note for note in (official.note, *_label_notes(overlap)) if note]
    strict = strict_score(overlap, instances)
    return CaseScore(name, official, strict, instances, tuple(notes), _digest(reference, overlap))


def _label_notes(overlap: Overlap) -> list[str]:
    """Name the labels SPIDER does not define; they count in no strict figure."""
    sides = (("reference", overlap.reference_labels), ("prediction", overlap.prediction_labels))
    return [
        f"{len(unknown)} labels unknown to SPIDER in the {side}, left out of the strict figures: "
        f"{listed(unknown)}"
        for side, labels in sides
        if (unknown := unknown_labels(labels))
    ]


def _digest(reference: Volume, overlap: Overlap) -> str:
    spacing = tuple(round(value, 3) for value in reference.geometry.spacing_xyz_mm)
    counts = dict(zip(overlap.reference_labels.tolist(), overlap.reference_voxels.tolist(), strict=True))
    return hashlib.sha256(repr((reference.array_zyx.shape, spacing, counts)).encode()).hexdigest()[:16]
