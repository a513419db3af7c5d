"""Measure speed and peak memory of every stage on the machine at hand.

Phantom series of a fixed size (default 17 x 512 x 512) are written to a temporary folder. Each section runs
in a process of its own, so that its peak memory is its own. Seconds of making, writing, inference and scoring
are medians, the others means.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from spider2d import cli
from spider2d.cost_file import peak_memory_gb
from spider2d.errors import CheckpointError, Spider2dError

CHECKPOINTS = (Path("runs/phantom_2d/best.pt"), Path("demo/runs/phantom_2d/best.pt"))
SECTIONS = ("phantom", "extraction", "loader", "training", "inference", "scoring")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument(
        "--shape",
        nargs=3,
        type=cli.whole_number(1),
        default=(17, 512, 512),
        metavar=("SLICES", "ROWS", "COLS"),
    )
    parser.add_argument("--series", type=cli.whole_number(2), default=6, help="number of series")
    parser.add_argument(
        "--checkpoint", type=Path, help=f"default: the first of {', '.join(map(str, CHECKPOINTS))}"
    )
    parser.add_argument(
        "--threads",
        type=cli.whole_number(1),
        help="CPU threads of the network (default: all cores, in training as configured)",
    )
    parser.add_argument("--run-section", nargs=2, metavar=("SECTION", "FOLDER"), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Run every section in a process of its own and print its figures."""
    if args.run_section:
        section, folder = args.run_section
        figures = SECTION_FUNCTIONS[section](args, Path(folder))
        print(json.dumps(figures | {"peak memory GB": peak_memory_gb() or "not measured on Windows"}))
        return
    if "inference" in args.sections:
        find_checkpoint(args.checkpoint)  # a missing one is told before minutes of work
    with tempfile.TemporaryDirectory() as folder:
        for section in SECTIONS:
            needed_by_others = section in ("phantom", "extraction")
            if section in args.sections or needed_by_others:
                figures = run_in_own_process(section, folder)
                print(f"{section}:")
                for name, value in figures.items():
                    print(f"  {name:<52} {value if isinstance(value, str) else f'{value:.4g}'}")


def run_in_own_process(section: str, folder: str) -> dict[str, float | str]:
    """Run one section of this script in a child process and return the figures it prints."""
    command = [sys.executable, __file__, *sys.argv[1:], "--run-section", section, folder]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode != 0:
        raise Spider2dError(f"the section '{section}' failed; its message stands above")
    return json.loads(done.stdout.splitlines()[-1])


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def benchmark_phantom(args: argparse.Namespace, folder: Path) -> dict:
    """Make the series and write them in SPIDER's form."""
    import numpy as np

    from spider2d.data.phantom.dataset import SeriesPlan, store_series
    from spider2d.data.phantom.series import make_series

    for name in ("images", "masks"):
        (folder / "phantom" / name).mkdir(parents=True)
    making, writing = [], []
    for patient in range(1, args.series + 1):
        start = time.perf_counter()
        series = make_series(patient, ("t1", "t2")[patient % 2], tuple(args.shape), (3.6, 0.625, 0.625))
        making.append(time.perf_counter() - start)
        plan = SeriesPlan(folder / "phantom", 0, patient, series.sequence, "clinical")
        start = time.perf_counter()
        store_series(plan, series, np.random.default_rng(patient))
        writing.append(time.perf_counter() - start)
    return {
        "making, s/series and core": statistics.median(making),
        "writing, s/series": statistics.median(writing),
    }


def benchmark_extraction(args: argparse.Namespace, folder: Path) -> dict:
    """Compare the extraction with merely reading the same files, one core each."""
    from spider2d.data.extract import extract_dataset
    from spider2d.data.spider_files import read_dataset
    from spider2d.data.volume import read_mask, read_volume

    dataset = read_dataset(folder / "phantom")

    def read_all() -> None:
        for series in dataset.series:
            read_volume(series.image_path)
            read_mask(series.mask_path)

    read_all()  # once before, so that both find the files in the cache of the operating system
    reading = seconds_of(read_all) / args.series
    extracting = seconds_of(lambda: extract_dataset(folder / "phantom", folder / "slices")) / args.series
    return {
        "reading, s/series": reading,
        "extraction, s/series": extracting,
        "extraction / reading (target <= 2.5)": extracting / reading,
    }


def benchmark_loader(args: argparse.Namespace, folder: Path) -> dict:
    """Count augmented samples of one process."""
    import cv2

    from spider2d.config import load_config
    from spider2d.data.slice_dataset import SliceSamples
    from spider2d.data.slices import read_manifest
    from spider2d.training.train_config import TrainConfig

    cv2.setNumThreads(1)
    config = load_config(TrainConfig, default_config(), [])
    names = [row.name for row in read_manifest(folder / "slices")]
    samples = SliceSamples(folder / "slices", names, config.data, config.augment, seed=0)
    for number in range(20):
        samples[number]
    n_samples = 300
    seconds = seconds_of(lambda: [samples[number] for number in range(n_samples)])
    patch = "x".join(map(str, config.data.patch_hw))
    return {f"augmented slices of {patch}, slices/s and core": n_samples / seconds}


def benchmark_training(args: argparse.Namespace, folder: Path) -> dict:
    """Compare training steps on the real loader with steps on a batch kept in memory."""
    import torch

    from spider2d.config import load_config
    from spider2d.training.throughput import measure_throughput
    from spider2d.training.train_config import TrainConfig

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = load_config(TrainConfig, default_config(), [f"data.slices={(folder / 'slices').as_posix()}"])
    threads = args.threads or config.training.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    speed = measure_throughput(config, device, n_steps=60)
    return {
        "batch size": config.training.batch_size,
        "loader alone, slices/s": speed.loader_samples_per_second,
        "steps/s with the real loader": speed.real_steps_per_second,
        "steps/s with a batch kept in memory": speed.memory_steps_per_second,
        "run as": f"{speed.precision} on {speed.device}, {threads} threads, {speed.workers} workers",
    }


def benchmark_inference(args: argparse.Namespace, folder: Path) -> dict:
    """Read, segment and write every series with the network loaded, after one series to warm up."""
    from spider2d.checkpoint import load_predictor
    from spider2d.data.volume import read_volume, write_volume
    from spider2d.inference.segment import SegmentOptions, segment_volume
    from spider2d.inference.slicewise import choose_precision

    set_threads(args)
    network, spec = load_predictor(find_checkpoint(args.checkpoint))
    options = SegmentOptions(precision=choose_precision("auto", "cpu"))
    stages: dict[str, list[float]] = {}
    images = sorted((folder / "phantom" / "images").iterdir())
    for number, path in enumerate([images[0], *images]):
        start = time.perf_counter()
        volume = read_volume(path)
        read = time.perf_counter()
        segmentation = segment_volume(volume, network, spec, options)
        segmented = time.perf_counter()
        write_volume(folder / "prediction.mha", segmentation.labels)
        end = time.perf_counter()
        seconds = {"read": read - start, **segmentation.report["seconds"], "write": end - segmented}
        for stage, value in (seconds | {"end to end": end - start}).items():
            if number > 0:
                stages.setdefault(stage, []).append(value)
    figures = {f"{stage}, s/series": statistics.median(values) for stage, values in stages.items()}
    figures["end to end, slowest series, s (target <= 1.5)"] = max(stages["end to end"])
    return figures | {"precision": options.precision}


def benchmark_scoring(args: argparse.Namespace, folder: Path) -> dict:
    """Score every reference against a copy moved by one voxel in plane."""
    import numpy as np

    from spider2d.data.volume import Volume, read_mask
    from spider2d.evaluation.case_score import score_pair

    seconds = []
    for path in sorted((folder / "phantom" / "masks").iterdir()):
        reference = read_mask(path)
        prediction = Volume(np.roll(reference.array_zyx, 1, axis=1), reference.geometry)
        seconds.append(seconds_of(lambda r=reference, p=prediction: score_pair(r, p)))
    return {
        "scoring, s/case": statistics.median(seconds),
        "times faster than the official 12 s (target >= 30)": 12 / statistics.median(seconds),
    }


def default_config() -> Path:
    """Return the configuration whose samples and network are measured."""
    return cli.PROJECT_ROOT / "experiments" / "phantom_2d.yaml"


def find_checkpoint(path: Path | None) -> Path:
    """Return the given checkpoint or the first default one that exists."""
    for candidate in [path] if path else CHECKPOINTS:
        if candidate.is_file():
            return candidate
    raise CheckpointError(f"{path or CHECKPOINTS[0]}: no such checkpoint; make demo makes {CHECKPOINTS[1]}")


def set_threads(args: argparse.Namespace) -> None:
    """Give the network the wanted number of threads."""
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)


SECTION_FUNCTIONS = {
    "phantom": benchmark_phantom,
    "extraction": benchmark_extraction,
    "loader": benchmark_loader,
    "training": benchmark_training,
    "inference": benchmark_inference,
    "scoring": benchmark_scoring,
}

if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
