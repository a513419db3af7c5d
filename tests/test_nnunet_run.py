import json

import pytest

from spider2d.baselines.nnunet_folder import WorkFolder
from spider2d.baselines.nnunet_run import TrainingSettings, check_training, checkpoints, claim_training
from spider2d.errors import ConfigError

SETTINGS = TrainingSettings(epochs=4, iterations=25, base_features=8, memory_target_gb=1)


@pytest.fixture
def trained(tmp_path):
    """A work folder with networks of both configurations, and what was made with them."""
    folder = WorkFolder(tmp_path)
    for configuration in ("2d", "3d_fullres"):
        claim_training(folder, configuration, SETTINGS, resume=False)
        run = folder.results / f"nnUNetTrainer__Plans_8__{configuration}" / "fold_0"
        run.mkdir(parents=True)
        (run / "checkpoint_final.pth").touch()
        for name in ("training.json", "cost.json", "class_maps/1.mha", "predictions/1.mha"):
            folder.write_json(f"{configuration}/{name}", {})
        for step in ("train", "predict", "cost"):
            folder.add_cost(f"{step}_{configuration}", {})
    return folder


def files(folder, configuration):
    ours = folder.of(configuration)
    return sorted(path.relative_to(ours).as_posix() for path in ours.rglob("*") if path.is_file())


def test_a_network_is_neither_replaced_nor_resumed_without_being_asked(trained):
    with pytest.raises(
        ConfigError, match=r"checkpoint_final\.pth: a network is there.*--resume.*--overwrite"
    ):
        check_training(trained, "2d", SETTINGS, resume=False, overwrite=False)
    check_training(trained, "2d", SETTINGS, resume=True, overwrite=False)
    check_training(trained, "2d", SETTINGS, resume=False, overwrite=True)
    with pytest.raises(ConfigError, match="exclude each other"):
        check_training(trained, "2d", SETTINGS, resume=True, overwrite=True)


def test_nothing_to_resume_is_said_and_a_free_folder_may_be_used(tmp_path):
    check_training(WorkFolder(tmp_path), "2d", SETTINGS, resume=False, overwrite=False)
    with pytest.raises(ConfigError, match="no checkpoint to resume from; leave --resume away"):
        check_training(WorkFolder(tmp_path), "2d", SETTINGS, resume=True, overwrite=False)


def test_other_settings_cannot_be_resumed(trained):
    other = TrainingSettings(epochs=4, iterations=50, base_features=None, memory_target_gb=1)
    with pytest.raises(ConfigError, match="(?s)base_features: 8 then, None now") as caught:
        check_training(trained, "2d", other, resume=True, overwrite=False)
    assert "iterations: 25 then, 50 now" in str(caught.value) and "epochs" not in str(caught.value)


def test_a_new_training_leaves_nothing_of_the_network_it_replaces(trained):
    claim_training(trained, "2d", SETTINGS, resume=False)
    assert checkpoints(trained, "2d") == []
    assert files(trained, "2d") == ["settings.json"]
    costs = json.loads((trained.root / "nnunet_cost.json").read_text())
    assert sorted(costs) == ["cost_3d_fullres", "predict_3d_fullres", "train_3d_fullres"]
    assert len(checkpoints(trained, "3d_fullres")) == 1
    assert "predictions/1.mha" in files(trained, "3d_fullres")


def test_a_resumed_training_keeps_the_network_but_not_its_predictions(trained):
    claim_training(trained, "2d", SETTINGS, resume=True)
    assert len(checkpoints(trained, "2d")) == 1
    assert files(trained, "2d") == ["cost.json", "settings.json", "training.json"]
    assert "predict_2d" not in json.loads((trained.root / "nnunet_cost.json").read_text())
