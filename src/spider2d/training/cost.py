"""What a network costs: parameters, and multiply-accumulate operations per slice or window."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from spider2d.models.spec import ModelSpec, NetworkSpec
from spider2d.models.unet2d import count_parameters
from spider2d.models.volume_spec import VolumeSpec


@dataclass(frozen=True)
class NetworkCost:
    """Cost of one forward pass of a 2D network over one slice.

    Attributes:
        parameters: Number of trainable parameters.
        gmac_per_slice: 10^9 multiply-accumulate operations of convolutions and matrix products.
        slice_hw: Rows and columns of the slice this holds for.
    """

    parameters: int
    gmac_per_slice: float
    slice_hw: tuple[int, int]


@dataclass(frozen=True)
class WindowCost:
    """Cost of one forward pass of a 3D network over one window.

    Attributes:
        parameters: Number of trainable parameters.
        gmac_per_window: 10^9 multiply-accumulate operations of convolutions and matrix products.
        window_shw: Slices, rows and columns of the window.
    """

    parameters: int
    gmac_per_window: float
    window_shw: tuple[int, int, int]


def network_cost(
    network: nn.Module, spec: NetworkSpec, slice_hw: tuple[int, int]
) -> NetworkCost | WindowCost:
    """Count the operations of one slice, padded to the multiple the network needs, or of one window.

    Args:
        network: The network; it is left as it is.
        spec: What it expects.
        slice_hw: Rows and columns of the slice at the network's pixel size; a 3D network has its own window.
    """
    parameters = count_parameters(network)
    if isinstance(spec, VolumeSpec):
        gmac = forward_gmac(network, (spec.in_channels, *spec.patch_shw))
        return WindowCost(parameters, gmac, spec.patch_shw)
    size_hw = _padded(spec, slice_hw)
    return NetworkCost(parameters, forward_gmac(network, (spec.in_channels, *size_hw)), size_hw)


def forward_gmac(network: nn.Module, input_shape: tuple[int, ...]) -> float:
    """Count the operations (10^9) of one forward pass over an input (C, ...)."""
    # On the "meta" device shapes are computed, but no numbers: exact and free.
    shadow = copy.deepcopy(network).to("meta").eval()
    image = torch.zeros(1, *input_shape, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(image)
    return counter.get_total_flops() / 2 / 1e9


def describe_operations(cost: NetworkCost | WindowCost) -> str:
    """Return the operations of one forward pass as words, without the pixel size."""
    if isinstance(cost, WindowCost):
        size = " x ".join(map(str, cost.window_shw))
        return f"{cost.gmac_per_window:.2f} GMAC per window of {size} voxels"
    height, width = cost.slice_hw
    return f"{cost.gmac_per_slice:.2f} GMAC per slice of {height} x {width} pixels"


def _padded(spec: ModelSpec, size_hw: tuple[int, int]) -> tuple[int, int]:
    height, width = (-(-side // spec.pad_multiple) * spec.pad_multiple for side in size_hw)
    return height, width
