"""One look of the network at the middle slice of an image: how sure it is of what it sees."""

from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from spider2d.data.normalise import IntensityWindow
from spider2d.data.plane import neighbour_indices
from spider2d.data.prepare import prepare_stack
from spider2d.inference.body_size import BodySize, measure_bodies
from spider2d.inference.slicewise import predict_slices
from spider2d.labels import BACKGROUND
from spider2d.models.spec import ModelSpec

Spacing = tuple[float, float, float]
"""Distance of slices, rows and columns in mm."""

SURE_PROBABILITY = 0.9
MIN_SURE_MM2 = 2500.0
"""How much of a slice must be surely a structure to judge by it (body and disc have about 1000 mm2)."""


class Look(NamedTuple):
    """What a look gives: the share of `share_sure`, how many mm2 are sure, and the bodies."""

    share: float
    sure_mm2: float
    bodies: BodySize | None = None


class Viewer:
    """Shows the network the middle slice of images, with the neighbours a 2.5D network wants.

    Args:
        network: Network in evaluation mode on ``device``.
        spec: What the network expects.
        device: Torch device of the network.
        precision: "fp32" or "bf16".
    """

    def __init__(
        self, network: torch.nn.Module, spec: ModelSpec, device: str = "cpu", precision: str = "fp32"
    ):
        self._network, self._spec, self._device, self._precision = network, spec, device, precision

    def look(self, array_sra: np.ndarray, spacing_sra_mm: Spacing, window: IntensityWindow) -> Look:
        """Return what the network sees in an image (slice, row, column), normalised by a window."""
        middle, spec = len(array_sra) // 2, self._spec
        needed = neighbour_indices(len(array_sra), spacing_sra_mm[0], middle, spec.channel_offsets_mm)
        first = min(*needed, middle)
        seen_sra = array_sra[first : max(*needed, middle) + 1]
        stack_shw, _ = prepare_stack(seen_sra, spacing_sra_mm, spec.pixel_size_mm, window=window)
        batches = predict_slices(
            self._network,
            stack_shw,
            spacing_sra_mm[0],
            spec,
            batch_size=1,
            device=self._device,
            precision=self._precision,
        )
        probabilities = next(islice(batches, middle - first, None)).probabilities
        share, pixels = share_sure(probabilities)
        classes_rc = probabilities[0].argmax(dim=0).byte().cpu().numpy()
        bodies = measure_bodies(classes_rc, spec.pixel_size_mm, spacing_sra_mm[0])
        return Look(share, pixels * spec.pixel_size_mm**2, bodies)


def share_sure(probabilities: torch.Tensor) -> tuple[float, float]:
    """Return how much of what may be a structure is surely one (0-1; 0 where nothing is), and its pixels.

    Args:
        probabilities: (B, 4, H, W), class 0 is the background. Pixels count by the probability that they
            are not background.
    """
    structure = 1 - probabilities[:, BACKGROUND]
    sure = (structure * (probabilities.amax(dim=1) > SURE_PROBABILITY)).sum()
    return float(sure / structure.sum().clamp(min=1e-6)), float(sure)
