"""Batches of numbered samples: step and process decide the numbers.

So resuming is exact, and several processes see the samples that one would; their losses are means of each
one's part of the batch, so the weights differ a little from those of one process.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import DataLoader, Dataset

from spider2d.data.parallel import usable_cores
from spider2d.data.slice_dataset import start_loader_worker
from spider2d.errors import ConfigError, Spider2dError
from spider2d.training.distributed import Process
from spider2d.training.train_config import AnyTrainConfig, TrainConfig

MAX_AUTO_WORKERS = 12


class WorkerLostError(Spider2dError):
    """A loader worker was killed."""


@dataclass(frozen=True)
class NumberedBatches:
    """Sample numbers of the steps first_step .. last_step - 1 for one process.

    The global batch of step s is s * batch_size .. (s + 1) * batch_size - 1; rank r takes the r-th of its
    equal parts.
    """

    first_step: int
    last_step: int
    batch_size: int
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        return max(0, self.last_step - self.first_step)

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch_size // self.world_size
        for step in range(self.first_step, self.last_step):
            start = step * self.batch_size + self.rank * share
            yield list(range(start, start + share))


def check_batch(config: AnyTrainConfig, process: Process) -> None:
    """Check that the processes can share a batch, and that the network's norms can work with it.

    Raises:
        ConfigError: It is no multiple of their number, or a process gets one patch that the encoder, which
            halves it five times, shrinks to a single pixel: no statistics can be taken over one value.
    """
    batch_size = config.training.batch_size
    if batch_size % process.world_size:
        raise ConfigError(
            f"training.batch_size = {batch_size} cannot be shared by {process.world_size} processes; "
            "it must be a multiple of their number"
        )
    if not isinstance(config, TrainConfig):
        return  # the norms of 3D networks work on single samples
    height, width = config.data.patch_hw
    if batch_size // process.world_size * (height // 32) * (width // 32) < 2:
        raise ConfigError(
            f"one patch of {height} x {width} per process is too little to train on; "
            "set a larger training.batch_size or data.patch_hw"
        )


def build_loader(
    samples: Dataset, first_step: int, last_step: int, batch_size: int, workers: int, process: Process
) -> DataLoader:
    """Return a loader of the batches of the steps first_step .. last_step - 1 of this process.

    Args:
        samples: Maps a sample number to a dict of tensors.
        first_step: First step to load.
        last_step: Step before which to end.
        batch_size: Samples per step of all processes together.
        workers: Processes that make samples.
        process: This process.
    """
    return DataLoader(
        samples,
        batch_sampler=NumberedBatches(first_step, last_step, batch_size, process.rank, process.world_size),
        num_workers=workers,
        # Spawned: a forked worker hangs when this process has used OpenCV's or OpenMP's threads before.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=start_loader_worker,
        pin_memory=process.device.type == "cuda",
        prefetch_factor=4 if workers else None,
    )


def start_loading(loader: DataLoader) -> Iterator:
    """Start the workers and return the batches; Ctrl-C, which reaches the workers too, stops us, not them.

    Raises:
        WorkerLostError: While batches are taken: a worker was killed.
        Spider2dError: While batches are taken: a sample cannot be made.
    """
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # new processes inherit it
    try:
        batches = iter(loader)
    finally:
        signal.signal(signal.SIGINT, previous)
    return _until_an_error(batches)


def _until_an_error(batches: Iterator) -> Iterator:
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 (it is raised below)
            explained = _explain(error)
            break
        yield batch
    # The last reference: the workers end. They are deaf to the signal by which Python ends them at its exit,
    # and would be waited for without end where a traceback still holds them.
    del batches
    raise explained


def _explain(error: Exception) -> Exception:
    """Return the error for the user, without the frames of torch, which hold the workers."""
    error = error.with_traceback(None)
    if isinstance(error, Spider2dError):  # torch puts the worker's traceback before its message
        explained = Spider2dError(str(error).rpartition(f"{type(error).__name__}: ")[2].strip())
    elif isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker (pid"):
        explained = WorkerLostError(
            "a process that makes samples was killed, usually for want of memory (or of shared memory, "
            "/dev/shm): go on from the last saved step with --resume and fewer of them, --set "
            "training.workers=N"
        )
    else:
        return error
    explained.__cause__ = error
    return explained


def count_workers(config: AnyTrainConfig, process: Process) -> int:
    """Return the number of workers of one process: as configured, or by the machine.

    Raises:
        ConfigError: Several workers would each make the same phantoms.
    """
    wanted = config.training.workers
    workers = auto_workers(process) if wanted == "auto" else wanted
    if not isinstance(config, TrainConfig) or not config.data.synthetic:
        return workers
    streams = config.data.synthetic.streams
    if wanted == "auto":
        # One at least, however few the cores: making a phantom costs as much as training on it.
        return max(count for count in range(1, max(1, workers) + 1) if streams % count == 0)
    if workers > 1 and streams % workers:
        raise ConfigError(
            f"training.workers = {workers}, but data.synthetic.streams = {streams}: several workers would"
            f" make the same phantoms. Add --set data.synthetic.streams={workers}"
        )
    return workers


def auto_workers(process: Process) -> int:
    """Choose the number of workers of one process.

    On a GPU: all cores but one, shared by the processes, at most `MAX_AUTO_WORKERS`. On a CPU the network
    keeps all cores busy, and a sample costs a hundredth of its own training: one worker per four cores, and
    none below that, where a worker only takes time from the network's threads, which wait for each other.
    """
    share = usable_cores() // process.world_size
    if process.device.type == "cuda":
        return max(1, min(share - 1, MAX_AUTO_WORKERS))
    return share // 4
