"""Work on independent items in several processes, with a progress bar."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

import cv2
from tqdm import tqdm

from spider2d.errors import Spider2dError

MAX_WINDOWS_WORKERS = 61
"""What Python's process pools allow there."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return the number of cores this process may use; a container or job often gets a part of them only."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, description: str
) -> Iterator[tuple[Item, Result]]:
    """Yield (item, work(item)) as they finish.

    Args:
        work: Function of one item, importable by other processes.
        items: What to work on.
        workers: Number of processes; with 1 everything happens in this one, in order.
        description: Text beside the progress bar.

    Raises:
        Spider2dError: A process was killed from outside, usually for want of memory.
    """
    with tqdm(total=len(items), desc=description, disable=not items) as progress:
        for item, result in _results(work, items, min(workers, len(items))):
            progress.update()
            yield item, result


def _results(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[tuple[Item, Result]]:
    if workers <= 1:
        yield from ((item, work(item)) for item in items)
        return
    # Spawned everywhere, not only on Windows: a fork copies locks held by the parent's threads.
    workers = min(workers, MAX_WINDOWS_WORKERS) if sys.platform == "win32" else workers
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        item_of = {pool.submit(work, item): item for item in items}
        for future in as_completed(item_of):
            yield item_of[future], future.result()
    except BrokenProcessPool as error:
        raise Spider2dError(
            "a worker process was killed, usually for want of memory: "
            f"run again with fewer than {workers} --workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Keep a worker to one core, and end it when its parent is killed (it would wait for ever)."""
    cv2.setNumThreads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    connection.wait([parent_process().sentinel])
    os._exit(1)
