"""Measure what nnU-Net's inference costs; run as a process by `nnunet_commands`.

As `reports.measure_cost` does it for our own networks: from file to label file, instances included, in one
process with the network loaded, on the phantom every method is measured on.
"""

import argparse
import io
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spider2d.atomic_write import write_text
from spider2d.cost_file import peak_memory_gb
from spider2d.data.volume import read_volume, to_canonical, write_volume
from spider2d.inference.restack import ClassVolume
from spider2d.inference.segment import label_classes
from spider2d.reports.measure_cost import SLOW_SECONDS, describe_cpu, write_phantom
from spider2d.training.cost import forward_gmac


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="nnU-Net's folder of the trained network")
    parser.add_argument("--mirroring", action="store_true")
    parser.add_argument("--step-size", type=float, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--report", type=Path, required=True)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Measure and write the report."""
    if args.threads:
        torch.set_num_threads(args.threads)
    # nnU-Net reads it when it is imported, and predicts on a CPU with no more threads than that.
    os.environ |= {"nnUNet_def_n_proc": str(torch.get_num_threads())}
    with tempfile.TemporaryDirectory() as folder:
        volume = write_phantom(Path(folder))
        windows = {"use_mirroring": args.mirroring, "tile_step_size": args.step_size}
        figures = measure(args.model, windows, volume, args.repeats)
    write_text(args.report, json.dumps(figures, indent=1) + "\n")


def measure(model: Path, windows: dict[str, Any], volume: Path, repeats: int) -> dict[str, Any]:
    """Measure operations, seconds and memory of one volume, on the CPU and on a GPU where there is one.

    Args:
        model: nnU-Net's folder of the trained network, above its folds.
        windows: Settings of nnU-Net's predictor: ``use_mirroring`` and ``tile_step_size``.
        volume: The volume to segment.
        repeats: Timed runs after one to warm up; the median counts. See also ``SLOW_SECONDS``.

    Returns:
        The keys of ``Cost`` that inference decides, and ``gmac_per_window`` and ``windows``: forward passes
        per volume, those over mirrored windows included.
    """
    predictor = load_predictor(model, windows, "cpu")
    window_shapes: list[tuple[int, ...]] = []
    hook = predictor.network.register_forward_pre_hook(
        lambda _, inputs: window_shapes.append(tuple(inputs[0].shape[1:]))
    )
    first_seconds = segment(predictor, volume)
    hook.remove()
    seconds = _median_seconds(predictor, volume, repeats, first_seconds)
    peak_gb = peak_memory_gb()  # before the counting, which takes memory of its own
    gmac = forward_gmac(predictor.network, window_shapes[0])  # nnU-Net gives its network one window at a time
    shape_sra, spacing_sra_mm = _grid(volume)
    figures = {
        "model_file_mb": weights_mb(predictor.list_of_parameters[0]),
        "gmac_per_window": gmac,
        "windows": len(window_shapes),
        "gmac_per_slice": gmac * len(window_shapes) / shape_sra[0],
        "gmac_per_volume": gmac * len(window_shapes),
        "volume_shape_sra": shape_sra,
        "volume_spacing_sra_mm": spacing_sra_mm,
        "seconds_per_volume": seconds,
        "device": describe_cpu(),
        "inference_precision": "fp32",
        "peak_memory_gb": peak_gb,
    }
    return figures | (_gpu_figures(model, windows, volume, repeats) if torch.cuda.is_available() else {})


def load_predictor(model: Path, windows: dict[str, Any], device: str) -> Any:
    """Return nnU-Net's own predictor with the network of the final checkpoint."""
    # Here and not above: main sets a variable first.
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(**windows, device=torch.device(device), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), (0,))
    return predictor


def segment(predictor: Any, path: Path) -> float:
    """Make the label file of a volume and return the seconds from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        image = read_volume(path)
        array_sra, spacing_sra_mm = to_canonical(image)  # the axis order of the exported volumes
        classes_sra = predictor.predict_single_npy_array(
            array_sra[None].astype(np.float32), {"spacing": list(spacing_sra_mm)}
        )
        segmentation = label_classes(image, ClassVolume(classes_sra.astype(np.uint8), None, None))
        write_volume(Path(folder) / "labels.mha", segmentation.labels)
        return time.perf_counter() - start


def weights_mb(weights: dict[str, torch.Tensor]) -> float:
    """Return the size of a file of the weights alone in MB (10^6 bytes), which is what inference needs.

    nnU-Net's checkpoint holds the optimiser's state too; our ``best.pt`` does not.
    """
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getbuffer().nbytes / 1e6


def _median_seconds(predictor: Any, volume: Path, repeats: int, first_seconds: float) -> float:
    if first_seconds > SLOW_SECONDS:
        return first_seconds
    return statistics.median(segment(predictor, volume) for _ in range(repeats))


def _gpu_figures(model: Path, windows: dict[str, Any], volume: Path, repeats: int) -> dict[str, Any]:
    torch.cuda.reset_peak_memory_stats()
    predictor = load_predictor(model, windows, "cuda")
    return {
        "seconds_per_volume_gpu": _median_seconds(predictor, volume, repeats, segment(predictor, volume)),
        "gpu": torch.cuda.get_device_name(),
        "peak_gpu_memory_gb": torch.cuda.max_memory_allocated() / 1e9,
    }


def _grid(path: Path) -> tuple[list[int], list[float]]:
    array_sra, spacing_sra_mm = to_canonical(read_volume(path))
    return list(array_sra.shape), [round(float(mm), 4) for mm in spacing_sra_mm]


if __name__ == "__main__":
    main(parse_args())
