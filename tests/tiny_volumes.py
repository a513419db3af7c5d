"""A configuration of a tiny 3D network on the slices of `tiny_slices`: six steps of two patches."""

from pathlib import Path

from tiny_slices import settings

from spider2d.config import check_config
from spider2d.training.train_config import Unet3dTrainConfig, UnetrTrainConfig

UNET3D = {"architecture": "unet3d", "channels": [4, 4, 8]}
UNETR = {"architecture": "unetr", "feature_size": 4, "hidden_size": 12, "mlp_size": 12, "n_heads": 2}


def tiny_volume_config(slices: Path, **sections) -> Unet3dTrainConfig | UnetrTrainConfig:
    """Return a checked configuration; ``model`` chooses the network (default: the 3D U-Net)."""
    tree = settings(slices, **sections)
    tree["data"] = {"slices": str(slices), "slice_spacing_mm": 3.0, "patch_shw": [8, 32, 32]}
    tree["data"] |= sections.get("data", {})
    tree["model"] = sections.get("model", UNET3D)
    kind = UnetrTrainConfig if tree["model"]["architecture"] == "unetr" else Unet3dTrainConfig
    return check_config(kind, tree, source="test")
