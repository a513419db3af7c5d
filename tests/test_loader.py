import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from spider2d.errors import ConfigError, DatasetError, Spider2dError
from spider2d.training.distributed import Process
from spider2d.training.loader import (
    NumberedBatches,
    WorkerLostError,
    auto_workers,
    build_loader,
    check_batch,
    count_workers,
    start_loading,
)
from spider2d.training.train_config import TrainConfig

CPU = torch.device("cpu")


class Numbers(Dataset):
    def __getitem__(self, number):
        return {"number": torch.tensor(number)}


def numbers_of(first, last, batch, rank=0, world=1, workers=0):
    loader = build_loader(Numbers(), first, last, batch, workers, Process(rank, world, CPU))
    return [item["number"].tolist() for item in start_loading(loader)]


def test_batches_of_one_process_count_on():
    assert numbers_of(0, 3, 2) == [[0, 1], [2, 3], [4, 5]]


def test_resumed_batches_are_those_an_uninterrupted_run_would_see():
    assert numbers_of(2, 5, 4) == numbers_of(0, 5, 4)[2:]


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_processes_share_each_global_batch(world):
    shares = [numbers_of(1, 4, 6, rank, world) for rank in range(world)]
    for step in range(3):
        assert sum((share[step] for share in shares), []) == list(range(6 * (step + 1), 6 * (step + 2)))


def test_workers_change_nothing():
    assert numbers_of(0, 4, 2, workers=2) == numbers_of(0, 4, 2)


def test_ctrl_c_reaches_us_as_before_after_the_workers_were_started():
    before = signal.getsignal(signal.SIGINT)
    numbers_of(0, 1, 1)
    assert signal.getsignal(signal.SIGINT) == before


def test_finished_run_has_no_batches():
    assert numbers_of(5, 5, 2) == []
    assert len(NumberedBatches(7, 5, 2)) == 0


def test_batch_that_cannot_be_shared_is_refused():
    config = TrainConfig(training={"batch_size": 6})
    check_batch(config, Process(0, 3, CPU))
    with pytest.raises(ConfigError, match="batch_size = 6 cannot be shared by 4"):
        check_batch(config, Process(0, 4, CPU))


def test_batch_too_small_for_the_norms_is_refused():
    small = {"patch_hw": (32, 32)}
    check_batch(TrainConfig(data=small, training={"batch_size": 2}), Process(0, 1, CPU))
    with pytest.raises(ConfigError, match="one patch of 32 x 32 per process"):
        check_batch(TrainConfig(data=small, training={"batch_size": 2}), Process(0, 2, CPU))


class KilledAtThree(Dataset):
    def __getitem__(self, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def test_a_worker_that_was_killed_is_named_as_what_it_is():
    batches = start_loading(build_loader(KilledAtThree(), 0, 4, 1, 1, Process(0, 1, CPU)))
    with pytest.raises(WorkerLostError, match=r"memory.*--resume.*training\.workers"):
        list(batches)


def test_workers_must_not_make_the_same_phantoms(monkeypatch):
    def config(workers, streams):
        data = {"synthetic": {"streams": streams}}
        return TrainConfig(data=data, training={"workers": workers})

    process = Process(0, 1, CPU)
    assert [count_workers(config(n, 4), process) for n in (0, 1, 2, 4)] == [0, 1, 2, 4]
    assert count_workers(config(1, 1), process) == 1
    with pytest.raises(ConfigError, match=r"data.synthetic.streams=3$"):
        count_workers(config(3, 4), process)
    monkeypatch.setattr("spider2d.training.loader.auto_workers", lambda _: 12)
    assert [count_workers(config("auto", streams), process) for streams in (1, 4, 12)] == [1, 4, 12]
    monkeypatch.setattr("spider2d.training.loader.auto_workers", lambda _: 11)
    assert [count_workers(config("auto", streams), process) for streams in (1, 12, 60)] == [1, 6, 10]
    monkeypatch.setattr("spider2d.training.loader.auto_workers", lambda _: 0)
    assert count_workers(config("auto", 12), process) == 1
    assert count_workers(TrainConfig(training={"workers": 5}), process) == 5


def test_automatic_workers_leave_room_for_the_network(monkeypatch):
    gpu = torch.device("cuda", 0)
    expected = {(1, CPU): 0, (2, CPU): 0, (4, CPU): 1, (16, CPU): 4, (1, gpu): 1, (8, gpu): 7, (64, gpu): 12}
    for (cores, device), workers in expected.items():
        monkeypatch.setattr("spider2d.training.loader.usable_cores", lambda cores=cores: cores)
        assert auto_workers(Process(0, 1, device)) == workers
    monkeypatch.setattr("spider2d.training.loader.usable_cores", lambda: 16)
    assert auto_workers(Process(0, 4, gpu)) == 3


class GoneAtThree(Dataset):
    def __init__(self, error=DatasetError):
        self.error = error

    def __getitem__(self, number):
        if number == 3:
            raise self.error("slices/1_t1: no such folder. Extract: the slices again")
        return {"number": torch.tensor(number)}


def test_an_error_in_a_worker_is_its_own_message_without_a_traceback():
    loader = build_loader(GoneAtThree(), 0, 4, 1, 1, Process(0, 1, CPU))
    with pytest.raises(Spider2dError) as caught:
        list(start_loading(loader))
    assert str(caught.value) == "slices/1_t1: no such folder. Extract: the slices again"


@pytest.mark.parametrize("error", ["DatasetError", "ValueError"])
def test_an_error_in_a_worker_ends_the_program(error):
    program = (
        "from test_loader import *\n"
        f"loader = build_loader(GoneAtThree({error}), 0, 4, 1, 1, Process(0, 1, CPU))\n"
        "for _ in start_loading(loader): pass"
    )
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, timeout=120)
    assert done.returncode == 1 and b"slices/1_t1: no such folder" in done.stderr
