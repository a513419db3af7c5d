import json
import shutil
from dataclasses import replace

import pytest
import torch
from tiny_slices import PIXEL_MM, tiny_config, write_slices

from spider2d.checkpoint import load_checkpoint, load_network, save_checkpoint
from spider2d.errors import CheckpointError, ConfigError, DatasetError
from spider2d.training import fit as fit_module
from spider2d.training.distributed import Process
from spider2d.training.fit import fit
from spider2d.training.interrupt import StopRequest
from spider2d.training.run_data import select_series
from spider2d.training.train_step import TrainingDivergedError

CPU = Process(0, 1, torch.device("cpu"))


class StopAfter(StopRequest):
    """Asks to stop when it is asked the n-th time, that is after the n-th step."""

    def __init__(self, n_steps, reason="SIGTERM"):
        super().__init__()
        self.left, self.why = n_steps, reason

    @property
    def reason(self):
        self.left -= 1
        return self.why if self.left <= 0 else None


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return write_slices(tmp_path_factory.mktemp("fit"))


@pytest.fixture(scope="module")
def straight(slices, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight") / "run"
    return folder, fit(tiny_config(slices), folder, CPU, StopRequest())


def assert_same_tree(first, second):
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same_tree(first[key], second[key])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for a, b in zip(first, second, strict=True):
            assert_same_tree(a, b)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def lasting_content(folder, reason=None):
    """Return all weights and states of last.pt; after a stop by time another best score is possible."""
    checkpoint = load_checkpoint(folder / "last.pt")
    passing = ("seconds", "best_score") if reason == "time" else ("seconds",)
    training = {key: value for key, value in checkpoint.training.items() if key not in passing}
    return {"average": dict(checkpoint.network_state), "training": training}


def metrics_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_run_folder_holds_what_the_readme_says(straight):
    folder, result = straight
    assert (result.step, result.total_steps, result.stopped_by) == (6, 6, None)
    names = {path.name.split(".out.")[0] for path in folder.iterdir()}
    assert names == {"best.pt", "last.pt", "config.yaml", "metrics.jsonl", "cost.json", "events"}
    kinds = [(line["kind"], line["step"]) for line in metrics_of(folder)]
    assert kinds == [("training", s) for s in (1, 2, 3)] + [("validation", 3)] + [
        ("training", s) for s in (4, 5, 6)
    ] + [("validation", 6)]


def test_best_checkpoint_is_ready_for_inference(straight):
    folder, result = straight
    network, spec, info = load_network(folder / "best.pt")
    assert spec.pixel_size_mm == PIXEL_MM
    assert info["validation"]["score"] == result.best_score
    assert info["config"]["training"]["steps"] == 6
    assert load_checkpoint(folder / "best.pt").training is None
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 6, 32, 32)


def test_inference_weights_are_the_average_not_the_network(straight):
    checkpoint = load_checkpoint(straight[0] / "last.pt")
    name = next(iter(checkpoint.network_state))
    assert not torch.equal(checkpoint.network_state[name], checkpoint.training["network"][name])


@pytest.mark.parametrize(("n_steps", "reason"), [(1, "SIGTERM"), (3, "SIGTERM"), (4, "time")])
def test_stopped_and_resumed_run_equals_the_uninterrupted_one(slices, straight, tmp_path, n_steps, reason):
    config, folder = tiny_config(slices), tmp_path / "run"
    stopped = fit(config, folder, CPU, StopAfter(n_steps, reason))
    assert (stopped.step, stopped.stopped_by) == (n_steps, reason)
    resumed = fit(config, folder, CPU, StopRequest(), resume=True)
    assert (resumed.step, resumed.stopped_by) == (6, None)
    assert_same_tree(lasting_content(folder, reason), lasting_content(straight[0], reason))


def test_resumed_run_continues_its_figures_without_gaps_or_repeats(slices, straight, tmp_path):
    config, folder = tiny_config(slices, training={"save_every": 2}), tmp_path / "run"
    fit(config, folder, CPU, StopAfter(4))
    with (folder / "metrics.jsonl").open("a") as file:  # what a run killed after its last saving leaves
        file.write('{"kind": "training", "step": 5, "total": 0.0}\n{"kind": "train')
    fit(config, folder, CPU, StopRequest(), resume=True)
    steps = [line["step"] for line in metrics_of(folder) if line["kind"] == "training"]
    assert steps == [1, 2, 3, 4, 5, 6]
    totals = [line["total"] for line in metrics_of(folder) if line["kind"] == "training"]
    assert totals == [line["total"] for line in metrics_of(straight[0]) if line["kind"] == "training"]


def test_resuming_a_finished_run_changes_nothing(slices, straight):
    before = (straight[0] / "last.pt").read_bytes()
    result = fit(tiny_config(slices), straight[0], CPU, StopRequest(), resume=True)
    assert (result.step, result.best_score) == (6, straight[1].best_score)
    assert (straight[0] / "last.pt").read_bytes() == before


def test_folder_with_a_run_is_not_overwritten_unasked(slices, straight):
    with pytest.raises(ConfigError, match="--resume.*--overwrite"):
        fit(tiny_config(slices), straight[0], CPU, StopRequest())


def test_overwrite_starts_afresh(slices, tmp_path):
    folder = tmp_path / "run"
    fit(tiny_config(slices), folder, CPU, StopAfter(2))
    fit(tiny_config(slices, training={"steps": 1}), folder, CPU, StopRequest(), overwrite=True)
    assert [line["step"] for line in metrics_of(folder)] == [1, 1]
    assert len(list(folder.glob("events.*"))) == 1


def test_resume_refuses_another_configuration_and_names_the_change(slices, straight):
    config = tiny_config(slices, optimiser={"learning_rate": 0.5})
    with pytest.raises(ConfigError, match=r"optimiser.learning_rate: 0.002 then, 0.5 now"):
        fit(config, straight[0], CPU, StopRequest(), resume=True)


def test_resume_without_a_run_and_resume_with_overwrite_are_refused(slices, straight, tmp_path):
    with pytest.raises(ConfigError, match="no last.pt"):
        fit(tiny_config(slices), tmp_path, CPU, StopRequest(), resume=True)
    with pytest.raises(ConfigError, match="exclude each other"):
        fit(tiny_config(slices), straight[0], CPU, StopRequest(), resume=True, overwrite=True)


def test_resume_from_a_damaged_or_inference_checkpoint_is_refused(slices, straight, tmp_path):
    folder = tmp_path / "run"
    fit(tiny_config(slices), folder, CPU, StopAfter(1))
    (folder / "last.pt").write_bytes((folder / "last.pt").read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="truncated"):
        fit(tiny_config(slices), folder, CPU, StopRequest(), resume=True)
    (folder / "last.pt").write_bytes((straight[0] / "best.pt").read_bytes())
    with pytest.raises(CheckpointError, match="made for inference"):
        fit(tiny_config(slices), folder, CPU, StopRequest(), resume=True)


def test_diverged_training_stops_and_keeps_the_last_good_checkpoint(slices, tmp_path, monkeypatch):
    config, folder = tiny_config(slices, training={"save_every": 2}), tmp_path / "run"
    real_step = fit_module.train_step

    def broken_step(state, *args):
        figures = real_step(state, *args)
        return {name: value * float("nan" if state.step == 3 else 1) for name, value in figures.items()}

    monkeypatch.setattr(fit_module, "train_step", broken_step)
    with pytest.raises(TrainingDivergedError, match=r"before step 4.*learning_rate"):
        fit(config, folder, CPU, StopRequest())
    assert load_checkpoint(folder / "last.pt").training["step"] == 3


def test_non_finite_gradient_is_noticed(slices, tmp_path):
    config = tiny_config(slices, optimiser={"learning_rate": 1e30, "warmup_steps": 0})
    with pytest.raises(TrainingDivergedError, match="not finite"):
        fit(config, tmp_path / "run", CPU, StopRequest())


def test_init_starts_from_the_given_weights(slices, straight, tmp_path):
    config = tiny_config(
        slices, init=str(straight[0] / "best.pt"), optimiser={"learning_rate": 1e-30}, training={"steps": 1}
    )
    fit(config, tmp_path / "run", CPU, StopRequest())
    start, end = (load_checkpoint(f / "best.pt").network_state for f in (straight[0], tmp_path / "run"))
    name = "segmentation_head.0.weight"
    assert torch.allclose(start[name], end[name])


def test_a_run_goes_on_when_the_weights_it_started_from_are_gone(slices, straight, tmp_path):
    shutil.copy(straight[0] / "best.pt", tmp_path / "init.pt")
    config = tiny_config(slices, init=str(tmp_path / "init.pt"), training={"steps": 2})
    fit(config, tmp_path / "run", CPU, StopAfter(1))
    (tmp_path / "init.pt").unlink()
    assert fit(config, tmp_path / "run", CPU, StopRequest(), resume=True).step == 2


def test_other_training_series_are_refused_and_other_validation_series_have_a_best_of_their_own(
    slices, tmp_path, monkeypatch, capsys
):
    config = tiny_config(slices, training={"steps": 2})
    fit(config, tmp_path, CPU, StopAfter(1))
    last = load_checkpoint(tmp_path / "last.pt")
    better_than_any = last.training | {"best_score": 2.0}
    save_checkpoint(tmp_path / "last.pt", last.spec, last.network_state, last.info, better_than_any)
    data = select_series(config)

    monkeypatch.setattr(fit_module, "select_series", lambda _: replace(data, training=data.training[:2]))
    with pytest.raises(ConfigError, match="trained on 3 series, of which 2 are among the 2"):
        fit(config, tmp_path, CPU, StopRequest(), resume=True)

    monkeypatch.setattr(fit_module, "select_series", lambda _: replace(data, validation=data.training[:1]))
    assert fit(config, tmp_path, CPU, StopRequest(), resume=True).best_score <= 1
    assert "other validation series" in capsys.readouterr().out


def test_a_run_goes_on_with_another_number_of_threads(slices, tmp_path):
    fit(tiny_config(slices, training={"steps": 2}), tmp_path, CPU, StopAfter(1))
    config = tiny_config(slices, training={"steps": 2, "threads": 1})
    assert fit(config, tmp_path, CPU, StopRequest(), resume=True).step == 2


def test_init_from_another_network_is_refused(slices, straight, tmp_path):
    config = tiny_config(
        slices, init=str(straight[0] / "best.pt"), model={"decoder_channels": [16, 8, 8, 8, 16]}
    )
    with pytest.raises(ConfigError, match=r"(?s)init = .*best.pt holds.*decoder_channels: .*16\) here"):
        fit(config, tmp_path / "run", CPU, StopRequest())


def test_missing_init_is_named_before_missing_data(tmp_path):
    config = tiny_config(tmp_path / "nowhere", init=str(tmp_path / "nothing.pt"))
    with pytest.raises(CheckpointError, match="nothing.pt"):
        fit(config, tmp_path / "run", CPU, StopRequest())


def test_init_of_another_pixel_size_is_noted(slices, straight, tmp_path, capsys):
    fit(
        tiny_config(slices, init=str(straight[0] / "best.pt"), training={"steps": 1}),
        tmp_path / "a",
        CPU,
        StopRequest(),
    )
    assert "note:" not in capsys.readouterr().out
    known = load_checkpoint(straight[0] / "best.pt")

    def said_of(**change):
        spec = known.spec.model_copy(update=change)
        save_checkpoint(tmp_path / "other.pt", spec, known.network_state, known.info)
        config = tiny_config(slices, init=str(tmp_path / "other.pt"), training={"steps": 1})
        fit(config, tmp_path / "b", CPU, StopRequest(), overwrite=True)
        return capsys.readouterr().out

    assert "note:" not in said_of(outline_level=0.7)  # how it is used, not how it was trained
    said = said_of(pixel_size_mm=0.4, outline_level=0.7)
    assert "other.pt was trained for something else:\n  pixel_size_mm: 0.4 there" in said
    assert "--pixel-size-mm 0.4" in said and "outline_level" not in said


def test_fp16_on_a_cpu_is_refused(slices, tmp_path):
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        fit(tiny_config(slices, training={"precision": "fp16"}), tmp_path, CPU, StopRequest())


def test_missing_slices_name_the_command(tmp_path):
    with pytest.raises(DatasetError, match="preprocessing/extract_slices.py"):
        fit(tiny_config(tmp_path / "none"), tmp_path / "run", CPU, StopRequest())
    assert not (tmp_path / "run").exists()


def test_network_learns_the_boxes(slices, tmp_path):
    config = tiny_config(
        slices,
        augment=None,
        data={"patch_hw": [64, 64]},
        training={"steps": 60, "batch_size": 4, "log_every": 60},
        optimiser={"learning_rate": 1e-2, "warmup_steps": 5, "ema_decay": 0.9},
        validation={"every_steps": 60},
    )
    fit(config, tmp_path / "run", CPU, StopRequest())
    last = metrics_of(tmp_path / "run")[-1]
    assert last["dice"]["vertebra"] > 0.6
    assert last["dice"]["canal"] > 0.3
