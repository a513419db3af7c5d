import pytest
import yaml
from load_script import load_script

from spider2d import cli
from spider2d.errors import Spider2dError

study = load_script("experiments/compare_phantom_methods.py")


def parsed(tmp_path, *words):
    return study.parse_args(["--output", str(tmp_path), *words])


def method(key):
    return next(m for m in study.METHODS if m.key == key)


def test_every_step_is_a_command_its_script_understands(tmp_path):
    args = parsed(tmp_path)
    steps = study.data_steps(args) + study.method_steps(method("unet3d"), args)
    assert [title for title, _ in steps] == [
        *("phantom", "slices", "training", "inference", "scores", "cost")
    ]
    for _, (script, *words) in steps:
        load_script(script).parse_args(words)


def test_nnunet_predictions_are_scored_where_they_are_written(tmp_path):
    args = parsed(tmp_path)
    titles, commands = zip(*study.method_steps(method("nnunet"), args), strict=True)
    assert titles == ("export", "training", "inference", "import", "scores")
    assert str(tmp_path / "nnunet" / "work" / "3d_fullres" / "predictions") in commands[-1]
    if (cli.PROJECT_ROOT / "src" / "run_nnunet.py").is_file():
        for _, *words in commands[:-1]:
            load_script("src/run_nnunet.py").parse_args(words)


def test_what_is_not_there_is_skipped_with_its_reason():
    absent = study.Method("x", "X", "3D", "phantom_2d", package="no_such_package")
    assert study.why_skipped(absent).startswith("no_such_package is not installed; ")
    assert "pip install" in study.why_skipped(absent)
    assert "phantom_x.yaml is not there" in study.why_skipped(study.Method("x", "X", "3D", "phantom_x"))
    assert study.why_skipped(method("2d")) is None


def test_steps_done_are_not_repeated_and_later_ones_follow_a_change(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(study.cli, "run_step", lambda title, command: ran.append(title) or 1.0)
    steps = [("training", ["a", "1"]), ("scores", ["b"])]
    study.run_all(tmp_path, "2D: ", steps)
    study.run_all(tmp_path, "2D: ", [("training", ["a", "1", "--resume"]), ("scores", ["b"])])
    assert ran == ["2D: training", "2D: scores"]
    study.run_all(tmp_path, "2D: ", [("training", ["a", "2"]), ("scores", ["b"])])
    assert ran[2:] == ["2D: training", "2D: scores"]


def test_failing_step_leaves_no_mark(tmp_path, monkeypatch):
    def fail(title, command):
        raise Spider2dError("no")

    monkeypatch.setattr(study.cli, "run_step", fail)
    with pytest.raises(Spider2dError):
        study.run_all(tmp_path, "", [("training", ["a"])])
    assert not list(tmp_path.iterdir())


def test_study_names_every_method_and_the_cost_nnunet_wrote(tmp_path):
    (tmp_path / "nnunet" / "work" / "3d_fullres").mkdir(parents=True)
    (tmp_path / "nnunet" / "work" / "3d_fullres" / "cost.json").write_text("{}")
    path = study.write_study(parsed(tmp_path), [method("2d"), method("nnunet")])
    runs = yaml.safe_load(path.read_text())["runs"]
    assert [(run["name"], run["dimension"], "cost" in run) for run in runs] == [
        ("2D U-Net", "2D", False),
        ("nnU-Net", "3D", True),
    ]
