"""One volume in, one label volume and its report out: the stages of inference in their order."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from spider2d.data.prepare import check_extent, prepare_stack, rows_with_image
from spider2d.data.volume import Volume, from_canonical, to_canonical
from spider2d.errors import VolumeError
from spider2d.inference.front_back import is_front_back_exchanged
from spider2d.inference.instances import label_instances
from spider2d.inference.look import Viewer
from spider2d.inference.pixel_check import believable_spacing
from spider2d.inference.predict import forward_size, predict_stack
from spider2d.inference.report import describe_instances, find_warnings
from spider2d.inference.restack import ClassVolume, restack
from spider2d.inference.saturation import MAX_WHITE_SHARE_BESIDE_BODIES, drop_saturated_bone
from spider2d.models.spec import ModelSpec, NetworkSpec

CPU_BATCH_PIXELS = 512 * 512
"""One slice of 512 x 512: on a CPU larger batches leave the cache (measured: 4 slices at once take 1.1-1.3
times as long, 17 slices 2.3 times) and need about 400 bytes per pixel."""
CPU_BATCH_VOXELS = 2 * 512 * 512
"""Of windows of 3D networks: torch's convolutions of single small windows are two to four times slower."""
CUDA_BYTES_PER_PIXEL = 1500
"""What a pixel may take: several times the 400 bytes of a CPU, for workspaces and larger encoders."""
MAX_CUDA_BATCH_PIXELS = 64 * 512 * 512


@dataclass(frozen=True)
class SegmentOptions:
    """How to run the network.

    Attributes:
        device: Torch device of the network, "cpu" or "cuda".
        precision: "fp32" or "bf16" (autocast).
        batch_pixels: Pixels per forward pass; None chooses by the device's memory.
        test_time_augmentation: Average over variants of each slice; None = where there is a single one, which
            gains most by it and takes no time.
        trust_pixel_size: Believe the header, whatever the image looks like (3D networks do).
    """

    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_pixels: int | None = None
    test_time_augmentation: bool | None = None
    trust_pixel_size: bool = False


@dataclass(frozen=True)
class Segmentation:
    """Label volume on the input's grid, and the report for its JSON file."""

    labels: Volume
    report: dict[str, Any]


@dataclass
class Stopwatch:
    """Seconds by stage, in the order the stages ran."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time the block takes to stage ``name``."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def segment_volume(
    volume: Volume, network: torch.nn.Module, spec: NetworkSpec, options: SegmentOptions | None = None
) -> Segmentation:
    """Segment one volume into SPIDER labels on its own grid.

    Args:
        volume: The image.
        network: Network in evaluation mode on ``options.device``.
        spec: What the network expects.
        options: How to run it; None = on the CPU in fp32.

    Returns:
        Integer labels with exactly the volume's grid, and the report: instances (see
        ``describe_instances``), warnings (see ``find_warnings``), shape and spacing, seconds by stage.

    Raises:
        VolumeError: The image is constant, or its spacing cannot be true.
    """
    options = options or SegmentOptions()
    watch = Stopwatch()
    array_sra, spacing_sra_mm = to_canonical(volume)
    check_extent(array_sra.shape, spacing_sra_mm)
    is_exchanged = False
    if isinstance(spec, ModelSpec) and not options.trust_pixel_size:
        viewer = Viewer(network, spec, options.device, options.precision)
        with watch.stage("header check"):
            spacing_sra_mm, seen = believable_spacing(viewer, array_sra, spacing_sra_mm)
            is_exchanged = is_front_back_exchanged(viewer, array_sra, spacing_sra_mm, seen)
    with watch.stage("prepare"):
        stack_shw, window = prepare_stack(array_sra, spacing_sra_mm, spec.pixel_size_mm)
    wanted = options.test_time_augmentation
    augmented = len(stack_shw) == 1 if wanted is None else wanted
    batches = predict_stack(
        network,
        stack_shw,
        spacing_sra_mm[0],
        spec,
        batch_size=choose_batch_size(forward_size(spec, stack_shw.shape[1:]), options),
        test_time_augmentation=augmented,
        device=options.device,
        precision=options.precision,
    )
    with watch.stage("restack"):
        class_volume = restack(_timed(batches, watch), array_sra.shape, spec.offset_head, spec.outline_level)
    watch.seconds["restack"] -= watch.seconds["network"]
    extra = {"intensity_window": [window.low, window.high], "test_time_augmentation": augmented}
    return label_classes(volume, class_volume, watch, extra, spacing_sra_mm, is_exchanged)


def label_classes(
    volume: Volume,
    class_volume: ClassVolume,
    watch: Stopwatch | None = None,
    extra: dict[str, Any] | None = None,
    seen_sra_mm: tuple[float, float, float] | None = None,
    is_exchanged: bool = False,
) -> Segmentation:
    """Turn a class map, whoever predicted it, into SPIDER labels on the volume's own grid and a report.

    Args:
        volume: The image.
        class_volume: Classes on its canonical grid; without confidence the report has None for it.
        watch: Seconds of the stages so far; None = this is the first.
        extra: Entries of the report that the prediction adds.
        seen_sra_mm: Spacing the image was seen with, where the header's is not believed; None = the header's.
        is_exchanged: Whether front and back seem to be exchanged.

    Raises:
        VolumeError: The class map does not lie on the volume's grid.
    """
    watch = watch or Stopwatch()
    shape_sra, spacing_sra_mm = volume.geometry.shape_sra, volume.geometry.spacing_sra_mm
    seen_sra_mm = seen_sra_mm or spacing_sra_mm
    if class_volume.classes_sra.shape != shape_sra:
        raise VolumeError(f"class map {class_volume.classes_sra.shape} for an image of shape {shape_sra}")
    with watch.stage("instances"):
        array_sra, _ = to_canonical(volume)
        rows, offsets_rc_mm = rows_with_image(array_sra), class_volume.offsets_rc_mm
        classes_sra = drop_saturated_bone(class_volume.classes_sra, array_sra)
        result = label_instances(classes_sra, seen_sra_mm, offsets_rc_mm, rows)
        if result.beside_bodies:
            classes_sra = drop_saturated_bone(classes_sra, array_sra, MAX_WHITE_SHARE_BESIDE_BODIES)
            result = label_instances(classes_sra, seen_sra_mm, offsets_rc_mm, rows)
    with watch.stage("report"):
        instances = describe_instances(result.labels_sra, class_volume.confidence_sra, volume.geometry)
        labels = from_canonical(result.labels_sra, volume)
    report = {
        "shape_sra": list(shape_sra),
        "spacing_sra_mm": [round(float(mm), 5) for mm in spacing_sra_mm],
        "seen_spacing_sra_mm": [round(float(mm), 5) for mm in seen_sra_mm],
        **(extra or {}),
        "instances": instances,
        "warnings": find_warnings(
            instances, result, volume.geometry, seen_sra_mm, is_exchanged, volume.directions_stated
        ),
        "seconds": watch.seconds,
    }
    return Segmentation(labels, report)


def choose_batch_size(size: tuple[int, ...], options: SegmentOptions) -> int:
    """Return how many slices (or windows) of a size go through the network at once (at least 1)."""
    budget = options.batch_pixels
    if budget is None and torch.device(options.device).type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info()
        budget = min(free_bytes // (2 * CUDA_BYTES_PER_PIXEL), MAX_CUDA_BATCH_PIXELS)
    if budget is None:
        budget = CPU_BATCH_PIXELS if len(size) == 2 else CPU_BATCH_VOXELS
    return max(1, budget // math.prod(size))


def _timed(batches: Iterator, watch: Stopwatch) -> Iterator:
    """Yield the batches and count the time they take to be made as stage "network"."""
    while True:
        with watch.stage("network"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch
