"""The training loop: from a configuration to ``best.pt`` and ``last.pt``; stops and resumes at any step."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from spider2d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from spider2d.config import check_config, config_text
from spider2d.data.slices import open_series
from spider2d.models.spec import NetworkSpec
from spider2d.models.volume_spec import spec_class
from spider2d.training import distributed
from spider2d.training.cost import describe_operations, network_cost
from spider2d.training.distributed import Process
from spider2d.training.interrupt import StopRequest
from spider2d.training.loader import build_loader, check_batch, count_workers, start_loading
from spider2d.training.overlays import series_picture
from spider2d.training.run_cost import run_figures, write_run_cost
from spider2d.training.run_data import RunData, select_series, training_samples
from spider2d.training.run_folder import BEST_NAME, LAST_NAME, check_folder, claim_folder
from spider2d.training.schedule import learning_rate
from spider2d.training.state import (
    TrainingState,
    describe_initial,
    describe_run,
    new_state,
    restore_last,
    save_last,
    seed_everything,
)
from spider2d.training.tracking import Tracker
from spider2d.training.train_config import AnyTrainConfig, TrainConfig
from spider2d.training.train_step import (
    RunningMeans,
    finish_step,
    resolve_precision,
    to_device,
    train_step,
    validation_precision,
)
from spider2d.training.validate import describe_summary, predict_classes, score_series, summarise


@dataclass(frozen=True)
class Run:
    """What stays the same during a run; `tracker` is None in processes that write nothing."""

    config: AnyTrainConfig
    folder: Path
    process: Process
    data: RunData
    precision: str
    tracker: Tracker | None


@dataclass(frozen=True)
class FitResult:
    """How a call of `fit` ended.

    Attributes:
        step: Steps done.
        total_steps: Steps of the whole run.
        best_score: Best validation score so far, None before the first validation.
        stopped_by: None when all steps are done; else "time" or the name of the signal.
    """

    step: int
    total_steps: int
    best_score: float | None
    stopped_by: str | None


def fit(
    config: AnyTrainConfig,
    folder: Path,
    process: Process,
    stop: StopRequest,
    resume: bool = False,
    overwrite: bool = False,
) -> FitResult:
    """Train a network, or go on with it.

    Stopping (signal or time) leaves ``last.pt``, from which a resumed run reaches the same weights as a run
    that was never stopped. When the time is up the weights are validated once more; after a signal they are
    only saved.

    Args:
        config: The whole configuration.
        folder: The run's folder: gets config.yaml, best.pt, last.pt, metrics.jsonl, cost.json and TensorBoard
            events.
        process: This process among those that train together.
        stop: Asked after each step whether to stop.
        resume: Go on from ``last.pt``.
        overwrite: Replace a run that is in the folder.

    Raises:
        ConfigError: The configuration is contradictory, or the folder holds another run.
        DatasetError: The slices are missing or unusable.
        CheckpointError: A checkpoint cannot be read or written.
        TrainingDivergedError: The loss is no longer finite.
    """
    check_batch(config, process)
    count_workers(config, process)
    # Read first: a wrong name should not wait for the data. A resumed run does not need it any more.
    initial = load_checkpoint(config.init) if config.init and not resume else None
    data = select_series(config)
    check_folder(folder, config, resume, overwrite)
    precision = resolve_precision(config.training.precision, process.device)
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    state = new_state(config, build_spec(config, data), precision, process.device, resume, initial)
    first_step = 0
    if resume:
        same_validation = restore_last(folder / LAST_NAME, state, data)
        first_step = state.step
        if not (folder / BEST_NAME).is_file():
            state.best_score = None
        if not same_validation and first_step < config.training.steps and process.is_main:
            print(f"note: other validation series than before: the next validation replaces {BEST_NAME}")
    distributed.barrier(process)
    if not process.is_main:
        return _train(Run(config, folder, process, data, precision, None), state, stop)
    claim_folder(folder, config, resume)
    with Tracker(folder, state.step) as tracker:
        run = Run(config, folder, process, data, precision, tracker)
        _announce(run, state, initial)
        result = _train(run, state, stop)
    if result.step > first_step:
        figures = run_figures(state, config, precision, process.world_size)
        write_run_cost(folder, figures, process.device, resume)
    return result


def build_spec(config: AnyTrainConfig, data: RunData) -> NetworkSpec:
    """Return the description of the network a configuration asks for, on the pixel size of the slices.

    Raises:
        ConfigError: The network does not fit the samples.
    """
    tree = config.model.model_dump(exclude={"encoder_weights", "feature_mix"}) | {
        "pixel_size_mm": data.pixel_size_mm
    }
    if isinstance(config, TrainConfig):
        tree["channel_offsets_mm"] = config.data.channel_offsets_mm
    else:
        tree |= {"slice_spacing_mm": config.data.slice_spacing_mm, "patch_shw": config.data.patch_shw}
    return check_config(spec_class(config.model.architecture), tree, source="the network to be trained")


def batches(run: Run, first_step: int) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the training batches from a step on, on the device of the network."""
    samples, loop = training_samples(run.config, run.data), run.config.training
    workers = count_workers(run.config, run.process)
    loader = build_loader(samples, first_step, loop.steps, loop.batch_size, workers, run.process)
    for batch in start_loading(loader):
        yield to_device(batch, run.process.device)


def prepare_forward(run: Run, state: TrainingState) -> nn.Module:
    """Return the network as training calls it: for several processes and compiled where that is asked for."""
    forward = distributed.wrap_network(state.network, run.process)
    return torch.compile(forward) if run.config.training.compile else forward


def _train(run: Run, state: TrainingState, stop: StopRequest) -> FitResult:
    forward, means, reason = prepare_forward(run, state), RunningMeans(), None
    total_steps = run.config.training.steps
    started = time.perf_counter() - state.seconds
    with tqdm(total=total_steps, initial=state.step, unit="step", disable=not run.process.is_main) as bar:
        for batch in batches(run, state.step):
            means.add(_step(run, state, forward, batch))
            bar.update()
            state.seconds = time.perf_counter() - started
            reason = distributed.agree_on_stop(stop.reason, run.process) if state.step < total_steps else None
            _after_step(run, state, means, reason, bar)
            if reason:
                break
    return FitResult(state.step, total_steps, state.best_score, reason)


def _step(
    run: Run, state: TrainingState, forward: nn.Module, batch: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    seed_everything(run.config.seed, state.step, run.process.rank)
    figures = train_step(state, forward, batch, run.config, run.precision)
    distributed.average_buffers(state.network, run.process)
    finish_step(state, run.config)
    return figures


def _after_step(run: Run, state: TrainingState, means: RunningMeans, reason: str | None, bar: tqdm) -> None:
    """Log, validate and save what is due after a step."""
    loop, step = run.config.training, state.step
    is_last = step == loop.steps
    validation_due = is_last or reason == "time" or step % run.config.validation.every_steps == 0
    saving_due = validation_due or reason is not None or step % loop.save_every == 0
    if saving_due or step % loop.log_every == 0:
        figures = means.read(step)  # raises when training diverged, so that nothing bad is saved
        bar.set_postfix(loss=f"{figures['total']:.3f}", refresh=False)
        if run.tracker:
            rate = learning_rate(step - 1, loop.steps, run.config.optimiser)
            run.tracker.training(step, figures | {"learning_rate": rate})
    if validation_due:
        _validate(run, state, bar)
    if saving_due and run.process.is_main:
        save_last(run.folder / LAST_NAME, state, describe_run(state, run.config), run.data)
    if saving_due:
        means.restart_clock()


def _validate(run: Run, state: TrainingState, bar: tqdm) -> None:
    """Score the averaged weights in 3D; keep them as best.pt if they are the best so far."""
    scores = []
    for index in range(run.process.rank, len(run.data.validation), run.process.world_size):
        bar.set_postfix_str(f"validating {index + 1}/{len(run.data.validation)}")
        series = open_series(run.config.data.slices, run.data.validation[index])
        prediction_shw = predict_classes(
            state.ema,
            series,
            state.spec,
            run.config.validation.batch_size,
            str(run.process.device),
            validation_precision(run.precision),
        )
        scores.append(score_series(prediction_shw, series))
        if run.tracker and index < run.config.validation.overlays:
            run.tracker.picture(state.step, series.meta.name, series_picture(prediction_shw, series))
    summary = summarise(distributed.gather_lists(scores, run.process))
    if run.tracker:
        run.tracker.validation(state.step, summary)
        bar.write(describe_summary(state.step, summary))
    if state.best_score is None or summary.score > state.best_score:
        state.best_score = summary.score
        if run.process.is_main:
            info = describe_run(state, run.config) | {"validation": asdict(summary)}
            save_checkpoint(run.folder / BEST_NAME, state.spec, state.ema.state_dict(), info)


def _announce(run: Run, state: TrainingState, initial: Checkpoint | None) -> None:
    """Say and record what is trained on what."""
    cost = network_cost(state.network, state.spec, run.data.slice_hw)
    run.tracker.start(config_text(run.config), cost)
    training = f"{len(run.data.training)} training" if run.data.training else "random phantoms for training"
    print(
        f"{state.spec.title}: {cost.parameters / 1e6:.2f} M parameters, {describe_operations(cost)} "
        f"of {state.spec.pixel_size_mm} mm\n"
        f"{training} and {len(run.data.validation)} validation series; "
        f"{run.process.world_size} process(es) on {run.process.device.type}, {run.precision}",
        flush=True,
    )
    note = describe_initial(run.config.init, initial, state.spec) if initial is not None else ""
    if note:
        print(note, flush=True)
