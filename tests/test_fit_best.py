"""The best checkpoint of a run, and what resuming leaves of a run's folder."""

import json
from dataclasses import replace

import pytest
from test_fit import CPU, StopAfter
from tiny_slices import tiny_config, write_slices

from spider2d.checkpoint import load_checkpoint, load_network, save_checkpoint
from spider2d.data.slices import open_series
from spider2d.training import fit as fit_module
from spider2d.training.fit import fit
from spider2d.training.interrupt import StopRequest
from spider2d.training.run_data import select_series
from spider2d.training.validate import predict_classes, score_series


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return write_slices(tmp_path_factory.mktemp("fit_best"))


def test_the_best_checkpoint_is_that_of_the_highest_score_of_the_averaged_weights(
    slices, tmp_path, monkeypatch
):
    config = tiny_config(slices, validation={"every_steps": 2})
    real, scores, seen = fit_module.summarise, iter((0.2, 0.9, 0.5)), []

    def summarise(cases):
        seen.append(real(cases))
        return replace(seen[-1], score=next(scores))

    monkeypatch.setattr(fit_module, "summarise", summarise)
    assert fit(config, tmp_path / "run", CPU, StopRequest()).best_score == 0.9
    network, spec, info = load_network(tmp_path / "run" / "best.pt")
    assert (info["step"], info["validation"]["score"]) == (4, 0.9)
    series = [open_series(slices, name) for name in select_series(config).validation]
    again = real([score_series(predict_classes(network, one, spec, 8, "cpu", "fp32"), one) for one in series])
    assert again.score == pytest.approx(seen[1].score)


def test_resuming_a_finished_run_elsewhere_keeps_its_cost(slices, tmp_path):
    folder = tmp_path / "run"
    fit(tiny_config(slices), folder, CPU, StopRequest())
    cost = json.loads((folder / "cost.json").read_text()) | {"training_device": "cuda", "threads": 99}
    (folder / "cost.json").write_text(json.dumps(cost))
    fit(tiny_config(slices), folder, CPU, StopRequest(), resume=True)
    assert json.loads((folder / "cost.json").read_text()) == cost


def test_a_run_whose_best_checkpoint_is_gone_makes_another(slices, tmp_path):
    config, folder = tiny_config(slices), tmp_path / "run"
    fit(config, folder, CPU, StopAfter(4, "time"))
    (folder / "best.pt").unlink()
    last = load_checkpoint(folder / "last.pt")
    better_than_any = last.training | {"best_score": 2.0}
    save_checkpoint(folder / "last.pt", last.spec, last.network_state, last.info, better_than_any)
    assert fit(config, folder, CPU, StopRequest(), resume=True).best_score <= 1
    assert (folder / "best.pt").is_file()


def test_time_up_before_the_first_validation_still_leaves_a_best_checkpoint(slices, tmp_path):
    result = fit(tiny_config(slices), tmp_path / "run", CPU, StopAfter(1, "time"))
    assert result.best_score is not None
    assert (tmp_path / "run" / "best.pt").exists()
