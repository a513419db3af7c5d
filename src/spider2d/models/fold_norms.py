"""Batch norms folded into the convolutions before them: the same network, faster where it only predicts."""

from itertools import pairwise

from timm.layers import ConvNormAct
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(network: nn.Module) -> int:
    """Fold batch norms into the convolutions before them, in place.

    In evaluation a batch norm scales and shifts each channel by fixed numbers, which the weights and the bias
    of the convolution before it can do as well. Folded are those that are certain to follow a convolution:
    in plain sequences (smp's decoders) and in timm's ``ConvNormAct`` (RegNets and others). All others stay.

    Args:
        network: Any network in evaluation mode. Afterwards it is good for predicting only.

    Returns:
        How many norms were folded.

    Raises:
        ValueError: The network is in training mode, where a batch norm goes by its batch.
    """
    if network.training:
        raise ValueError("norms can be folded in evaluation mode only")
    n_folded = 0
    for module in list(network.modules()):
        if isinstance(module, ConvNormAct) and _can_fold(module.conv, module.bn):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Sequential(module.bn.drop, module.bn.act)  # timm's norm holds these two as well
            n_folded += 1
        elif type(module).forward is nn.Sequential.forward:
            n_folded += _fold_sequence(module)
    return n_folded


def _fold_sequence(sequence: nn.Sequential) -> int:
    n_folded = 0
    for (conv_name, conv), (norm_name, norm) in pairwise(list(sequence.named_children())):
        if type(norm) is nn.BatchNorm2d and _can_fold(conv, norm):  # subclasses do more than a norm
            sequence.register_module(conv_name, fuse_conv_bn_eval(conv, norm))
            sequence.register_module(norm_name, nn.Identity())
            n_folded += 1
    return n_folded


def _can_fold(conv: nn.Module, norm: nn.Module) -> bool:
    return isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
