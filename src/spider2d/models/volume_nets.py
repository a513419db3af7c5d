"""The 3D networks of MONAI, built from their specs. MONAI is optional: it is imported on first use."""

from importlib import import_module
from types import ModuleType

from torch import nn

from spider2d.errors import MissingPackageError
from spider2d.models.volume_spec import Unet3dSpec, UnetrSpec

INSTALL_COMMAND = 'pip install -e ".[baselines]"'


def build_unet3d(spec: Unet3dSpec) -> nn.Module:
    """Build the 3D U-Net: (N, 1, S, H, W) -> (N, ``spec.out_channels``, S, H, W).

    Raises:
        MissingPackageError: MONAI is not installed.
    """
    return _monai_nets().DynUNet(
        spatial_dims=3,
        in_channels=spec.in_channels,
        out_channels=spec.out_channels,
        kernel_size=spec.kernels,
        strides=spec.strides,
        upsample_kernel_size=spec.strides[1:],
        filters=spec.channels,
        norm_name=("instance", {"affine": True}),
        act_name=("leakyrelu", {"inplace": True, "negative_slope": 0.01}),
    )


def build_unetr(spec: UnetrSpec) -> nn.Module:
    """Build the UNETR: (N, 1, S, H, W), its patch size only, -> (N, ``spec.out_channels``, S, H, W).

    Raises:
        MissingPackageError: MONAI is not installed.
    """
    network = _monai_nets().UNETR(
        in_channels=spec.in_channels,
        out_channels=spec.out_channels,
        img_size=spec.patch_shw,
        feature_size=spec.feature_size,
        hidden_size=spec.hidden_size,
        mlp_dim=spec.mlp_size,
        num_heads=spec.n_heads,
        norm_name="instance",
        res_block=True,
    )
    for name, parameter in network.named_parameters():
        if ".norm_cross_attn." in name:  # of an attention that UNETR leaves out: no gradient ever comes
            parameter.requires_grad_(False)
    return network


def _monai_nets() -> ModuleType:
    try:
        return import_module("monai.networks.nets")
    except ImportError as error:
        raise MissingPackageError(
            f"3D networks need the package MONAI ({error}); in the folder of this project: {INSTALL_COMMAND}"
        ) from error
