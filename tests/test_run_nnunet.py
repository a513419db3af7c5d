"""The whole way through the real nnU-Net, where it is installed.

It takes 55 s of CPU time: 3 minutes on two cores that others use too; nnU-Net is loaded a dozen times.
"""

import json

import numpy as np
import pytest
from load_script import load_script
from tiny_dataset import write_series

from spider2d.baselines import nnunet_measure
from spider2d.baselines.nnunet_folder import WorkFolder
from spider2d.cost_file import read_cost
from spider2d.data.volume import read_mask

SMALL = ["--memory-target-gb", "0.5", "--base-features", "2", "--epochs", "3", "--iterations", "1"]


def run(script, *words):
    script.main(script.parse_args([str(word) for word in words]))


def test_export_train_stop_resume_predict_import_score_measure(tmp_path, monkeypatch, capfd):
    pytest.importorskip("nnunetv2")
    script, dataset, folder = (
        load_script("src/run_nnunet.py"),
        tmp_path / "data",
        WorkFolder(tmp_path / "w k"),
    )
    for number, name in enumerate(("1_t1", "2_t1")):
        write_series(dataset, name, seed=number)
    work = ["--work", folder.root]
    run(script, "export", *work, "--dataset", dataset)
    train = ["train", *work, *SMALL, "--workers", "0", "--threads", "1", "--device", "cpu"]
    run(script, *train, "--max-minutes", "0")
    cost = read_cost(folder.of("3d_fullres") / "cost.json")
    assert (cost.steps, cost.planned_steps, cost.threads) == (1, 3, 1)
    assert cost.title == "nnU-Net 3d_fullres, 2 of 32 base features" and cost.training_peak_memory_gb > 0.1
    run(script, *train, "--resume")
    cost = read_cost(folder.of("3d_fullres") / "cost.json")
    assert (cost.steps, cost.planned_steps) == (3, 3)
    output = capfd.readouterr().out
    rates = [float(line.split(": ")[-1]) for line in output.splitlines() if "Current learning rate" in line]
    assert rates == [round(0.01 * (1 - epoch / 3) ** 0.9, 5) for epoch in range(3)]
    run(script, "predict", *work, "--no-mirroring", "--device", "cpu")
    run(script, "import", *work)
    predictions = folder.of("3d_fullres") / "predictions"
    score = ["--dataset", dataset, "--subset", "validation", "--predictions", predictions]
    run(load_script("src/evaluate_volumes.py"), *score, "--output", tmp_path / "scores")
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert 0 <= metrics["strict"]["overall_dice"]["mean"] <= 1

    # What is measured is what was predicted: the same volume gives the same labels.
    (validation,) = [one for one in folder.read_export() if one.subset == "validation"]
    written = []
    monkeypatch.setattr(nnunet_measure, "write_volume", lambda path, labels: written.append(labels))
    (model,) = folder.results.iterdir()
    windows = {"use_mirroring": False, "tile_step_size": 0.5}  # as predicted
    image = dataset / "images" / f"{validation.name}.mha"
    figures = nnunet_measure.measure(model, windows, image, repeats=1)
    assert figures["gmac_per_volume"] == figures["windows"] * figures["gmac_per_window"] > 0
    checkpoint_mb = (model / "fold_0" / "checkpoint_final.pth").stat().st_size / 1e6
    assert 4 * cost.parameters / 1e6 < figures["model_file_mb"] < checkpoint_mb  # without the optimiser
    predicted = read_mask(predictions / f"{validation.name}.mha")
    np.testing.assert_array_equal(written[0].array_zyx, predicted.array_zyx)
