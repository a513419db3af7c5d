"""From a description to the network, whatever its architecture."""

import torch
from torch import Tensor, nn

from spider2d.models import unet2d
from spider2d.models.fold_norms import fold_norms
from spider2d.models.spec import ModelSpec, NetworkSpec
from spider2d.models.volume_nets import build_unet3d, build_unetr
from spider2d.models.volume_spec import Unet3dSpec, UnetrSpec

_VOLUME_BUILDERS = {Unet3dSpec: build_unet3d, UnetrSpec: build_unetr}
# Of four axes (2D) and of five (3D, where channels last gain nothing on a CPU).
_MEMORY_FORMATS = {4: torch.channels_last, 5: torch.contiguous_format}


def build_network(spec: NetworkSpec, encoder_weights: str | None = None) -> nn.Module:
    """Build the network a spec describes, in training mode.

    Args:
        spec: What to build.
        encoder_weights: Name of pretrained encoder weights; 2D networks only.

    Raises:
        ConfigError: No such network can be built.
        MissingPackageError: A 3D network, and MONAI is not installed.
    """
    if isinstance(spec, ModelSpec):
        return unet2d.build_network(spec, encoder_weights)
    return _VOLUME_BUILDERS[type(spec)](spec)


def fast_layout(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) or (N, C, S, H, W) in the layout convolutions are fastest with."""
    return images.contiguous(memory_format=_MEMORY_FORMATS[images.ndim])


def put_on(network: nn.Module, spec: NetworkSpec, device: torch.device | str) -> nn.Module:
    """Move a network to a device, its weights in the layout of `fast_layout`."""
    return network.to(device, memory_format=_MEMORY_FORMATS[5 if spec.dimension == "3D" else 4])


def ready_to_predict(network: nn.Module, spec: NetworkSpec, device: torch.device | str) -> nn.Module:
    """Return a network in evaluation mode on a device, changed in place into what predicts fastest.

    Its outputs stay the same but for rounding; it has fewer parameters and cannot be trained any more.
    """
    fold_norms(network.eval())
    return put_on(network, spec, device)
