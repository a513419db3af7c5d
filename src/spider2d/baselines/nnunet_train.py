"""Train one nnU-Net configuration for a chosen number of epochs; run as a process by `nnunet_commands`.

The trainer is nnU-Net's own, unchanged. Only its three counters (epochs, iterations of training and of
validation per epoch) are set, for which nnU-Net's command has no option. Results lie where that command would
put them, so that nnU-Net's own prediction finds them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from nnunetv2.run.run_training import get_trainer_from_args

from spider2d.atomic_write import write_text
from spider2d.baselines.nnunet_folder import CONFIGURATIONS, DATASET_NAME
from spider2d.models.unet2d import count_parameters

_VALIDATION_SHARE = 5
"""nnU-Net validates with a fifth of the iterations of an epoch (50 of 250)."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configuration", choices=CONFIGURATIONS, required=True)
    parser.add_argument("--plans", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--report", type=Path, required=True)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Train and write the report."""
    if args.threads:
        torch.set_num_threads(args.threads)
    trainer = get_trainer_from_args(
        DATASET_NAME, args.configuration, 0, plans_identifier=args.plans, device=torch.device(args.device)
    )
    trainer.num_epochs = args.epochs
    trainer.num_iterations_per_epoch = args.iterations
    trainer.num_val_iterations_per_epoch = max(1, args.iterations // _VALIDATION_SHARE)
    start = time.perf_counter()
    trainer.run_training()
    write_text(args.report, json.dumps(describe(trainer, args, time.perf_counter() - start), indent=1) + "\n")


def describe(trainer: Any, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Return what the run was and what it cost, in the keys of every ``cost.json``."""
    plan = trainer.configuration_manager
    on_gpu = args.device == "cuda"
    return {
        "title": f"nnU-Net {args.configuration}",
        "architecture": f"nnunet_{args.configuration}",
        "dimension": "2D" if args.configuration == "2d" else "3D",
        "parameters": count_parameters(trainer.network),
        "training_seconds": round(seconds, 1),
        "peak_memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 3) if on_gpu else None,
        "device": args.device,
        "steps": args.epochs * args.iterations,
        "epochs": args.epochs,
        "batch_size": plan.batch_size,
        "patch_size": list(plan.patch_size),
        "spacing_mm": list(plan.spacing),
        "plans": args.plans,
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    main(parse_args())
