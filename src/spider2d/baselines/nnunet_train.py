"""Train one nnU-Net configuration for a chosen number of epochs; run as a process by `nnunet_commands`.

The trainer is nnU-Net's own, unchanged. Only its counters are set, for which nnU-Net's command has no option:
epochs, iterations of training and of validation per epoch, epochs between checkpoints. Results lie where that
command would put them, so that nnU-Net's own prediction finds them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from spider2d.atomic_write import write_text
from spider2d.baselines.nnunet_folder import CONFIGURATIONS, DATASET_NAME
from spider2d.baselines.nnunet_plans import network_title
from spider2d.cost_file import peak_memory_gb
from spider2d.models.unet2d import count_parameters

_VALIDATION_SHARE = 5
"""nnU-Net validates with a fifth of the iterations of an epoch (50 of 250)."""
_SAVES = 20
"""nnU-Net saves every 50 of 1000 epochs. A twentieth of shorter trainings too, so that little is lost."""


class _TimeIsUpError(Exception):
    """Leaves nnU-Net's loop over the epochs."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configuration", choices=CONFIGURATIONS, required=True)
    parser.add_argument("--plans", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--max-minutes", type=float)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--report", type=Path, required=True)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Train and write the report."""
    if args.threads:
        torch.set_num_threads(args.threads)
    trainer = make_trainer(args)
    if args.resume:
        trainer.load_checkpoint(str(newest_checkpoint(Path(trainer.output_folder))))
    run(trainer, args.max_minutes)
    write_text(args.report, json.dumps(describe(trainer, args), indent=1) + "\n")


def make_trainer(args: argparse.Namespace) -> Any:
    """Return nnU-Net's trainer with the counters of the command line."""
    # Here and not above: all but this works, and is tested, without nnU-Net.
    from nnunetv2.run.run_training import get_trainer_from_args

    trainer = get_trainer_from_args(
        DATASET_NAME,
        args.configuration,
        0,
        plans_identifier=args.plans,
        device=torch.device(args.device),
    )
    trainer.num_epochs = args.epochs
    trainer.num_iterations_per_epoch = args.iterations
    trainer.num_val_iterations_per_epoch = max(1, args.iterations // _VALIDATION_SHARE)
    trainer.save_every = max(1, min(trainer.save_every, args.epochs // _SAVES))
    return trainer


def newest_checkpoint(folder: Path) -> Path:
    """Return the checkpoint to go on from; nnU-Net removes the latest one when it writes the final one."""
    paths = [folder / f"checkpoint_{name}.pth" for name in ("latest", "final", "best")]
    return next(path for path in paths if path.exists())


def run(trainer: Any, max_minutes: float | None) -> None:
    """Train to the last epoch, or to the end of the epoch in which the time is up.

    The learning rate follows nnU-Net's schedule over all epochs either way, and the final checkpoint is
    written. A training that ended early can go on from it.
    """
    if max_minutes is not None:
        _stop_after(trainer, max_minutes)
    try:
        trainer.run_training()
    except _TimeIsUpError:
        print(f"{max_minutes:g} minutes are over after epoch {trainer.current_epoch} of {trainer.num_epochs}")
        trainer.on_train_end()


def _stop_after(trainer: Any, minutes: float) -> None:
    """Let the trainer raise _TimeIsUpError at the end of the epoch in which the time is up."""
    end_epoch, deadline = trainer.on_epoch_end, time.perf_counter() + 60 * minutes

    def end_epoch_in_time() -> None:
        end_epoch()
        if time.perf_counter() >= deadline and trainer.current_epoch < trainer.num_epochs:
            raise _TimeIsUpError

    trainer.on_epoch_end = end_epoch_in_time


def describe(trainer: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Return what the run was and what it cost, in the keys of every ``cost.json``."""
    plan = trainer.configuration_manager
    on_gpu = args.device == "cuda"
    return {
        "title": network_title(args.configuration, args.plans),
        "architecture": f"nnunet_{args.configuration}",
        "dimension": "2D" if args.configuration == "2d" else "3D",
        "parameters": count_parameters(trainer.network),
        "training_seconds": round(epoch_seconds(trainer.logger.get_checkpoint()), 1),
        "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else peak_memory_gb(),
        "device": args.device,
        "steps": trainer.current_epoch * args.iterations,
        "planned_steps": args.epochs * args.iterations,
        "epochs": trainer.current_epoch,
        "batch_size": plan.batch_size,
        "patch_size": list(plan.patch_size),
        "spacing_mm": list(plan.spacing),
        "plans": args.plans,
        "threads": torch.get_num_threads(),
    }


def epoch_seconds(log: dict[str, list]) -> float:
    """Return the seconds of all epochs, those before a resume included: checkpoints carry nnU-Net's log."""
    spans = zip(log["epoch_start_timestamps"], log["epoch_end_timestamps"], strict=True)
    return sum(end - start for start, end in spans)


if __name__ == "__main__":
    main(parse_args())
