import json

import pytest
import yaml
from load_script import load_script

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
    assert titles == ("export", "training", "inference", "import", "cost", "scores")
    assert str(tmp_path / "nnunet" / "work" / "3d_fullres" / "predictions") in commands[-1]
    for script, *words in commands:
        load_script(script).parse_args(words)


def test_what_is_not_installed_is_left_out_with_its_reason(tmp_path, capsys):
    absent = study.Method("x", "X", "3D", "phantom_2d", 1, package="no_such_package")
    left_out = study.run_methods(parsed(tmp_path), [absent])
    assert left_out["X"].startswith("no_such_package is not installed; ") and "pip install" in left_out["X"]
    assert "left out: X: no_such_package" in capsys.readouterr().err
    assert study.why_skipped(method("2d")) is None


@pytest.fixture
def ran(monkeypatch):
    """The titles of the steps that ran; nothing is really run."""
    titles = []
    monkeypatch.setattr(study.cli, "run_step", lambda title, command: titles.append(title) or 1.04)
    return titles


def test_steps_done_are_not_repeated_and_a_stopped_study_goes_on(tmp_path, ran):
    steps = [("training", ["a", "1"]), ("scores", ["b"])]
    settings = study.settings_of(steps)
    study.run_steps(tmp_path / "steps.json", "2D: ", steps[:1], settings)
    again = [("training", ["a", "1", "--resume"]), ("scores", ["b"])]
    study.run_steps(tmp_path / "steps.json", "2D: ", again, study.settings_of(again))
    assert ran == ["2D: training", "2D: scores"]
    assert json.loads((tmp_path / "steps.json").read_text())["seconds"] == {"training": 1.0, "scores": 1.0}


def test_results_of_other_settings_are_refused_not_mixed(tmp_path, ran):
    mark = tmp_path / "2d" / "steps.json"
    mark.parent.mkdir()
    steps = [("training", ["a", "1"])]
    study.run_steps(mark, "", steps, study.settings_of(steps, "phantom_2d"))
    for changed in ([("training", ["a", "2"])], steps):
        settings = study.settings_of(changed, "phantom_25d" if changed == steps else "phantom_2d")
        with pytest.raises(Spider2dError, match="2d was made with other settings .*Delete that folder"):
            study.run_steps(mark, "", changed, settings)
    assert len(ran) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"settings": {}}', '{"settings": [], "seconds": {}}'])
def test_a_damaged_mark_is_named(tmp_path, ran, text):
    mark = tmp_path / "2d" / "steps.json"
    mark.parent.mkdir()
    mark.write_text(text)
    with pytest.raises(Spider2dError) as error:
        study.run_steps(mark, "", [("training", ["a"])], {"training": ["a"]})
    assert str(error.value).startswith(f"{mark}: damaged") and not ran
    assert f"Delete {mark.parent}, or name another --output" in str(error.value)


def test_more_patients_are_other_settings_for_every_method(tmp_path, ran):
    study.run_methods(parsed(tmp_path), [method("2d")])
    left_out = study.run_methods(parsed(tmp_path, "--patients", "60"), [method("2d")])
    assert "(data)" in left_out["2D U-Net"]


def test_a_method_that_fails_leaves_no_mark_and_does_not_stop_the_others(tmp_path, monkeypatch):
    def fail_2d(title, command):
        if title == "2D U-Net: inference":
            raise Spider2dError("the disk is full")
        return 1.0

    monkeypatch.setattr(study.cli, "run_step", fail_2d)
    left_out = study.run_methods(parsed(tmp_path), [method("2d"), method("25d")])
    assert left_out == {"2D U-Net": "the disk is full"}
    assert list(json.loads((tmp_path / "2d" / "steps.json").read_text())["seconds"]) == ["training"]
    assert len(json.loads((tmp_path / "25d" / "steps.json").read_text())["seconds"]) == 4


def test_no_checkpoint_is_chosen_by_the_scored_patients(tmp_path):
    command = study.method_steps(method("2d"), parsed(tmp_path, "--length", "0.5"))[0][1]
    assert {"training.steps=625", "validation.every_steps=625"} <= set(command)


def test_study_names_every_method_the_cost_nnunet_wrote_and_what_was_left_out(tmp_path):
    (tmp_path / "nnunet" / "work" / "3d_fullres").mkdir(parents=True)
    (tmp_path / "nnunet" / "work" / "3d_fullres" / "cost.json").write_text("{}")
    path = study.write_study(parsed(tmp_path), [method("2d"), method("nnunet")], {"UNETR": "no monai"})
    tree = yaml.safe_load(path.read_text())
    assert tree["skipped"] == {"UNETR": "no monai"}
    assert [(run["name"], run["dimension"], "cost" in run) for run in tree["runs"]] == [
        ("2D U-Net", "2D", False),
        ("nnU-Net", "3D", True),
    ]
