"""The compact 2D U-Net: an encoder and decoder of segmentation_models_pytorch, built from a `ModelSpec`."""

import segmentation_models_pytorch as smp
from torch import Tensor, nn

from spider2d.errors import ConfigError
from spider2d.models.spec import ModelSpec


def build_network(spec: ModelSpec, encoder_weights: str | None = None) -> nn.Module:
    """Build the network a spec describes.

    The network maps (N, C, H, W) float, H and W multiples of ``spec.pad_multiple``, to
    (N, ``spec.out_channels``, H, W): the class logits, then (with the offset head) the row and the column
    offset in units of `OFFSET_UNIT_MM`.

    Args:
        spec: What to build.
        encoder_weights: Name of pretrained encoder weights (for example ``"imagenet"``), fetched from the
            network on first use; None starts from random weights and never touches the network. timm's
            encoders ("tu-...") take "imagenet" only; their other weights have encoder names, "tu-NAME.TAG".

    Returns:
        The network in training mode, with random weights apart from the encoder's.

    Raises:
        ConfigError: The encoder is unknown, or its weights are unknown or cannot be fetched.
    """
    of_timm = spec.encoder.startswith("tu-")
    if of_timm and encoder_weights not in (None, "imagenet"):
        raise ConfigError(
            f"encoder {spec.encoder} has no weights {encoder_weights!r}: set model.encoder_weights to "
            f"imagenet or null; other pretrained ones are asked for as --set model.encoder={spec.encoder}.TAG"
        )
    try:
        return smp.Unet(
            encoder_name=spec.encoder,
            # smp wants True for the weights of timm's ("tu-") encoders, a name for its own.
            encoder_weights=True if of_timm and encoder_weights else encoder_weights,
            in_channels=spec.in_channels,
            classes=spec.out_channels,
            decoder_channels=spec.decoder_channels,
        )
    except OSError as error:  # what every failed download comes down to
        raise ConfigError(
            f"the pretrained weights {encoder_weights!r} of encoder {spec.encoder} cannot be fetched: "
            "go online once so that they are cached, or train from random weights with "
            "--set model.encoder_weights=null"
        ) from error
    except (KeyError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"no U-Net can be built with encoder {spec.encoder!r} and weights {encoder_weights!r}: {error}"
        ) from error


def split_output(output: Tensor, spec: ModelSpec) -> tuple[Tensor, Tensor | None]:
    """Split a network's output (N, out, H, W) into class logits (N, classes, H, W) and offsets (N, 2, H, W).

    The offsets are None for a network without the offset head.
    """
    n_classes = len(spec.class_names)
    return output[:, :n_classes], output[:, n_classes:] if spec.offset_head else None


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
