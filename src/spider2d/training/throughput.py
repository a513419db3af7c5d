"""Is the loader the bottleneck? Steps per second with real samples, and with one batch kept in memory."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path

import torch

from spider2d.training.distributed import Process
from spider2d.training.fit import Run, batches, build_spec, prepare_forward
from spider2d.training.loader import count_workers
from spider2d.training.run_data import select_series
from spider2d.training.state import TrainingState, new_state
from spider2d.training.train_config import AnyTrainConfig
from spider2d.training.train_step import finish_step, resolve_precision, train_step

WARM_UP_STEPS = 3
"""Steps before the clock starts: they fill caches and choose the kernels."""


@dataclass(frozen=True)
class Throughput:
    """Speeds of one configuration on this machine.

    Attributes:
        loader_samples_per_second: Samples the loader makes while nothing else runs, all workers together.
        workers: Number of worker processes (0 = the training process makes the samples itself).
        real_steps_per_second: Training steps with samples from the loader.
        memory_steps_per_second: Training steps with one batch kept in memory: what a perfect loader gives.
        precision: Precision of the training.
        device: Device of the training.
    """

    loader_samples_per_second: float
    workers: int
    real_steps_per_second: float
    memory_steps_per_second: float
    precision: str
    device: str


def measure_throughput(config: AnyTrainConfig, device: torch.device, n_steps: int = 20) -> Throughput:
    """Measure the loader alone, the training with it, and the training without it.

    Args:
        config: What would be trained; nothing is written.
        device: Where to train.
        n_steps: Steps of each measurement; the configuration must have ten more.

    Raises:
        DatasetError: The slices are missing or unusable.
    """
    process = Process(0, 1, device)
    data = select_series(config)
    precision = resolve_precision(config.training.precision, device)
    run = Run(config, Path(), process, data, precision, tracker=None)
    state = new_state(config, build_spec(config, data), precision, device)
    batch = next(batches(run, 0))
    loader = _seconds_each(batches(run, 0), n_steps)
    real = _seconds_each(_steps(run, state, batches(run, 0)), n_steps)
    memory = _seconds_each(_steps(run, state, repeat(batch)), n_steps)
    return Throughput(
        loader_samples_per_second=config.training.batch_size / loader,
        workers=count_workers(config, process),
        real_steps_per_second=1 / real,
        memory_steps_per_second=1 / memory,
        precision=precision,
        device=device.type,
    )


def _steps(run: Run, state: TrainingState, source: Iterable[dict[str, torch.Tensor]]) -> Iterator[float]:
    """Train on each batch of the source; yield the loss, which waits for the device."""
    forward = prepare_forward(run, state)
    for batch in source:
        figures = train_step(state, forward, batch, run.config, run.precision)
        finish_step(state, run.config)
        yield figures["total"].item()


def _seconds_each(items: Iterator, count: int) -> float:
    """Return the mean time of `count` items, after a warm-up."""
    for _ in islice(items, WARM_UP_STEPS):
        pass
    start = time.perf_counter()
    done = sum(1 for _ in islice(items, count))
    return (time.perf_counter() - start) / done
