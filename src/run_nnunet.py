"""nnU-Net v2 as a baseline, by its own package: its steps one after the other.

python src/run_nnunet.py export --dataset data/phantom     raw data set of four classes, split by patient
python src/run_nnunet.py train --configuration 3d_fullres  plan, preprocess, train (1000 epochs)
python src/run_nnunet.py predict --configuration 3d_fullres
python src/run_nnunet.py import --configuration 3d_fullres SPIDER labels and reports, for evaluate_volumes.py
python src/run_nnunet.py cost --configuration 3d_fullres   operations, seconds and memory of one volume

Times and memory of all steps are in WORK/nnunet_cost.json. On a CPU make everything small, for example
train --memory-target-gb 1 --base-features 8 --epochs 4 --iterations 25, and predict --no-mirroring.
After train --max-minutes M, Ctrl-C or a kill, the same train command with --resume goes on.
"""

import argparse
import os
import sys
from pathlib import Path

from spider2d import cli
from spider2d.baselines.nnunet_folder import CONFIGURATIONS, WorkFolder

MAX_PROCESSES = 8
"""Of the preprocessing; each holds a volume or two."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = cli.make_parser(__doc__)
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    export = _step(steps, "export", "write the raw data set; removes a former export")
    export.add_argument("--dataset", type=Path, default=Path("data/phantom"), help="(default: %(default)s)")
    export.add_argument("--overwrite", action="store_true", help="remove the networks that are there too")
    train = _step(steps, "train", "plan, preprocess and train", with_configuration=True)
    train.add_argument("--epochs", type=cli.whole_number(1), default=1000, help="(default: %(default)s)")
    train.add_argument("--iterations", type=cli.whole_number(1), default=250, help="per epoch (%(default)s)")
    train.add_argument(
        "--memory-target-gb",
        type=cli.number_between(0.1, 200),
        help="GPU memory to plan for (default: nnU-Net's choice)",
    )
    train.add_argument(
        "--base-features", type=cli.whole_number(1), help="channels of the finest level (default: 32)"
    )
    train.add_argument(
        "--max-minutes",
        type=cli.number_between(0, 1e6),
        help="end after the epoch in which they are over, ready for predict or --resume",
    )
    train.add_argument("--resume", action="store_true", help="go on from nnU-Net's newest checkpoint")
    train.add_argument("--overwrite", action="store_true", help="replace the network that is there")
    train.add_argument("--workers", type=cli.whole_number(0), default=1, help="processes that make samples")
    train.add_argument("--threads", type=cli.whole_number(1), help="CPU threads (default: all cores)")
    predict = _step(steps, "predict", "predict the validation images", with_configuration=True)
    predict.add_argument("--no-mirroring", action="store_true", help="4 (2d) or 8 times as fast")
    predict.add_argument(
        "--step-size",
        type=cli.number_between(0.1, 1),
        default=0.5,
        help="between windows, as a share of a window; larger is faster and rougher (%(default)s)",
    )
    for one in (train, predict):
        one.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    imported = _step(steps, "import", "make SPIDER labels", with_configuration=True)
    imported.add_argument("--preview", action="store_true", help="also draw a picture per volume")
    cost = _step(steps, "cost", "measure the inference of one volume", with_configuration=True)
    cost.add_argument("--repeats", type=cli.whole_number(1), default=3, help="timed runs (%(default)s)")
    cost.add_argument("--threads", type=cli.whole_number(1), help="CPU threads (default: all cores)")
    return parser.parse_args(argv)


def _step(
    steps: "argparse._SubParsersAction", name: str, text: str, with_configuration: bool = False
) -> argparse.ArgumentParser:
    step = steps.add_parser(name, help=text, allow_abbrev=False)
    step.add_argument("--work", type=Path, default=Path("nnunet"), help="work folder (default: %(default)s)")
    if with_configuration:
        step.add_argument("--configuration", choices=CONFIGURATIONS, default="3d_fullres")
    return step


def main(args: argparse.Namespace) -> None:
    """Do one step and say what comes next."""
    run_step = {
        "export": run_export,
        "train": run_train,
        "predict": run_predict,
        "import": run_import,
        "cost": run_cost,
    }[args.step]
    run_step(args)


def run_export(args: argparse.Namespace) -> None:
    """Write the raw data set."""
    from spider2d.baselines.nnunet_export import export_dataset

    folder = WorkFolder(args.work)
    exported = export_dataset(args.dataset, folder, args.overwrite)
    n_training = sum(series.subset == "training" for series in exported)
    print(f"wrote {n_training} training and {len(exported) - n_training} validation series to {folder.raw}")
    print(f"next: python src/run_nnunet.py train --work {cli.quoted(args.work)}")


def run_train(args: argparse.Namespace) -> None:
    """Plan, preprocess and train."""
    from spider2d.baselines.nnunet_commands import TrainingMachine, plan_and_preprocess, train
    from spider2d.baselines.nnunet_process import check_installed
    from spider2d.baselines.nnunet_run import TrainingSettings, check_training
    from spider2d.inference.slicewise import choose_device

    check_installed()
    folder = WorkFolder(args.work)
    settings = TrainingSettings(args.epochs, args.iterations, args.base_features, args.memory_target_gb)
    check_training(folder, args.configuration, settings, args.resume, args.overwrite)
    machine = TrainingMachine(choose_device(args.device), args.workers, args.threads)
    plan_and_preprocess(folder, args.memory_target_gb, min(os.cpu_count() or 1, MAX_PROCESSES))
    cost = train(folder, args.configuration, settings, machine, args.max_minutes, args.resume)
    print(
        f"trained {cost['title']}: {cost['parameters'] / 1e6:.2f} M parameters, {cost['steps']} of "
        f"{cost['planned_steps']} iterations in {cost['training_seconds'] / 60:.1f} min; "
        f"wrote {folder.of(args.configuration) / 'cost.json'}"
    )
    if cost["steps"] < cost["planned_steps"]:
        print("stopped by the time limit; the same command with --resume goes on")
    print(f"next: python src/run_nnunet.py predict {_place(args)}")


def run_predict(args: argparse.Namespace) -> None:
    """Predict the validation images."""
    from spider2d.baselines.nnunet_commands import predict
    from spider2d.baselines.nnunet_process import check_installed
    from spider2d.inference.slicewise import choose_device

    check_installed()
    folder = WorkFolder(args.work)
    device, mirroring = choose_device(args.device), not args.no_mirroring
    output = predict(folder, args.configuration, device, mirroring, args.step_size)
    print(f"wrote class maps to {output}")
    print(f"next: python src/run_nnunet.py import {_place(args)}")


def run_import(args: argparse.Namespace) -> None:
    """Make SPIDER labels and reports."""
    from spider2d.baselines.nnunet_import import import_predictions

    folder = WorkFolder(args.work)
    reports = import_predictions(folder, args.configuration, args.preview)
    predictions = folder.of(args.configuration) / "predictions"
    print(f"wrote labels and reports of {len(reports)} volumes to {predictions}")
    dataset = cli.quoted(folder.exported_dataset())
    print(
        f"next: python src/evaluate_volumes.py --dataset {dataset} --subset validation "
        f"--predictions {cli.quoted(predictions)}"
    )


def run_cost(args: argparse.Namespace) -> None:
    """Measure the inference of one volume."""
    from spider2d.baselines.nnunet_commands import measure
    from spider2d.baselines.nnunet_process import check_installed

    check_installed()
    folder = WorkFolder(args.work)
    for key, value in measure(folder, args.configuration, args.repeats, args.threads).items():
        print(f"  {key:26} {f'{value:.4g}' if isinstance(value, float) else value}")
    print(f"wrote {folder.of(args.configuration) / 'cost.json'}")


def _place(args: argparse.Namespace) -> str:
    return f"--work {cli.quoted(args.work)} --configuration {args.configuration}"


if __name__ == "__main__":
    sys.exit(cli.run(main, parse_args()))
