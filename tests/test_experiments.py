import pytest
from tiny_slices import PIXEL_MM

from spider2d import cli
from spider2d.training.fit import build_spec
from spider2d.training.run_data import RunData
from spider2d.training.train_config import load_train_config

CONFIGS = sorted((cli.PROJECT_ROOT / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_configuration_is_valid_and_its_patches_fit_its_network(path):
    config = load_train_config(path)
    spec = build_spec(config, RunData(("1_t1",), ("2_t1",), PIXEL_MM, (64, 64)))
    assert spec.architecture == config.model.architecture


def test_the_demos_training_is_there():
    assert "phantom_2d.yaml" in [path.name for path in CONFIGS]
