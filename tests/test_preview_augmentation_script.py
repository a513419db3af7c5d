import cv2
import numpy as np
from load_script import load_script
from tiny_slices import write_slices

from spider2d import cli
from spider2d.training.run_data import select_series, training_samples
from spider2d.training.train_config import load_train_config

SCRIPT = cli.PROJECT_ROOT / "preprocessing" / "preview_augmentation.py"


def run_here(*words):
    """Run the script's main in this process; return its exit code."""
    script = load_script(SCRIPT)
    return cli.run(script.main, script.parse_args([str(word) for word in words]))


def test_the_samples_are_those_of_the_training(tmp_path, capsys):
    slices, picture = write_slices(tmp_path), tmp_path / "samples.png"
    changes = [f"data.slices={slices}", "data.patch_hw=[64,96]"]
    options = [word for change in changes for word in ("--set", change)]
    assert run_here("--output", picture, "--samples", 3, "--columns", 2, "--first", 5, *options) == 0
    drawn = cv2.imread(str(picture))[..., ::-1]
    assert drawn.shape[:2] == (2 * 64, 2 * 2 * 96)
    config = load_train_config(load_script(SCRIPT).DEFAULT_CONFIG, changes)
    sample = training_samples(config, select_series(config))[7]  # the third from number 5 on
    np.testing.assert_array_equal(drawn[64:, : 2 * 96], load_script(SCRIPT).draw_sample(sample))
    assert f"next: python src/train.py --set data.slices={slices} --set" in capsys.readouterr().out


def test_configurations_of_3d_networks_are_refused(capsys):
    assert run_here("--config", cli.PROJECT_ROOT / "experiments" / "unetr.yaml") == 1
    assert "3D network" in capsys.readouterr().err
