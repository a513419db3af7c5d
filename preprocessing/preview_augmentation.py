"""Draw a sheet of augmented training samples with their masks, to see whether bones stay recognisable.

Each sample stands beside the same patch with its classes drawn over it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spider2d import cli
from spider2d.data.contact_sheet import tile, write_png
from spider2d.data.overlay import labels_of_classes, overlay_rgb
from spider2d.errors import ConfigError
from spider2d.training.run_data import select_series, training_samples
from spider2d.training.train_config import TrainConfig, load_train_config

DEFAULT_CONFIG = cli.PROJECT_ROOT / "experiments" / "phantom_2d.yaml"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="experiment whose samples to show (%(default)s)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for src/train.py")
    parser.add_argument("--output", type=Path, default=Path("augmentation.png"), help="picture to write")
    parser.add_argument("--samples", type=cli.whole_number(1), default=24, help="how many samples to draw")
    parser.add_argument("--first", type=cli.whole_number(0), default=0, help="number of the first sample")
    parser.add_argument("--columns", type=cli.whole_number(1), default=6, help="samples per row")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Draw the samples as training would see them."""
    config = load_train_config(args.config, args.set)
    if not isinstance(config, TrainConfig):
        raise ConfigError(f"{args.config} is for a 3D network; only the samples of 2D networks can be drawn")
    samples = training_samples(config, select_series(config))
    numbers = tqdm(range(args.first, args.first + args.samples), desc="drawing")
    write_png(args.output, tile([draw_sample(samples[number]) for number in numbers], args.columns))
    print(f"wrote {args.output}")
    options = [*(() if args.config == DEFAULT_CONFIG else ("--config", args.config))]
    options += [word for change in args.set for word in ("--set", change)]
    print(" ".join(["next: python src/train.py", *map(cli.quoted, options)]))


def draw_sample(sample: dict) -> np.ndarray:
    """Return the middle channel of a sample (uint8 H, 2 W, 3): plain, and with its classes."""
    image = sample["image"][len(sample["image"]) // 2].numpy()
    labels = labels_of_classes(sample["classes"].numpy().astype(np.uint8))
    return np.hstack([overlay_rgb(image, np.zeros_like(labels)), overlay_rgb(image, labels)])


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
