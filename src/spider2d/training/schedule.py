"""Optimiser and learning rate. The rate depends on the step alone, so resuming needs no state for it."""

import math

import torch
from torch import nn

from spider2d.training.train_config import OptimiserConfig


def learning_rate(step: int, total_steps: int, config: OptimiserConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine (Loshchilov & Hutter, 2017).

    Args:
        step: Number of the step, from 0.
        total_steps: Steps of the whole training.
        config: Peak, final fraction and warm-up.

    Returns:
        peak * (step + 1) / warmup_steps during the warm-up, which stays above 0; then from the peak down to
        ``final_fraction`` of it at the last step.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, total_steps - 1 - config.warmup_steps)
    cosine = (1 + math.cos(math.pi * min(1.0, progress))) / 2
    return config.learning_rate * (config.final_fraction + (1 - config.final_fraction) * cosine)


def build_optimiser(network: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """Return AdamW with weight decay on weights of two and more dimensions only (not on norms and biases)."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimiser.param_groups:
        group["lr"] = rate
