"""3D validation: whole series are predicted and Dice is taken over the (for 2D networks restacked) volume.

Slice-wise Dice flatters (a slice without a structure is easy, and large slices weigh as small ones), so it is
no criterion here. The grid is the network's own; the final scores on the native grid and by instance are
those of `spider2d.evaluation`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from spider2d.data.slices import SliceSeries
from spider2d.errors import DatasetError
from spider2d.inference.predict import predict_stack
from spider2d.labels import IGNORE_CLASS, STRUCTURES
from spider2d.models.spec import NetworkSpec


@dataclass(frozen=True)
class SeriesScore:
    """Result of one series: its sequence, and 3D Dice per structure (structures it lacks are left out)."""

    name: str
    sequence: str
    dice: dict[str, float]


@dataclass(frozen=True)
class ValidationSummary:
    """Means over the series.

    Attributes:
        score: Mean over the structures of ``dice``: the criterion by which the best checkpoint is chosen.
        dice: Structure -> mean over the series.
        by_sequence: Sequence -> structure -> mean over its series.
    """

    score: float
    dice: dict[str, float]
    by_sequence: dict[str, dict[str, float]]


def predict_classes(
    network: nn.Module, series: SliceSeries, spec: NetworkSpec, batch_size: int, device: str, precision: str
) -> np.ndarray:
    """Predict a whole extracted series and restack it.

    Returns:
        uint8 array (S, H, W) of classes, on the series' stored grid.
    """
    stack_shw = np.asarray(series.image, dtype=np.float32)
    classes_shw = np.empty(stack_shw.shape, dtype=np.uint8)
    slice_spacing_mm = series.meta.spacing_sra_mm[0]
    for batch in predict_stack(
        network, stack_shw, slice_spacing_mm, spec, batch_size, device=device, precision=precision
    ):
        classes_shw[batch.slice_indices] = batch.probabilities.argmax(dim=1).to(torch.uint8).cpu().numpy()
    return classes_shw


def score_series(prediction_shw: np.ndarray, series: SliceSeries) -> SeriesScore:
    """Score a predicted class volume (S, H, W) against the series' reference."""
    dice = dice_per_structure(prediction_shw, np.asarray(series.classes), series.meta.labelled)
    return SeriesScore(series.meta.name, series.meta.recipe.sequence, dice)


def dice_per_structure(
    prediction: np.ndarray, reference: np.ndarray, labelled: tuple[bool, ...]
) -> dict[str, float]:
    """Return Dice = 2 |P and R| / (|P| + |R|) per structure.

    Args:
        prediction: Class values, any shape.
        reference: Class values, same shape; voxels of ``IGNORE_CLASS`` are left out.
        labelled: Per class (background first), whether the reference labels it.

    Returns:
        Structure name -> Dice in [0, 1]. A structure that is not labelled, or that is in neither array, has
        no entry; one that is in only one of them has 0.
    """
    valid = reference != IGNORE_CLASS
    dice = {}
    for value, name in enumerate(STRUCTURES, start=1):
        predicted, present = (prediction == value) & valid, reference == value
        size = np.count_nonzero(predicted) + np.count_nonzero(present)
        if labelled[value] and size:
            dice[name] = 2 * np.count_nonzero(predicted & present) / size
    return dice


def summarise(scores: list[SeriesScore]) -> ValidationSummary:
    """Average scores: by structure over the series, then over the structures.

    Args:
        scores: One per series.

    Raises:
        DatasetError: No series holds any structure.
    """
    dice = _means(scores)
    if not dice:
        raise DatasetError("no validation series holds a labelled structure, so no Dice can be taken")
    sequences = sorted({score.sequence for score in scores})
    by_sequence = {name: _means([score for score in scores if score.sequence == name]) for name in sequences}
    return ValidationSummary(float(np.mean(list(dice.values()))), dice, by_sequence)


def describe_summary(step: int, summary: ValidationSummary) -> str:
    """Return the summary as one line for the terminal."""
    parts = ", ".join(f"{name} {dice:.3f}" for name, dice in summary.dice.items())
    return f"step {step}: 3D Dice {summary.score:.4f} ({parts})"


def _means(scores: list[SeriesScore]) -> dict[str, float]:
    values = {name: [score.dice[name] for score in scores if name in score.dice] for name in STRUCTURES}
    return {name: float(np.mean(found)) for name, found in values.items() if found}
