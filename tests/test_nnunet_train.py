import sys
import types

import pytest
import torch

from spider2d.baselines import nnunet_train
from spider2d.baselines.nnunet_train import describe, epoch_seconds, newest_checkpoint, parse_args, run


class Trainer:
    """Has the loop of nnU-Net's trainer; an epoch takes a minute of a false clock."""

    def __init__(self, clock, epochs=5, start=0):
        self.clock, self.num_epochs, self.current_epoch = clock, epochs, start
        self.final = None

    def run_training(self):
        for _ in range(self.current_epoch, self.num_epochs):
            self.clock.now += 60
            self.on_epoch_end()
        self.on_train_end()

    def on_epoch_end(self):
        self.current_epoch += 1

    def on_train_end(self):
        assert self.final is None, "the final checkpoint is written once"
        self.final = self.current_epoch


@pytest.fixture
def clock(monkeypatch):
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(nnunet_train.time, "perf_counter", lambda: clock.now)
    return clock


@pytest.mark.parametrize(("minutes", "epochs"), [(None, 5), (0, 1), (2, 2), (2.5, 3), (5, 5), (9, 5)])
def test_training_ends_after_the_epoch_in_which_the_time_is_up(clock, minutes, epochs):
    trainer = Trainer(clock)
    run(trainer, minutes)
    assert (trainer.final, trainer.current_epoch) == (epochs, epochs)


def test_a_resumed_training_has_the_whole_time_again(clock):
    trainer = Trainer(clock, start=2)
    run(trainer, 2)
    assert trainer.final == 4


def test_going_on_takes_the_newest_checkpoint(tmp_path):
    (tmp_path / "checkpoint_best.pth").touch()
    assert newest_checkpoint(tmp_path).name == "checkpoint_best.pth"
    (tmp_path / "checkpoint_final.pth").touch()  # a training that the time limit ended ...
    assert newest_checkpoint(tmp_path).name == "checkpoint_final.pth"
    (tmp_path / "checkpoint_latest.pth").touch()  # ... went on and was killed
    assert newest_checkpoint(tmp_path).name == "checkpoint_latest.pth"


def test_the_report_names_a_narrower_network_and_the_memory_of_its_own_process():
    trainer = types.SimpleNamespace(
        configuration_manager=types.SimpleNamespace(batch_size=2, patch_size=[8, 32, 32], spacing=[4, 1, 1]),
        network=torch.nn.Conv3d(1, 1, 1),
        logger=types.SimpleNamespace(
            get_checkpoint=lambda: {"epoch_start_timestamps": [1.0], "epoch_end_timestamps": [3.5]}
        ),
        current_epoch=1,
    )
    words = ["--configuration", "3d_fullres", "--plans", "spider2dPlans_8", "--epochs", "2"]
    args = parse_args([*words, "--iterations", "25", "--device", "cpu", "--report", "r.json"])
    report = describe(trainer, args)
    assert report["title"] == "nnU-Net 3d_fullres, 8 of 32 base features"
    assert (report["steps"], report["planned_steps"], report["training_seconds"]) == (25, 50, 2.5)
    assert sys.platform == "win32" or 0.01 < report["peak_memory_gb"] < 500


def test_seconds_are_those_of_the_epochs_without_the_pause_before_a_resume():
    log = {"epoch_start_timestamps": [100, 900, 930], "epoch_end_timestamps": [120, 930, 935]}
    assert epoch_seconds(log) == 20 + 30 + 5
