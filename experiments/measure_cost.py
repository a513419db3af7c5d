"""Measure what a checkpoint costs: parameters, operations, seconds and peak memory for one volume.

Without --volume a phantom of 17 x 512 x 512 voxels at 4 x 0.6 x 0.6 mm is segmented, the same for every
method. What the training noted in cost.json beside the checkpoint is taken over. The comparison reads the
file when it lies in the scores folder: --output SCORES/cost.json.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from spider2d import cli
from spider2d.cost_file import COST_NAME, Cost, add_cost, read_cost, write_cost
from spider2d.errors import CheckpointError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("runs/phantom_2d/best.pt"), help="network (%(default)s)"
    )
    parser.add_argument("--volume", type=Path, help="volume to segment (default: a phantom of fixed size)")
    parser.add_argument(
        "--output", type=Path, default=Path("scores") / COST_NAME, help="file to write (%(default)s)"
    )
    parser.add_argument("--threads", type=cli.whole_number(1), help="CPU threads (default: all cores)")
    parser.add_argument("--repeats", type=cli.whole_number(1), default=3, help="timed runs (%(default)s)")
    parser.add_argument(
        "--trust-pixel-size",
        action="store_true",
        help="as infer_volume.py with this option: without the look whether the header may be wrong",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Measure, add what the training noted, write, print."""
    if not args.checkpoint.is_file():
        raise CheckpointError(f"{args.checkpoint}: no such checkpoint; python src/train.py makes one")
    import torch

    from spider2d.reports.measure_cost import measure_cost, write_phantom

    if args.threads:
        torch.set_num_threads(args.threads)
    noted = args.checkpoint.parent / COST_NAME
    known = read_cost(noted) if noted.is_file() else Cost()
    with tempfile.TemporaryDirectory() as folder:
        volume = args.volume or write_phantom(Path(folder))
        measured = measure_cost(args.checkpoint, volume, args.repeats, args.trust_pixel_size)
    cost = add_cost(known, measured)
    write_cost(args.output, cost)
    for key, value in cost.model_dump(exclude_none=True).items():
        print(f"  {key:26} {f'{value:.4g}' if isinstance(value, float) else value}")
    print(f"wrote {args.output}")
    print(f"next: python src/compare_2d_3d.py NAME={cli.quoted(args.output.parent)}")


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
