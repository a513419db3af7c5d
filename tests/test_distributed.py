import os
import socket

import pytest
import torch
import torch.multiprocessing as mp
from tiny_slices import tiny_config, write_slices
from torch import nn

from spider2d.checkpoint import load_checkpoint
from spider2d.training import distributed, state
from spider2d.training import fit as fit_module
from spider2d.training.distributed import Process, join_processes
from spider2d.training.interrupt import StopRequest

CPU = torch.device("cpu")


class StopsAfterTwo(StopRequest):
    """Wants to stop after the second step."""

    asked = 0

    @property
    def reason(self):
        self.asked += 1
        return "SIGTERM" if self.asked >= 2 else None


def in_process(rank, port, folder, slices):
    """Everything two processes are asked for in these tests, in one go: starting them takes seconds."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with join_processes() as process:
        result = {
            "parts": small_parts(process),
            "trained": train(process, whole_run(slices), folder / "two", StopRequest()),
            "stopped": train(process, long_run(slices), folder / "stopped", stop_in_rank_1(process)),
        }
    torch.save(result, folder / f"rank{rank}.pt")


def whole_run(slices):
    return tiny_config(
        slices,
        data={"patch_hw": [64, 64]},
        training={"steps": 4, "batch_size": 16},
        validation={"every_steps": 4},
    )


def long_run(slices):
    return tiny_config(slices, training={"steps": 50, "batch_size": 4})


def stop_in_rank_1(process):
    return StopsAfterTwo() if process.rank == 1 else StopRequest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module")
def slices(folder):
    return write_slices(folder)


@pytest.fixture(scope="module")
def ranks(folder, slices):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(in_process, (port, folder, slices), nprocs=2)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def small_parts(process):
    """Gradients, buffers, reasons and lists of two processes; rank r sees the value r + 1."""
    value = float(process.rank + 1)
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.ones_(network[0].weight)
    wrapped = distributed.wrap_network(network[0], process)
    wrapped(torch.full((1, 1), value)).sum().backward()
    network[1].running_mean.fill_(value)
    distributed.average_buffers(network, process)
    return {
        "gradient": network[0].weight.grad.item(),
        "mean": network[1].running_mean.item(),
        "counter": int(network[1].num_batches_tracked),
        "stop": distributed.agree_on_stop(("time", "SIGINT")[process.rank], process),
        "gathered": distributed.gather_lists([process.rank], process),
    }


def train(process, config, folder, stop):
    """Train; return how it ended and the weights in this process."""
    states = []
    with pytest.MonkeyPatch.context() as patch:
        real = state.new_state
        patch.setattr(fit_module, "new_state", lambda *args: states.append(real(*args)) or states[-1])
        result = fit_module.fit(config, folder, process, stop)
    return {
        "step": result.step,
        "stopped_by": result.stopped_by,
        "weights": dict(states[0].network.state_dict()),
        "average": dict(states[0].ema.state_dict()),
    }


def test_processes_tell_each_other_what_they_must(ranks):
    assert ranks[0]["parts"] == ranks[1]["parts"]
    expected = {"gradient": 1.5, "mean": 1.5, "counter": 0, "stop": "SIGINT", "gathered": [0, 1]}
    assert ranks[0]["parts"] == expected


@pytest.mark.parametrize("kind", ["weights", "average"])
def test_all_processes_end_with_the_same_weights(ranks, kind):
    first, second = (rank["trained"][kind] for rank in ranks)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_only_rank_0_writes(ranks, folder):
    assert len(list((folder / "two").glob("events.*"))) == 1
    assert len((folder / "two" / "metrics.jsonl").read_text().splitlines()) == 5


def test_two_processes_go_where_one_goes(ranks, folder, slices):
    """Equal but for the norms, which see half a batch each."""
    config = whole_run(slices)
    fit_module.fit(config, folder / "one", Process(0, 1, CPU), StopRequest())
    last = load_checkpoint(folder / "one" / "last.pt")
    start = dict(state.new_state(config, last.spec, "fp32", CPU).network.named_parameters())
    one, two = last.training["network"], ranks[0]["trained"]["weights"]
    ways = [torch.cat([(end[name] - start[name]).flatten() for name in start]) for end in (one, two)]
    assert torch.cosine_similarity(*ways, dim=0) > 0.5


def test_a_stop_in_one_process_stops_all_at_the_same_step(ranks, folder):
    ends = [(rank["stopped"]["step"], rank["stopped"]["stopped_by"]) for rank in ranks]
    assert ends == [(2, "SIGTERM")] * 2
    assert load_checkpoint(folder / "stopped" / "last.pt").training["step"] == 2


def test_one_process_needs_no_group():
    with join_processes() as process:
        assert (process.rank, process.world_size, process.is_main) == (0, 1, True)
        network = nn.Linear(1, 1)
        assert distributed.wrap_network(network, process) is network
        assert distributed.agree_on_stop(None, process) is None
        assert distributed.gather_lists([3], process) == [3]
        distributed.barrier(process)
