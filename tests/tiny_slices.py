"""A slices folder of a few tiny series, and a training configuration that runs on it in a second."""

from pathlib import Path

from tiny_dataset import write_dataset

from spider2d.config import check_config
from spider2d.data.extract import extract_dataset
from spider2d.training.train_config import TrainConfig

PIXEL_MM = 0.8


def write_slices(root: Path) -> Path:
    """Write three training series and one validation series; return the slices folder."""
    extract_dataset(write_dataset(root / "dataset"), root / "slices", PIXEL_MM)
    return root / "slices"


def settings(slices: Path, **sections) -> dict:
    """Return a configuration as nested plain values: six steps of two patches of 32 x 32."""
    tree = {
        "data": {"slices": str(slices), "patch_hw": [32, 32]},
        "model": {"encoder": "tu-test_efficientnet", "decoder_channels": [16, 8, 8, 8, 8]},
        "training": {"steps": 6, "batch_size": 2, "workers": 0, "precision": "fp32", "log_every": 1},
        "validation": {"every_steps": 3},
    }
    for key, value in sections.items():
        tree[key] = {**tree.get(key, {}), **value} if isinstance(value, dict) else value
    return tree


def tiny_config(slices: Path, **sections) -> TrainConfig:
    """Return that configuration, checked."""
    return check_config(TrainConfig, settings(slices, **sections), source="test")
