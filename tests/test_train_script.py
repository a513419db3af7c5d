import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from load_script import load_script
from tiny_slices import settings, write_slices

from spider2d import cli
from spider2d.checkpoint import load_checkpoint
from spider2d.config import load_config
from spider2d.training.train_config import TrainConfig

SCRIPT = cli.PROJECT_ROOT / "src" / "train.py"


def run_here(*words):
    """Run the script's main in this process; return its exit code."""
    script = load_script(SCRIPT)
    return cli.run(script.main, script.parse_args([str(word) for word in words]))


def start(folder, *words, command=(sys.executable,)):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    arguments = [*command, SCRIPT, "--config", folder / "tiny.yaml", *words]
    return subprocess.Popen(
        [str(word) for word in arguments],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


def wait_for_step(run, step):
    """Wait until the run in a folder has written the figures of a step."""
    for _ in range(6000):
        lines = (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").exists() else []
        if any(f'"step": {step},' in line for line in lines):
            return
        time.sleep(0.01)
    raise AssertionError("the training did not get that far in a minute")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    tree = settings(
        write_slices(folder), training={"steps": 60, "save_every": 5}, validation={"every_steps": 60}
    )
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tree))
    return folder


def test_interrupted_and_killed_run_ends_as_an_uninterrupted_one(folder):
    run = folder / "runs" / "tiny"  # the default folder: runs/<name of the configuration>
    process = start(folder, "--set", "training.workers=1")
    wait_for_step(run, 3)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = process.communicate(timeout=120)
    assert process.returncode == cli.EXIT_INTERRUPTED
    assert "Traceback" not in errors
    stopped_at = load_checkpoint(run / "last.pt").training["step"]
    assert 3 <= stopped_at < 60

    process = start(folder, "--resume", "--set", "training.workers=1")
    wait_for_step(run, stopped_at + 3)
    os.killpg(process.pid, signal.SIGTERM)  # as schedulers do at the end of the time: to the workers too
    _, errors = process.communicate(timeout=120)
    assert process.returncode == cli.EXIT_INTERRUPTED
    assert "Traceback" not in errors
    assert load_checkpoint(run / "last.pt").training["step"] >= stopped_at + 3
    stopped_at = load_checkpoint(run / "last.pt").training["step"]

    process = start(folder, "--resume")
    wait_for_step(run, stopped_at + 8)
    process.kill()
    process.communicate(timeout=120)
    assert stopped_at <= load_checkpoint(run / "last.pt").training["step"] < 60

    process = start(folder, "--resume")
    process.communicate(timeout=120)
    assert process.returncode == 0

    assert run_here("--config", folder / "tiny.yaml", "--output", folder / "straight") == 0
    for part in ("network", "step", "best_score"):
        mine, other = (
            load_checkpoint(path / "last.pt").training[part] for path in (run, folder / "straight")
        )
        if part == "network":
            assert [name for name in mine if not torch.equal(mine[name], other[name])] == []
        else:
            assert mine == other
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == [*range(1, 61), 60]


def test_a_second_ctrl_c_says_what_is_left_of_the_run(folder, capsys, monkeypatch):
    def stopped_at_once(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("spider2d.training.fit.fit", stopped_at_once)
    arguments = ["--config", folder / "tiny.yaml", "--output", folder / "cut"]
    assert run_here(*arguments) == cli.EXIT_INTERRUPTED
    assert "nothing was saved yet" in capsys.readouterr().err
    (folder / "cut").mkdir()
    (folder / "cut" / "last.pt").touch()
    assert run_here(*arguments) == cli.EXIT_INTERRUPTED
    assert "--resume goes on from there" in capsys.readouterr().err


def test_time_limit_stops_resumably_and_says_what_to_run_next(folder, capsys):
    run = folder / "limited"
    arguments = ["--config", folder / "tiny.yaml", "--output", run]
    assert run_here(*arguments, "--max-minutes", "0.0001") == 0
    said = capsys.readouterr().out
    assert "1 of 60 steps done, stopped by time; the same command with --resume goes on" in said
    assert f"python src/infer_volume.py INPUT --checkpoint {run / 'best.pt'}" in said
    assert f"tensorboard --logdir {folder}" in said
    assert run_here(*arguments, "--max-minutes", "0.0001", "--resume") == 0
    assert "2 of 60 steps done" in capsys.readouterr().out


def test_missing_slices_name_the_command_that_makes_them(folder, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_here() == 1  # no arguments at all: the default configuration and folders
    assert "preprocessing/extract_slices.py" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "training.step=3"], "did you mean training.steps?"),
        (["--set", "optimiser.learning_rate=abc"], "optimiser.learning_rate"),
        (["--set", "training.steps=3.5"], "training.steps"),
        (["--set", "model.encoder=nonsense"], "nonsense"),
        (["--config", "none.yaml"], "no such configuration file"),
        (["--resume"], "no last.pt to resume from"),
    ],
)
def test_wrong_input_is_one_clear_message(folder, capsys, tmp_path, words, message):
    assert run_here("--config", folder / "tiny.yaml", "--output", tmp_path / "run", *words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_the_default_configuration_is_valid():
    config = load_config(TrainConfig, load_script(SCRIPT).DEFAULT_CONFIG)
    assert config.data.slices == Path("data/slices")
    assert config.model.encoder_weights is None


def test_torchrun_starts_the_same_script(folder):
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    words = ("--output", folder / "two", "--set", "training.steps=2", "--set", "training.batch_size=4")
    process = start(folder, *words, command=launcher)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert load_checkpoint(folder / "two" / "last.pt").training["step"] == 2
    assert (folder / "two" / "best.pt").exists()
