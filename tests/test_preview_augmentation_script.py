import cv2
from load_script import load_script
from tiny_slices import write_slices

from spider2d import cli

SCRIPT = cli.PROJECT_ROOT / "preprocessing" / "preview_augmentation.py"


def run_here(*words):
    """Run the script's main in this process; return its exit code."""
    script = load_script(SCRIPT)
    return cli.run(script.main, script.parse_args([str(word) for word in words]))


def test_the_samples_are_those_of_the_training(tmp_path, capsys):
    slices, picture = write_slices(tmp_path), tmp_path / "samples.png"
    options = ["--set", f"data.slices={slices}", "--set", "data.patch_hw=[64,96]"]
    assert run_here("--output", picture, "--samples", 3, "--columns", 2, *options) == 0
    assert cv2.imread(str(picture)).shape[:2] == (2 * 64, 2 * 2 * 96)
    assert f"next: python src/train.py --set data.slices={slices} --set" in capsys.readouterr().out


def test_configurations_of_3d_networks_are_refused(capsys):
    assert run_here("--config", cli.PROJECT_ROOT / "experiments" / "unetr.yaml") == 1
    assert "3D network" in capsys.readouterr().err
