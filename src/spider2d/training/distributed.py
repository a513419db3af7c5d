"""One process or several (torchrun): who am I, and the few things the processes tell each other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

STOP_REASONS = (None, "time", "SIGINT", "SIGTERM")
"""Reasons to stop before the end, the weightier later."""


@dataclass(frozen=True)
class Process:
    """This process among all of the training.

    Attributes:
        rank: Number of this process; 0 writes files and prints.
        world_size: Number of processes.
        device: Where this process computes.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0


@contextmanager
def join_processes() -> Iterator[Process]:
    """Join the processes torchrun started (a plain call is a group of one) and leave them at the end."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    device = _choose_device(int(os.environ.get("LOCAL_RANK", "0")))
    if world_size == 1:
        yield Process(0, 1, device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Process(dist.get_rank(), world_size, device)
    finally:
        dist.destroy_process_group()


def wrap_network(network: nn.Module, process: Process) -> nn.Module:
    """Return the network as it is called in training: with gradients averaged over the processes."""
    if process.world_size == 1:
        return network
    device_ids = [process.device.index] if process.device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(network, device_ids=device_ids)


@torch.no_grad()
def average_buffers(network: nn.Module, process: Process) -> None:
    """Average the floating-point buffers (running statistics) over the processes, in one message."""
    if process.world_size == 1:
        return
    buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    if not buffers:  # instance norms keep no statistics
        return
    flat = torch.cat([buffer.flatten() for buffer in buffers])
    dist.all_reduce(flat)
    means = (flat / process.world_size).split([buffer.numel() for buffer in buffers])
    for buffer, mean in zip(buffers, means, strict=True):
        buffer.copy_(mean.view_as(buffer))


def agree_on_stop(reason: str | None, process: Process) -> str | None:
    """Return one reason to stop for all processes, so that all leave the loop after the same step."""
    if process.world_size == 1:
        return reason
    number = torch.tensor(STOP_REASONS.index(reason), device=process.device)
    dist.all_reduce(number, op=dist.ReduceOp.MAX)
    return STOP_REASONS[int(number.item())]


def barrier(process: Process) -> None:
    """Wait until every process is here."""
    if process.world_size > 1:
        dist.barrier()


def gather_lists(items: list, process: Process) -> list:
    """Return the items of all processes, in the order of their ranks."""
    if process.world_size == 1:
        return items
    gathered: list[list] = [[] for _ in range(process.world_size)]
    dist.all_gather_object(gathered, items)
    return [item for part in gathered for item in part]


def _choose_device(local_rank: int) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
