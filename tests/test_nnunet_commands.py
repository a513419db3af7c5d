import json
from pathlib import Path

import pytest

from spider2d.baselines import nnunet_commands
from spider2d.baselines.nnunet_folder import WorkFolder
from spider2d.baselines.nnunet_plans import inference_title, network_title, write_own_plans
from spider2d.baselines.nnunet_process import StepCost
from spider2d.cost_file import read_cost, write_cost
from spider2d.errors import DatasetError


def test_costs_of_steps_are_kept_side_by_side(tmp_path):
    folder = WorkFolder(tmp_path)
    folder.add_cost("train_2d", {"seconds": 1})
    folder.add_cost("predict_2d", {"seconds": 2})
    folder.add_cost("train_2d", {"seconds": 3})
    costs = json.loads((tmp_path / "nnunet_cost.json").read_text())
    assert costs == {"train_2d": {"seconds": 3}, "predict_2d": {"seconds": 2}}


def test_own_plans_are_narrower_and_leave_the_stock_plans_alone(tmp_path):
    plan = {"architecture": {"arch_kwargs": {"features_per_stage": [32, 64, 128, 320]}}, "batch_size": 2}
    stock = {
        "plans_name": "nnUNetPlans",
        "configurations": {"2d": plan, "3d_cascade": {"inherits_from": "2d"}},
    }
    text = json.dumps(stock)
    (tmp_path / "nnUNetPlans.json").write_text(text)
    name = write_own_plans(tmp_path, 8)
    own = json.loads((tmp_path / f"{name}.json").read_text())
    network = own["configurations"]["2d"]["architecture"]["arch_kwargs"]
    assert network["features_per_stage"] == [8, 16, 32, 80]
    assert own["plans_name"] == name
    assert (tmp_path / "nnUNetPlans.json").read_text() == text
    with pytest.raises(DatasetError, match="no plans"):
        write_own_plans(tmp_path / "none", 8)


def test_damaged_notes_of_the_planning_are_named(tmp_path):
    folder = WorkFolder(tmp_path)
    folder.write_export(tmp_path / "data", [])
    (tmp_path / "planning.json").touch()
    command = f"Delete it and run: python src/run_nnunet.py train --work {tmp_path}"
    with pytest.raises(DatasetError, match=rf"planning\.json: damaged .*{command}"):
        nnunet_commands.plan_and_preprocess(folder, 1.0)


def test_a_reduced_network_and_inference_are_not_called_as_the_full_one():
    assert network_title("3d_fullres", "nnUNetPlans") == "nnU-Net 3d_fullres"
    assert network_title("2d", "spider2dPlans_32") == "nnU-Net 2d"
    assert network_title("2d", "spider2dPlans_8") == "nnU-Net 2d, 8 of 32 base features"
    assert inference_title("nnU-Net 2d", mirroring=True, step_size=0.5) == "nnU-Net 2d"
    title = inference_title("nnU-Net 2d", mirroring=False, step_size=0.5)
    assert title == "nnU-Net 2d, not mirrored"


def test_costs_of_training_and_prediction_are_those_of_every_method(tmp_path, monkeypatch):
    figures = {
        **{"title": "nnU-Net 3d_fullres", "architecture": "nnunet_3d_fullres", "dimension": "3D"},
        **{"parameters": 7, "training_seconds": 61.5, "peak_memory_gb": 2.5, "device": "cpu", "steps": 75},
        **{"planned_steps": 100},
        **{"epochs": 4, "batch_size": 2, "patch_size": [16, 64, 64], "plans": "P", "threads": 1},
    }
    folder = WorkFolder(tmp_path / "with a blank")
    folder.write_json("3d_fullres/training.json", figures)
    write_cost(folder.of("3d_fullres") / "cost.json", nnunet_commands.training_cost(figures))
    for number in (1, 2):
        (folder.raw / "imagesTs").mkdir(parents=True, exist_ok=True)
        (folder.raw / "imagesTs" / f"{number}.mha").touch()
    calls = []

    def run_command(_, program, arguments):
        calls.append(arguments)
        if "--report" in arguments:
            report = Path(arguments[arguments.index("--report") + 1])
            report.write_text(json.dumps({"seconds_per_volume": 3.5, "gmac_per_volume": 8.0, "windows": 4}))
        return StepCost(9.0, 1.25)

    monkeypatch.setattr(nnunet_commands, "run_command", run_command)
    command = f'python src/run_nnunet.py predict --configuration 3d_fullres --work "{folder.root}"'
    folder.add_cost("train_3d_fullres", {})
    with pytest.raises(DatasetError, match=f"not predicted yet. Run first: {command}"):
        nnunet_commands.measure(folder, "3d_fullres")
    for name in ("class_maps/former.mha", "predictions/former.mha"):
        folder.write_json(f"3d_fullres/{name}", {})
    nnunet_commands.predict(folder, "3d_fullres", "cpu", mirroring=False, step_size=0.75)
    assert not list(folder.of("3d_fullres").rglob("former.mha"))
    assert calls[0][calls[0].index("-step_size") + 1] == "0.75"
    cost = read_cost(folder.of("3d_fullres") / "cost.json")
    assert cost.seconds_per_volume is None  # of other volumes, with the start of the program: not comparable
    nnunet_commands.measure(folder, "3d_fullres", threads=1)
    assert calls[1][calls[1].index("--step-size") + 1] == "0.75"
    assert "--mirroring" not in calls[1] and calls[1][calls[1].index("--threads") + 1] == "1"
    model = Path(calls[1][calls[1].index("--model") + 1])
    assert model == (folder.results / "nnUNetTrainer__P__3d_fullres").resolve()
    cost = read_cost(folder.of("3d_fullres") / "cost.json")
    assert (cost.training_peak_memory_gb, cost.training_device, cost.training_seconds) == (2.5, "cpu", 61.5)
    assert (cost.steps, cost.planned_steps) == (75, 100)
    assert cost.title == "nnU-Net 3d_fullres, windows 0.75 of a window apart, not mirrored"
    assert (cost.seconds_per_volume, cost.gmac_per_volume, cost.model_file_mb) == (3.5, 8.0, None)
    costs = json.loads((folder.root / "nnunet_cost.json").read_text())
    assert (costs["predict_3d_fullres"]["volumes"], costs["cost_3d_fullres"]["windows"]) == (2, 4)
