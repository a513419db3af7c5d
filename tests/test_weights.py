"""The shipped checkpoint: whole, small, the one the model card describes, and able to segment."""

import hashlib
import json
import re

import numpy as np
import pytest
import torch
from load_script import load_script

from spider2d import cli
from spider2d.checkpoint import load_checkpoint, load_network, save_checkpoint
from spider2d.config import check_config, load_config
from spider2d.data.phantom.dataset import volume_on_grid
from spider2d.data.phantom.series import make_series
from spider2d.data.volume import from_canonical, to_canonical
from spider2d.errors import CheckpointError, ConfigError
from spider2d.inference.segment import SegmentOptions, segment_volume
from spider2d.labels import STRUCTURES, classes_of_labels
from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network
from spider2d.training.loader import MAX_AUTO_WORKERS
from spider2d.training.train_config import load_train_config

make_weights = load_script("experiments/make_weights.py")
SHIPPED = cli.SHIPPED_CHECKPOINT


def test_the_model_card_names_the_file_that_is_there():
    card = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    digests = re.findall(r"\b[0-9a-f]{64}\b", card)
    assert digests == [hashlib.sha256(SHIPPED.read_bytes()).hexdigest()]
    assert SHIPPED.stat().st_size <= 16e6


def test_the_file_holds_nothing_but_the_network_and_where_it_comes_from():
    checkpoint = load_checkpoint(SHIPPED)
    assert checkpoint.training is None
    assert checkpoint.info["config"]["data"]["synthetic"]
    assert not re.search(r"[/\\]", json.dumps(checkpoint.info))  # no folder of the machine it was made on


def test_the_shipped_network_segments_a_phantom_it_has_not_seen():
    series = make_series(987_654_321, "t2", (9, 200, 160), (5.0, 1.4, 1.4), variant="healthy")
    volume = from_canonical(series.image_sra, volume_on_grid(series, np.random.default_rng(0)))
    network, spec, _ = load_network(SHIPPED)
    labels_sra, _ = to_canonical(segment_volume(volume, network, spec, SegmentOptions("cpu", "fp32")).labels)
    predicted, reference = classes_of_labels(labels_sra), classes_of_labels(series.labels_sra)
    for number, name in enumerate(STRUCTURES, start=1):
        overlap = ((predicted == number) & (reference == number)).sum()
        dice = 2 * overlap / ((predicted == number).sum() + (reference == number).sum())
        assert dice > 0.7, name


def test_export_halves_the_weights_and_drops_the_training(tmp_path):
    spec = ModelSpec(encoder="tu-mobilenetv4_conv_small", pixel_size_mm=1.0)
    state = build_network(spec).state_dict()
    data = {"slices": "/home/me/slices", "max_series": None}
    info = {"step": 7, "config": {"seed": 3, "init": "/home/me/mean.pt", "data": data}}
    save_checkpoint(tmp_path / "best.pt", spec, state, info, training={"optimiser": [1, 2]})
    digest = make_weights.export([tmp_path / "best.pt"], tmp_path / "small.pt")
    assert digest == hashlib.sha256((tmp_path / "small.pt").read_bytes()).hexdigest()
    exported = load_checkpoint(tmp_path / "small.pt")
    config = {"seed": 3, "init": "mean.pt", "data": {"slices": "slices", "max_series": None}}
    assert exported.training is None and exported.info == {"step": 7, "config": config}
    assert (tmp_path / "small.pt").stat().st_size < 0.55 * (tmp_path / "best.pt").stat().st_size
    network, _, _ = load_network(tmp_path / "small.pt")
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == state[name].dtype
        torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-6)


def test_the_mean_of_checkpoints_is_exported_and_different_networks_are_refused(tmp_path):
    spec = ModelSpec(encoder="tu-mobilenetv4_conv_small", pixel_size_mm=1.0)
    state = build_network(spec).state_dict()
    for name, value in (("a.pt", 1.0), ("b.pt", 4.0)):
        filled = {k: torch.full_like(v, value) for k, v in state.items()}
        save_checkpoint(tmp_path / name, spec, filled, {"step": value})
    make_weights.export([tmp_path / "a.pt", tmp_path / "b.pt"], tmp_path / "mean.pt")
    mean = load_checkpoint(tmp_path / "mean.pt")
    assert mean.info == {"step": 4.0}
    expected = {True: 2.5, False: 4.0}  # counters are those of the last
    assert all((v == expected[v.is_floating_point()]).all() for v in mean.network_state.values())
    finer = spec.model_copy(update={"pixel_size_mm": 0.6})
    save_checkpoint(tmp_path / "finer.pt", finer, state, {})
    make_weights.export([tmp_path / "a.pt", tmp_path / "finer.pt"], tmp_path / "mean.pt", 0.7)
    assert load_checkpoint(tmp_path / "mean.pt").spec == finer.model_copy(update={"outline_level": 0.7})
    other = spec.model_copy(update={"offset_head": False})
    save_checkpoint(tmp_path / "c.pt", other, state, {})
    with pytest.raises(CheckpointError, match="different networks"):
        make_weights.export([tmp_path / "a.pt", tmp_path / "c.pt"], tmp_path / "mean.pt")


def test_training_steps_are_documented_commands(monkeypatch, tmp_path):
    commands, means = [], {}
    monkeypatch.setattr(make_weights.cli, "run_step", lambda title, command: commands.append(command))
    monkeypatch.setattr(make_weights, "export", lambda paths, output: means.update({output.name: paths}))
    recipe = load_config(make_weights.Recipe, make_weights.RECIPE)
    n = len(recipe.trainings)
    assert list(recipe.trainings) == list(range(1, n + 1))
    last = [tmp_path / f"run_{number}" / "last.pt" for number in range(1, n + 1)]
    averaged = make_weights.train(tmp_path, recipe)
    assert averaged == last[21:23] and means["start_19.pt"] == last[14:17]
    assert means["start_22.pt"] == [tmp_path / "start_19.pt", *last[17:21]]
    assert means["start_23.pt"] == [tmp_path / "start_22.pt", last[21]]
    trainings = [command for command in commands if command[0] == "src/train.py"]
    arguments = [load_script("src/train.py").parse_args(command[1:]) for command in trainings]
    assert len(arguments) == n
    assert all(training.config.is_file() and not training.resume for training in arguments)
    configs = [load_train_config(training.config, training.set) for training in arguments]
    assert [config.init for config in configs[:4]] == [None, *last[:2], tmp_path / "start_4.pt"]
    assert means["start_4.pt"] == [last[1], last[2]]
    assert means["start_5.pt"] == [tmp_path / "start_4.pt", last[3]]
    assert means["start_12.pt"] == last[6:11]
    assert (configs[5].data.beside_bodies_fraction, configs[5].optimiser.learning_rate) == (0.5, 1e-3)
    extracted = {c[c.index("--output") + 1] for c in commands if c[0] == "preprocessing/extract_slices.py"}
    assert {str(config.data.slices) for config in configs} == extracted
    (tmp_path / "run_1").mkdir()
    last[0].touch()
    commands.clear()
    make_weights.train(tmp_path, recipe)
    resumed = [command[-1] == "--resume" for command in commands if command[0] == "src/train.py"]
    assert resumed == [True, *[False] * (n - 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": [2]}, "not before it"),
        ({"start": ["start of 1"]}, "not before it"),
        ({"settings": ["gentle"]}, "not in settings"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change, message):
    training = {"start": [], "settings": [], "set": {}} | change
    tree = {"settings": {}, "trainings": {1: training}, "exported": [1], "outline_level": 0}
    with pytest.raises(ConfigError, match=message):
        check_config(make_weights.Recipe, tree, source="recipe")
    with pytest.raises(ConfigError, match="outline_level"):
        check_config(make_weights.Recipe, tree | {"outline_level": 1}, source="recipe")


def test_a_gpu_trains_once_in_large_batches(monkeypatch, tmp_path):
    commands, exported = [], []
    monkeypatch.setattr(make_weights.cli, "run_step", lambda title, command: commands.append(command))
    monkeypatch.setattr(
        make_weights, "export", lambda paths, output, level: exported.append((paths, output)) or "digest"
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (tmp_path / "synthetic_2d_gpu.pt").touch()  # not the shipped file
    make_weights.main(make_weights.parse_args(["--gpu", "--work", str(tmp_path)]))
    assert exported == [([tmp_path / "run_gpu" / "last.pt"], tmp_path / "synthetic_2d_gpu.pt")]
    (training,) = [command for command in commands if command[0] == "src/train.py"]
    arguments = load_script("src/train.py").parse_args(training[1:])
    config = load_train_config(arguments.config, arguments.set)
    assert config.training.workers == "auto" and config.training.batch_size == 48
    assert config.data.synthetic.streams == MAX_AUTO_WORKERS


def test_without_a_gpu_the_training_for_one_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = make_weights.parse_args(["--gpu", "--work", str(tmp_path / "work")])
    assert cli.run(make_weights.main, arguments) == 1
    assert "without --gpu" in capsys.readouterr().err and not (tmp_path / "work").exists()


@pytest.mark.parametrize("named", [None, "elsewhere.pt"])
def test_a_missing_checkpoint_is_named(named, capsys, monkeypatch, tmp_path):
    infer = load_script("src/infer_volume.py")
    monkeypatch.setattr(cli, "SHIPPED_CHECKPOINT", tmp_path / "shipped.pt")
    arguments = ["--checkpoint", str(tmp_path / named)] if named else []
    assert cli.run(infer.main, infer.parse_args(arguments)) == 1
    assert (named or "shipped.pt") in capsys.readouterr().err
