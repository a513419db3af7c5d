"""What a network costs: parameters, and multiply-accumulate operations per slice."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import count_parameters


@dataclass(frozen=True)
class NetworkCost:
    """Cost of one forward pass over one slice.

    Attributes:
        parameters: Number of trainable parameters.
        gmac_per_slice: 10^9 multiply-accumulate operations of convolutions and matrix products.
        slice_hw: Rows and columns of the slice this holds for.
    """

    parameters: int
    gmac_per_slice: float
    slice_hw: tuple[int, int]


def network_cost(network: nn.Module, spec: ModelSpec, slice_hw: tuple[int, int]) -> NetworkCost:
    """Count the operations of one slice, padded to the multiple the network needs.

    Args:
        network: The network; it is left as it is.
        spec: What it expects.
        slice_hw: Rows and columns of the slice at the network's pixel size.
    """
    height, width = (-(-side // spec.pad_multiple) * spec.pad_multiple for side in slice_hw)
    # On the "meta" device shapes are computed, but no numbers: exact and free.
    shadow = copy.deepcopy(network).to("meta").eval()
    image = torch.zeros(1, spec.in_channels, height, width, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(image)
    return NetworkCost(count_parameters(network), counter.get_total_flops() / 2 / 1e9, (height, width))
