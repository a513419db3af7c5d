import pytest

from spider2d import cli
from spider2d.config import load_config
from spider2d.training.train_config import TrainConfig

CONFIGS = sorted((cli.PROJECT_ROOT / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_configuration_is_valid(path):
    config = load_config(TrainConfig, path)
    assert all(side % 32 == 0 for side in config.data.patch_hw)


def test_the_demos_training_is_there():
    assert "phantom_2d.yaml" in [path.name for path in CONFIGS]
