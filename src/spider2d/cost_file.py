"""``cost.json``: what a method costs, in the same keys for every method, whoever measured them.

The training writes what it knows into the run's folder, ``experiments/measure_cost.py`` adds what inference
takes, and adapters of other programs write the same file. A key that was not measured is left out or null: it
is shown as "n/a" and never guessed.
"""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from spider2d.atomic_write import write_text
from spider2d.config import ConfigModel, check_config
from spider2d.errors import ConfigError

COST_NAME = "cost.json"

Dimension = Literal["2D", "2.5D", "3D"]
Amount = Annotated[float, Field(ge=0)]
Whole = Annotated[int, Field(ge=0)]


class Cost(ConfigModel):
    """What is known of a method's cost; None = not measured. GB and MB are 10^9 and 10^6 bytes.

    Attributes:
        title: Name of the network for readers.
        architecture: Name of its builder.
        dimension: Of what the network sees at once: "2D", "2.5D" (neighbouring slices as channels) or "3D".
        parameters: Number of parameters.
        model_file_mb: Size of the file or files needed for inference.
        gmac_per_slice: ``gmac_per_volume`` divided by the volume's slices.
        gmac_per_volume: 10^9 multiply-accumulate operations of convolutions and matrix products that are
            executed for one volume: all slices, windows and overlaps.
        volume_shape_sra: Slices, rows and columns of the volume this was measured on.
        volume_spacing_sra_mm: Its spacing.
        seconds_per_volume: From file to label file with the network loaded, on the CPU.
        device: The CPU and its number of threads.
        inference_precision: Of the network on that CPU.
        peak_memory_gb: Largest resident memory of the process that measured ``seconds_per_volume``.
        seconds_per_volume_gpu: The same on a GPU.
        gpu: Name of that GPU.
        peak_gpu_memory_gb: Largest memory taken on that GPU.
        training_seconds: Wall time of the training.
        training_peak_memory_gb: Largest resident memory of the training, on a GPU the largest memory
            taken on it.
        training_device: What it ran on.
        steps: Optimiser steps of the training that were done.
        planned_steps: Steps it was meant to do; more than ``steps`` when it was cut short.
        batch_size: Samples per step.
        precision: Of the training.
        threads: CPU threads of the training.
        processes: Processes that trained together.
    """

    title: str | None = None
    architecture: str | None = None
    dimension: Dimension | None = None
    parameters: Whole | None = None
    model_file_mb: Amount | None = None
    gmac_per_slice: Amount | None = None
    gmac_per_volume: Amount | None = None
    volume_shape_sra: tuple[Whole, Whole, Whole] | None = None
    volume_spacing_sra_mm: tuple[Amount, Amount, Amount] | None = None
    seconds_per_volume: Amount | None = None
    device: str | None = None
    inference_precision: str | None = None
    peak_memory_gb: Amount | None = None
    seconds_per_volume_gpu: Amount | None = None
    gpu: str | None = None
    peak_gpu_memory_gb: Amount | None = None
    training_seconds: Amount | None = None
    training_peak_memory_gb: Amount | None = None
    training_device: str | None = None
    steps: Whole | None = None
    planned_steps: Whole | None = None
    batch_size: Whole | None = None
    precision: str | None = None
    threads: Whole | None = None
    processes: Whole | None = None

    @property
    def volume(self) -> str | None:
        """The measured volume in words, or None."""
        if self.volume_shape_sra is None or self.volume_spacing_sra_mm is None:
            return None
        shape = " x ".join(map(str, self.volume_shape_sra))
        return f"{shape} at {' x '.join(f'{mm:g}' for mm in self.volume_spacing_sra_mm)} mm"


def read_cost(path: Path) -> Cost:
    """Read a cost file.

    Raises:
        ConfigError: It cannot be read, is no JSON object, or holds an unknown key or an impossible value.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable as JSON: {error}. Measure the cost again.") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: a cost file holds one JSON object, found a {type(tree).__name__}")
    return check_config(Cost, tree, source=str(path))


def write_cost(path: Path, cost: Cost) -> None:
    """Write a cost file, without the keys that were not measured."""
    write_text(path, json.dumps(cost.model_dump(mode="json", exclude_none=True), indent=1) + "\n")


def add_cost(known: Cost, measured: Cost) -> Cost:
    """Return one cost: what was measured, and for the rest what was known before."""
    return known.model_copy(update=measured.model_dump(exclude_none=True))


def peak_memory_gb() -> float | None:
    """Return the largest resident memory of this process so far in GB (10^9 bytes); None on Windows.

    On Linux it is ``VmHWM``: ``ru_maxrss``, which is taken where there is none, holds the memory of the
    process that started this one too.
    """
    if sys.platform == "win32":
        return None
    import resource

    status = Path("/proc/self/status")
    own = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text() if status.is_file() else "", re.MULTILINE)
    if own:
        return int(own[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
