"""Weights of a network of single slices for one of several, and back."""

import torch
from torch import Tensor, nn


def fit_input_channels(
    network_state: dict[str, Tensor],
    network: nn.Module,
    offsets_there_mm: tuple[float, ...],
    offsets_here_mm: tuple[float, ...],
) -> dict[str, Tensor]:
    """Return weights whose first convolution takes the channels of another network, if it can.

    From single slices to 2.5D the slice itself is seen as before and its neighbours with weights of zero, so
    that the output is the same at first. From 2.5D to single slices the weights of the channels are summed,
    which gives what the 2.5D network gives where all channels hold the same slice.

    Args:
        network_state: Weights of a 2D network with the channels of `offsets_there_mm`.
        network: The network that is to take them, with the channels of `offsets_here_mm`.
        offsets_there_mm: Distances of the channels (`ModelSpec.channel_offsets_mm`) of the weights.
        offsets_here_mm: Those of the network.

    Returns:
        The weights; the same where the numbers of channels are equal or neither rule applies.
    """
    name = next(n for n, module in network.named_modules() if isinstance(module, nn.Conv2d)) + ".weight"
    weight = network_state.get(name)
    if weight is None or weight.shape[1] != len(offsets_there_mm):
        return network_state
    if len(offsets_there_mm) == 1 and offsets_here_mm.count(0.0) == 1:
        own = torch.tensor([float(offset == 0) for offset in offsets_here_mm], dtype=weight.dtype)
        return network_state | {name: weight * own[:, None, None]}
    if len(offsets_here_mm) == 1:
        return network_state | {name: weight.sum(dim=1, keepdim=True)}
    return network_state
