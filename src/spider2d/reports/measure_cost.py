"""Measure what a checkpoint costs on one volume, by running the real segmentation on it.

Nothing here knows how the network works: operations are counted while ``segment_volume`` runs, so slices,
windows and overlaps count as often as they are really computed, and all architectures are measured alike.
"""

import platform
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from spider2d.checkpoint import load_network
from spider2d.cost_file import Cost, peak_memory_gb
from spider2d.data.phantom.dataset import stored_image, volume_on_grid
from spider2d.data.phantom.series import make_series
from spider2d.data.volume import Volume, from_canonical, read_volume, to_canonical, write_volume
from spider2d.inference.segment import SegmentOptions, segment_volume
from spider2d.inference.slicewise import choose_precision
from spider2d.models.build import ready_to_predict
from spider2d.models.spec import NetworkSpec
from spider2d.models.unet2d import count_parameters

PHANTOM_SHAPE_SRA, PHANTOM_SPACING_SRA_MM = (17, 512, 512), (4.0, 0.6, 0.6)
"""The volume every method is measured on where no other is named."""
SLOW_SECONDS = 20.0
"""A network whose first run takes longer is timed by that run alone: warming up is lost in it."""


def write_phantom(folder: Path) -> Path:
    """Write the phantom every method is measured on, and return its file."""
    series = make_series(1, "t2", PHANTOM_SHAPE_SRA, PHANTOM_SPACING_SRA_MM)
    rng = np.random.default_rng(1)
    like = volume_on_grid(series, rng)
    path = folder / "phantom.mha"
    write_volume(path, from_canonical(stored_image(series, rng), like))
    return path


def measure_cost(
    checkpoint: Path, volume_path: Path, repeats: int = 3, trust_pixel_size: bool = False
) -> Cost:
    """Measure parameters, operations, seconds and memory of inference.

    Call it in a fresh process: the peak memory is that of the process so far.

    Args:
        checkpoint: The network.
        volume_path: The volume to segment.
        repeats: Timed runs after one to warm up; the median counts. See also ``SLOW_SECONDS``.
        trust_pixel_size: As ``infer_volume.py --trust-pixel-size``: without the look of 2D networks
            whether the header may be wrong.

    Returns:
        The cost of inference; nothing about the training.

    Raises:
        CheckpointError: The checkpoint cannot be used.
        VolumeError: The volume cannot be used.
    """
    network, spec, _ = load_network(checkpoint)
    n_parameters = count_parameters(network)  # before norms are folded
    network = ready_to_predict(network, spec, "cpu")
    options = SegmentOptions("cpu", choose_precision("auto", "cpu"), trust_pixel_size=trust_pixel_size)
    seconds = _median_seconds(network, spec, volume_path, options, repeats)
    peak_gb = peak_memory_gb()  # before the counting, which takes memory of its own
    volume = read_volume(volume_path)
    array_sra, spacing_sra_mm = to_canonical(volume)
    gmac = _count_operations(network, spec, volume, trust_pixel_size)
    cost = Cost(
        title=spec.title,
        architecture=spec.architecture,
        dimension=spec.dimension,
        parameters=n_parameters,
        model_file_mb=checkpoint.stat().st_size / 1e6,
        gmac_per_slice=gmac / len(array_sra),
        gmac_per_volume=gmac,
        volume_shape_sra=array_sra.shape,
        volume_spacing_sra_mm=tuple(round(float(mm), 4) for mm in spacing_sra_mm),
        seconds_per_volume=seconds,
        device=describe_cpu(),
        inference_precision=options.precision,
        peak_memory_gb=peak_gb,
    )
    if not torch.cuda.is_available():
        return cost
    return cost.model_copy(update=_gpu_figures(network, spec, volume_path, options, repeats))


def _gpu_figures(
    network: torch.nn.Module, spec: NetworkSpec, volume_path: Path, on_cpu: SegmentOptions, repeats: int
) -> dict:
    torch.cuda.reset_peak_memory_stats()
    options = replace(on_cpu, device="cuda", precision=choose_precision("auto", "cuda"))
    seconds = _median_seconds(network.to("cuda"), spec, volume_path, options, repeats)
    return {
        "seconds_per_volume_gpu": seconds,
        "gpu": torch.cuda.get_device_name(),
        "peak_gpu_memory_gb": torch.cuda.max_memory_allocated() / 1e9,
    }


def _median_seconds(
    network: torch.nn.Module, spec: NetworkSpec, volume_path: Path, options: SegmentOptions, repeats: int
) -> float:
    """Return the seconds from file to label file, the network loaded."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats + 1):
            start = time.perf_counter()
            segmentation = segment_volume(read_volume(volume_path), network, spec, options)
            write_volume(Path(folder) / "labels.mha", segmentation.labels)
            seconds.append(time.perf_counter() - start)
            if seconds[0] > SLOW_SECONDS:
                return seconds[0]
    return statistics.median(seconds[1:])


def _count_operations(
    network: torch.nn.Module, spec: NetworkSpec, volume: Volume, trust_pixel_size: bool
) -> float:
    """Return 10^9 multiply-accumulate operations of one volume."""
    with FlopCounterMode(display=False) as counter:
        segment_volume(volume, network, spec, SegmentOptions(trust_pixel_size=trust_pixel_size))
    return counter.get_total_flops() / 2 / 1e9


def describe_cpu() -> str:
    """Return the processor, by its name where the system tells it, and the number of threads torch uses."""
    return f"{_cpu_name()}, {torch.get_num_threads()} threads"


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
