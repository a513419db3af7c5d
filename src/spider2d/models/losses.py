"""The training loss: Dice + cross-entropy on the classes, smooth L1 on the offsets to vertebra centres.

Partially labelled sources: where a source does not label a class, its pixels of that class are marked as
background. For such a sample the probabilities of the unlabelled classes are added to the background's
("marginal loss": Shi et al., Medical Image Analysis 70:101979, 2021), so that finding them costs nothing.
"""

from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from spider2d.config import ConfigModel
from spider2d.labels import BACKGROUND, IGNORE_CLASS, VERTEBRA
from spider2d.models.instance_loss import instance_dice_loss

DICE_SMOOTHING_PIXELS, SLICE_SMOOTHING_PIXELS = 1.0, 64.0
"""Added to overlap and size of the Dice over the batch, and over one sample: there, missing or inventing a
piece of so many pixels (41 mm2 at 0.8 mm) costs half of the most."""
OFFSET_BETA = 0.3
"""Error (in units of the offsets) below which smooth L1 is quadratic: 3 mm."""

Weight = Annotated[float, Field(ge=0)]


class LossConfig(ConfigModel):
    """Weights of the parts of the loss.

    Attributes:
        dice: Of the Dice of each class over all pixels of the batch (of several processes: of each
            one's part, as all means here).
        slice_dice: Of the Dice of each class in each sample: a slice with a few small pieces weighs as much
            as one through the bodies, and what is found where there is nothing counts.
        instance_dice: Of the Dice of each vertebra in each sample, the small pieces of one as much as a whole
            body (2D networks only).
        cross_entropy: Of the cross-entropy.
        offset: Of the distance of the offsets.
    """

    dice: Weight = 1.0
    slice_dice: Weight = 0.0
    instance_dice: Weight = 0.0
    cross_entropy: Weight = 1.0
    offset: Weight = 0.5


class LossParts(NamedTuple):
    """The loss and its unweighted parts, all scalars."""

    total: Tensor
    dice: Tensor
    slice_dice: Tensor
    instance_dice: Tensor
    cross_entropy: Tensor
    offset: Tensor


def training_loss(
    logits: Tensor, offsets: Tensor | None, batch: dict[str, Tensor], config: LossConfig
) -> LossParts:
    """Return the loss of one batch.

    Args:
        logits: (N, C, ...) class logits; "..." is (H, W), or (S, H, W) for volumes, here and below.
        offsets: (N, 2, ...) predicted offsets, or None for a network without the offset head.
        batch: What `SliceSamples` or `VolumeSamples` gives: ``classes`` int64 (N, ...), ``labelled`` bool
            (N, C), ``offsets`` float (N, 2, ...), ``offset_mask`` bool (N, ...), and of slices
            ``territories`` uint8 (N, H, W).
        config: Weights of the parts.
    """
    labelled = batch["labelled"]
    log_probabilities = merge_unlabelled(logits.float(), labelled).log_softmax(dim=1)
    classes = merge_unlabelled_classes(batch["classes"], labelled)
    probabilities = log_probabilities.exp()
    dice, slice_dice = dice_losses(probabilities, classes, labelled)
    instance_dice = torch.zeros_like(dice)
    if config.instance_dice:
        vertebra = probabilities[:, VERTEBRA] * (classes != IGNORE_CLASS)
        instance_dice = instance_dice_loss(vertebra, classes == VERTEBRA, batch["territories"])
    entropy = cross_entropy_loss(log_probabilities, classes)
    if offsets is None:
        offset = torch.zeros_like(dice)
    else:
        offset = offset_loss(offsets.float(), batch["offsets"], batch["offset_mask"])
    parts = (dice, slice_dice, instance_dice, entropy, offset)
    weights = (config.dice, config.slice_dice, config.instance_dice, config.cross_entropy, config.offset)
    return LossParts(sum(w * part for w, part in zip(weights, parts, strict=True)), *parts)


def merge_unlabelled(logits: Tensor, labelled: Tensor) -> Tensor:
    """Add the probability of the classes a sample's source does not label to the background's.

    Args:
        logits: (N, C, ...) class logits.
        labelled: bool (N, C), which classes the source of each sample labels; the background's entry is
            not looked at.

    Returns:
        (N, C, ...) logits with the same softmax, apart from unlabelled classes, which get probability 0
        (logit -inf), and the background, which gets what they had.
    """
    if bool(labelled.all()):
        return logits
    kept = labelled[(..., *[None] * (logits.ndim - 2))].clone()
    kept[:, BACKGROUND] = False
    background = logits.masked_fill(kept, -torch.inf).logsumexp(dim=1, keepdim=True)
    foreground = logits.masked_fill(~kept, -torch.inf)[:, BACKGROUND + 1 :]
    return torch.cat([background, foreground], dim=1)


def merge_unlabelled_classes(classes: Tensor, labelled: Tensor) -> Tensor:
    """Return the class map (N, ...) with classes that a sample's source does not label as background."""
    known = classes != IGNORE_CLASS
    sample = torch.arange(len(classes), device=classes.device)[(..., *[None] * (classes.ndim - 1))]
    kept = labelled[sample, classes.where(known, BACKGROUND)]
    return classes.where(kept | ~known, BACKGROUND)


def cross_entropy_loss(log_probabilities: Tensor, classes: Tensor) -> Tensor:
    """Return the mean of -log p over the pixels that are not ignored (0 where there are none).

    Args:
        log_probabilities: (N, C, ...).
        classes: int64 (N, ...); ``IGNORE_CLASS`` leaves a pixel out.
    """
    total = F.nll_loss(log_probabilities, classes, ignore_index=IGNORE_CLASS, reduction="sum")
    return total / (classes != IGNORE_CLASS).sum().clamp(min=1)


def dice_losses(probabilities: Tensor, classes: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1 - soft Dice over the batch and over its samples (Milletari et al., 3DV 2016, plain sums).

    The first takes every class's Dice over all pixels of the batch together, so slices without a structure do
    not weigh as much as those with it, and is the mean over the foreground classes that some sample's source
    labels. The second is the mean over the samples and the foreground classes their sources label, shown or
    not.

    Args:
        probabilities: (N, C, ...), unlabelled classes at 0.
        classes: int64 (N, ...); ``IGNORE_CLASS`` leaves a pixel out.
        labelled: bool (N, C).

    Returns:
        Two scalars in [0, 1]; 0 where no foreground class is labelled.
    """
    reference = torch.stack([classes == value for value in range(probabilities.shape[1])], dim=1)
    probabilities = probabilities * (classes != IGNORE_CLASS)[:, None]
    pixels = list(range(2, probabilities.ndim))
    overlap = (probabilities * reference).sum(dim=pixels)
    shown = reference.sum(dim=pixels)
    size = probabilities.sum(dim=pixels) + shown
    batch_sums = overlap.sum(dim=0), size.sum(dim=0), labelled.any(dim=0)
    return (
        _mean_loss(*batch_sums, DICE_SMOOTHING_PIXELS),
        _mean_loss(overlap, size, labelled, SLICE_SMOOTHING_PIXELS),
    )


def _mean_loss(overlap: Tensor, size: Tensor, counted: Tensor, smoothing: float) -> Tensor:
    """Return the mean of 1 - Dice over the foreground of ``counted``, all (..., C)."""
    dice = (2 * overlap + smoothing) / (size + smoothing)
    counted = counted.to(dice.dtype)
    counted[..., BACKGROUND] = 0
    return ((1 - dice) * counted).sum() / counted.sum().clamp(min=1)


def offset_loss(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the smooth L1 distance, the mean over the pixels of the mask and both components.

    Args:
        predicted: (N, 2, ...).
        target: (N, 2, ...), any value outside the mask.
        mask: bool (N, ...), the pixels of vertebrae; the loss is 0 where there are none.
    """
    difference = (predicted - target).movedim(1, -1)[mask]
    total = F.smooth_l1_loss(difference, torch.zeros_like(difference), beta=OFFSET_BETA, reduction="sum")
    return total / max(difference.numel(), 1)
