"""Segment lumbar-spine MR volumes: vertebrae, discs and spinal canal, on the grid of each input.

INPUT is any number of files (.mha .mhd .nii .nii.gz .nrrd), DICOM series folders, or folders of such.
Written per volume: OUTPUT/<name>.mha, the labels (1, 2, ... vertebrae from the bottom, 201, ... discs, 100
the canal), and OUTPUT/<name>.json (volume, position and confidence of each structure, warnings, times).
Files of a former run are replaced, unless --skip-existing is given; its label maps are never taken for images
when they lie in an INPUT folder. A volume that cannot be used is reported and the
others are done; the exit code is then 1.
"""

import argparse
import sys
from pathlib import Path

from spider2d import cli
from spider2d.atomic_write import make_writable_folder
from spider2d.errors import CheckpointError, DatasetError

DATASET, OUTPUT = Path("data/phantom"), Path("predictions")
SUBSETS = ("validation", "training", "all")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "inputs", nargs="*", type=Path, metavar="INPUT", help="default: the data set's images"
    )
    parser.add_argument(
        "--dataset", type=Path, default=DATASET, help="data set used without INPUT (%(default)s)"
    )
    parser.add_argument("--subset", choices=SUBSETS, default="validation", help="of it (%(default)s)")
    parser.add_argument(
        "--checkpoint", type=Path, help="network (default: the shipped one, trained on synthetic data alone)"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for all outputs (%(default)s)")
    parser.add_argument("--format", choices=("mha", "nii.gz"), default="mha", help="of the label files")
    parser.add_argument("--preview", action="store_true", help="also draw OUTPUT/<name>.png")
    parser.add_argument(
        "--skip-existing", action="store_true", help="keep volumes that are done, to go on after a stop"
    )
    parser.add_argument(
        "--rows-2d",
        choices=("superior-first", "inferior-first"),
        help="accept 2D images whose first row shows this end, columns running from anterior to posterior",
    )
    parser.add_argument(
        "--trust-pixel-size",
        action="store_true",
        help="believe the header even where the image looks as if its pixels had another size or its front "
        "and back were exchanged (3D networks always do)",
    )
    parser.add_argument(
        "--tta",
        action=argparse.BooleanOptionalAction,
        help="average over variants of the image: 7-8 times the work of a 2D network, 4 times that of a 3D "
        "one (default: for single slices only)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--precision", choices=("auto", "fp32", "bf16"), default="auto", help="auto: bf16 where it is fast"
    )
    parser.add_argument(
        "--threads", type=cli.whole_number(1), help="CPU threads of the network (default: all cores)"
    )
    parser.add_argument(
        "--batch-pixels", type=cli.whole_number(1), help="pixels per forward pass (default: by memory)"
    )
    return parser.parse_args(argv)


def find_images(args: argparse.Namespace) -> list[Path]:
    """Return the volumes to segment: those of INPUT, or a subset of the data set."""
    from spider2d.data.spider_files import read_dataset
    from spider2d.data.splits import split_series
    from spider2d.data.volume import folders_left_out, list_volumes
    from spider2d.inference.jobs import is_own_label_map

    if args.inputs:
        images = list_volumes(args.inputs, is_own_label_map)
        for folder in folders_left_out(args.inputs, is_own_label_map):
            print(
                f"note: {folder} holds other volumes, which are left out because others lie beside them; "
                "move them to a folder of their own and name it to have them segmented"
            )
        return images
    dataset = read_dataset(args.dataset)
    if args.subset == "all":
        return [series.image_path for series in dataset.series]
    subset_of = split_series(dataset)
    images = [series.image_path for series in dataset.series if subset_of[series.name] == args.subset]
    if not images:
        raise DatasetError(
            f"{args.dataset}: no series in subset {args.subset}; --subset all takes every series"
        )
    return images


def choose_checkpoint(wanted: Path | None) -> Path:
    """Return the checkpoint asked for, or the shipped one, and say so.

    Raises:
        CheckpointError: It is not there.
    """
    if wanted is None:
        print(
            f"network: {cli.SHIPPED_CHECKPOINT.name}, the shipped one, trained on synthetic images alone; "
            "what it can and cannot do stands in weights/README.md. Not a medical device."
        )
    checkpoint = wanted or cli.SHIPPED_CHECKPOINT
    if not checkpoint.is_file():
        raise CheckpointError(
            f"{checkpoint}: no such checkpoint. python src/train.py makes one (runs/NAME/best.pt); without "
            f"--checkpoint the shipped one is used ({cli.SHIPPED_CHECKPOINT})"
        )
    return checkpoint


def main(args: argparse.Namespace) -> int:
    """Segment all volumes, print what was found and what to do next."""
    checkpoint = choose_checkpoint(args.checkpoint)
    images = find_images(args)
    # Here and not above: torch takes seconds to import, and --help and wrong paths need not wait for it.
    import torch

    from spider2d.checkpoint import load_predictor
    from spider2d.inference.files import describe_run, run_jobs
    from spider2d.inference.jobs import plan_jobs
    from spider2d.inference.segment import SegmentOptions
    from spider2d.inference.slicewise import choose_device, choose_precision

    jobs = plan_jobs(images, args.output, f".{args.format}", args.preview)
    make_writable_folder(args.output)
    if args.threads:
        torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    network, spec = load_predictor(checkpoint, device)
    precision = choose_precision(args.precision, device)
    options = SegmentOptions(
        device, precision, args.batch_pixels, args.tta, trust_pixel_size=args.trust_pixel_size
    )
    run = describe_run(checkpoint, spec, options, args.rows_2d)
    outcomes = run_jobs(jobs, network, spec, options, run, args.rows_2d, args.skip_existing)
    return print_outcomes(outcomes, args)


def print_outcomes(outcomes: list, args: argparse.Namespace) -> int:
    """Print the summary, failures and the next command; return the exit code."""
    from spider2d.inference.summary import format_report, format_table

    print(format_table(outcomes))
    if len(outcomes) == 1 and outcomes[0].report:
        print(format_report(outcomes[0].report))
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    done = len(outcomes) - len(failed)
    print(f"{args.output}: labels and reports{' and previews' if args.preview else ''} of {done} volumes")
    if done:
        scoring = f"{references_option(args)} --predictions {cli.quoted(args.output)}"
        print(f"next: python src/evaluate_volumes.py {scoring}")
    for outcome in failed:
        print(f"error: {outcome.error}", file=sys.stderr)
    if failed:
        print(f"error: {len(failed)} of {len(outcomes)} volumes failed", file=sys.stderr)
    return cli.EXIT_FAILED if failed else cli.EXIT_OK


def references_option(args: argparse.Namespace) -> str:
    """Return how to name the reference masks of the segmented volumes to the scoring script."""
    if args.inputs:
        rows_2d = f" --rows-2d {args.rows_2d}" if args.rows_2d else ""
        return f"--references FOLDER_OF_MASKS{rows_2d}"
    subset = "" if args.subset == "all" else f" --subset {args.subset}"
    return f"--dataset {cli.quoted(args.dataset)}{subset}"


if __name__ == "__main__":
    kept = "finished volumes are kept; the same command with --skip-existing goes on"
    sys.exit(cli.run(main, parse_args(), kept))
