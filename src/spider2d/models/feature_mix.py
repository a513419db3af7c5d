"""Mixing of feature statistics while a network trains, so that it leans less on contrast and sharpness.

After the first stages of the encoder, mean and deviation of each channel of a sample are mixed with those of
another sample of the batch (MixStyle; Zhou et al., "Domain generalization with MixStyle", ICLR 2021).
"""

import torch
from torch import Tensor, nn

from spider2d.errors import ConfigError

N_STAGES = 3
"""Parts of the encoder, from the image on, after which features are mixed."""
ALPHA = 0.2
"""Of the beta distribution of the share a sample keeps: mostly nearly all or nearly nothing."""
_EPSILON = 1e-6


def add_feature_mix(network: nn.Module, probability: float) -> None:
    """Let a 2D network mix features in training mode; its weights, and what it does in evaluation, stay.

    Args:
        network: U-Net with an encoder of timm.
        probability: Of mixing, for each of the stages and each batch.

    Raises:
        ConfigError: The encoder is not one of timm.
    """
    stages = getattr(network.encoder, "model", None)
    if stages is None:
        raise ConfigError("model.feature_mix: needs an encoder of timm (tu-...); set it to 0, or take one")

    def mix(module: nn.Module, _: tuple, features: Tensor) -> Tensor:
        is_mixed = module.training and torch.rand(()) < probability
        return mix_statistics(features) if is_mixed else features

    for stage in list(stages.children())[:N_STAGES]:
        stage.register_forward_hook(mix)


def mix_statistics(features: Tensor) -> Tensor:
    """Return features (N, C, H, W) with mean and deviation moved towards those of another sample each."""
    values = features.float()
    deviation, mean = torch.std_mean(values.detach(), dim=(2, 3), correction=0, keepdim=True)
    deviation = deviation + _EPSILON
    kept = torch.distributions.Beta(ALPHA, ALPHA).sample((len(values), 1, 1, 1)).to(values)
    other = torch.randperm(len(values)).to(values.device)
    mixed_deviation = kept * deviation + (1 - kept) * deviation[other]
    mixed_mean = kept * mean + (1 - kept) * mean[other]
    return ((values - mean) / deviation * mixed_deviation + mixed_mean).to(features.dtype)
