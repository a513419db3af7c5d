import json
from pathlib import Path

import numpy as np
import pytest
import torch
from painted_spine import PIXEL_MM as PAINTED_MM
from test_fit import CPU, StopAfter, assert_same_tree, lasting_content
from tiny_slices import PIXEL_MM, write_slices
from tiny_volumes import UNETR, tiny_volume_config

from spider2d.checkpoint import load_network
from spider2d.config import save_config
from spider2d.data.volume import labels_of, read_volume
from spider2d.errors import ConfigError
from spider2d.models.volume_spec import Unet3dSpec
from spider2d.training.fit import build_spec, fit
from spider2d.training.interrupt import StopRequest
from spider2d.training.run_data import RunData
from spider2d.training.train_config import (
    TrainConfig,
    Unet3dTrainConfig,
    UnetrTrainConfig,
    load_train_config,
)

pytest.importorskip("monai")


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return write_slices(tmp_path_factory.mktemp("volumes"))


@pytest.fixture(scope="module")
def straight(slices, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight3d") / "run"
    return folder, fit(tiny_volume_config(slices), folder, CPU, StopRequest())


def test_run_ends_with_a_3d_score_and_its_cost(straight):
    folder, result = straight
    assert (result.step, result.stopped_by) == (6, None)
    assert 0 <= result.best_score <= 1
    cost = json.loads((folder / "cost.json").read_text())
    assert (cost["architecture"], cost["dimension"], cost["steps"]) == ("unet3d", "3D", 6)
    assert (cost["training_device"], cost["batch_size"]) == ("cpu", 2)
    assert cost["training_seconds"] > 0 and cost["training_peak_memory_gb"] > 0.1
    network, _, _ = load_network(folder / "best.pt")
    assert cost["parameters"] == sum(p.numel() for p in network.parameters())


def test_best_checkpoint_rebuilds_network_and_grid(straight, slices):
    network, spec, _ = load_network(straight[0] / "best.pt")
    expected = Unet3dSpec(
        pixel_size_mm=PIXEL_MM, slice_spacing_mm=3.0, patch_shw=(8, 32, 32), channels=(4, 4, 8)
    )
    assert spec == expected
    assert network(torch.zeros(1, 1, 8, 32, 32)).shape == (1, 6, 8, 32, 32)


@pytest.mark.parametrize(("n_steps", "reason"), [(2, "SIGTERM"), (4, "time")])
def test_stopped_and_resumed_run_equals_the_uninterrupted_one(slices, straight, tmp_path, n_steps, reason):
    config, folder = tiny_volume_config(slices), tmp_path / "run"
    assert fit(config, folder, CPU, StopAfter(n_steps, reason)).step == n_steps
    assert fit(config, folder, CPU, StopRequest(), resume=True).step == 6
    assert_same_tree(lasting_content(folder, reason), lasting_content(straight[0], reason))


def test_unetr_trains_too(slices, tmp_path):
    config = tiny_volume_config(slices, model=UNETR, data={"patch_shw": [16, 32, 32]}, training={"steps": 1})
    assert fit(config, tmp_path / "run", CPU, StopRequest()).best_score is not None
    assert load_network(tmp_path / "run" / "best.pt")[1].dimension == "3D"


def test_loss_falls(slices, tmp_path):
    config = tiny_volume_config(
        slices,
        augment=None,
        training={"steps": 24, "log_every": 8},
        optimiser={"learning_rate": 1e-2, "warmup_steps": 2},
        validation={"every_steps": 24},
    )
    fit(config, tmp_path / "run", CPU, StopRequest())
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    totals = [line["total"] for line in lines if line["kind"] == "training"]
    assert totals[-1] < 0.85 * totals[0]


def test_patch_that_does_not_fit_the_network_is_refused_before_anything_is_written(slices, tmp_path):
    config = tiny_volume_config(slices, data={"patch_shw": [7, 32, 32]})
    with pytest.raises(ConfigError, match=r"patch_shw = \(7, 32, 32\).*multiples"):
        fit(config, tmp_path / "run", CPU, StopRequest())
    assert not (tmp_path / "run").exists()


def test_architecture_decides_which_keys_are_valid(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model:\n  architecture: unet3d\n")
    assert type(load_train_config(path)) is Unet3dTrainConfig
    assert type(load_train_config(path, ["model.architecture=unetr"])) is UnetrTrainConfig
    assert type(load_train_config(None)) is TrainConfig
    with pytest.raises(ConfigError, match=r"data.patch_hw: no such key; did you mean data.patch_shw"):
        load_train_config(path, ["data.patch_hw=[32,32]"])
    with pytest.raises(ConfigError, match=r"loss.instance_dice = 1.0 is for 2D networks"):
        load_train_config(path, ["loss.instance_dice=1"])


@pytest.mark.parametrize("name", ["phantom_2d", "unet3d"])
def test_offsets_without_a_loss_are_refused(name):
    path = Path(__file__).parents[1] / "experiments" / f"{name}.yaml"
    with pytest.raises(ConfigError, match="set model.offset_head to false too"):
        load_train_config(path, ["loss.offset=0"])
    load_train_config(path, ["loss.offset=0", "model.offset_head=false"])
    with pytest.raises(ConfigError, match="'unet4d'.*unet2d, unet3d, unetr"):
        load_train_config(path, ["model.architecture=unet4d"])


def test_saved_configuration_reads_back_as_the_same_kind(slices, tmp_path):
    config = tiny_volume_config(slices, model=UNETR)
    save_config(config, tmp_path / "config.yaml")
    assert load_train_config(tmp_path / "config.yaml") == config


def test_infer_script_takes_a_3d_checkpoint_like_any_other(straight, slices, tmp_path):
    from load_script import load_script
    from tiny_dataset import write_series

    script = load_script("src/infer_volume.py")
    write_series(tmp_path / "data", "7_t2")
    image = tmp_path / "data" / "images" / "7_t2.mha"
    args = script.parse_args(
        [str(image), "--checkpoint", str(straight[0] / "best.pt"), "--output", str(tmp_path / "out")]
    )
    assert script.main(args) == 0
    labels = labels_of(read_volume(tmp_path / "out" / "7_t2.mha"), "labels")
    assert labels.geometry == read_volume(image).geometry
    report = json.loads((tmp_path / "out" / "7_t2.json").read_text())
    assert report["network"]["dimension"] == "3D" and report["network"]["slice_spacing_mm"] == 3.0
    assert sum(report["seconds"].values()) > 0
    assert np.issubdtype(labels.array_zyx.dtype, np.integer)


def test_specs_of_the_2d_networks_stay_what_they_were():
    spec = build_spec(TrainConfig(), RunData(("1_t1",), ("2_t1",), PAINTED_MM, (64, 64)))
    assert (spec.architecture, spec.encoder, spec.dimension) == ("unet2d", "tu-regnety_002", "2D")
