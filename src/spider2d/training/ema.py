"""Exponential moving average of the weights: what is validated and saved for inference."""

import copy

import torch
from torch import nn


def build_ema(network: nn.Module) -> nn.Module:
    """Return a copy of the network, in evaluation mode, that no gradient reaches."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def ema_decay(step: int, decay: float) -> float:
    """Return the decay to use after step `step` (from 0): small at first, then `decay`.

    The ramp (1 + step) / (10 + step) is TensorFlow's ``ExponentialMovingAverage(num_updates)``: the random
    initial weights are forgotten within some ten steps.
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network: average = decay * average + (1 - decay) * network.

    Running statistics of norms are averaged like weights; whole numbers (counters) are copied.
    """
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
