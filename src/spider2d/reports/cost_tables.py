"""What the methods cost: inference, training, and which of it was measured in another way."""

from collections.abc import Callable

from spider2d.cost_file import Cost
from spider2d.reports.comparison import Comparison
from spider2d.reports.document import Table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.wording import NOT_AVAILABLE, amount, duration


def cost_table(comparison: Comparison) -> Table:
    """Return what inference takes with every method."""
    columns = ("method", "dim.", "network", "parameters, M", "file, MB", "GMAC per slice", "GMAC per volume")
    columns += ("s per volume", "precision", "peak memory, GB", "s per volume, GPU", "peak GPU memory, GB")
    rows = tuple((run.name, run.dimension or NOT_AVAILABLE, *_inference(run.cost)) for run in comparison.runs)
    return Table(columns, rows, "Cost of inference", _cost_note(comparison), text_columns=3)


def _inference(cost: Cost) -> tuple[str, ...]:
    millions = None if cost.parameters is None else cost.parameters / 1e6
    return (
        cost.title or cost.architecture or NOT_AVAILABLE,
        amount(millions),
        amount(cost.model_file_mb),
        amount(cost.gmac_per_slice),
        amount(cost.gmac_per_volume),
        amount(cost.seconds_per_volume),
        cost.inference_precision or NOT_AVAILABLE,
        amount(cost.peak_memory_gb),
        _gpu_seconds(cost),
        amount(cost.peak_gpu_memory_gb),
    )


def _gpu_seconds(cost: Cost) -> str:
    """Return the seconds on a GPU with its name, without which they say nothing."""
    known = cost.seconds_per_volume_gpu is not None
    return amount(cost.seconds_per_volume_gpu) + (f" ({_gpu_name(cost)})" if known else "")


def _gpu_name(cost: Cost) -> str:
    return cost.gpu or "a GPU that was not stated"


def training_table(comparison: Comparison) -> Table:
    """Return what the training of every method took, and whether it was finished."""
    columns = ("method", "dim.", "steps done", "steps planned", "batch size", "threads", "processes")
    rows = tuple((run.name, run.dimension or NOT_AVAILABLE, *_training(run.cost)) for run in comparison.runs)
    return Table(
        (*columns, "time", "peak memory, GB", "trained on"),
        rows,
        "Cost of training",
        "Fewer steps than planned: the training was cut short. Times of different processors or "
        "numbers of threads do not compare. n/a = not noted, never guessed.",
        text_columns=2,
    )


def _training(cost: Cost) -> tuple[str, ...]:
    return (
        _whole(cost.steps),
        _whole(cost.planned_steps),
        _whole(cost.batch_size),
        _whole(cost.threads),
        _whole(cost.processes),
        duration(cost.training_seconds),
        amount(cost.training_peak_memory_gb),
        cost.training_device or NOT_AVAILABLE,
    )


def _whole(value: int | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:,}".replace(",", " ")


def was_cut_short(cost: Cost) -> bool:
    """Return whether the training did fewer steps than planned; False where either is not known."""
    return cost.steps is not None and cost.planned_steps is not None and cost.steps < cost.planned_steps


def how_timed(cost: Cost) -> str:
    """Return in words on what, and in which precision, seconds and memory of one volume were measured."""
    volume = cost.volume or "a volume that was not stated"
    precision = f" in {cost.inference_precision}" if cost.inference_precision else ""
    return f"{volume} on {cost.device or 'a device that was not stated'}{precision}"


def timed_otherwise(comparison: Comparison) -> list[ScoredRun]:
    """Return the runs whose seconds per volume were measured another way than the first such run's."""
    return _unlike_the_first(comparison, "seconds_per_volume", how_timed)[1]


def counted_otherwise(comparison: Comparison) -> list[ScoredRun]:
    """Return the runs whose operations were counted on another volume than the first such run's."""
    return _unlike_the_first(comparison, "gmac_per_volume", lambda cost: cost.volume)[1]


def _unlike_the_first(
    comparison: Comparison, key: str, way: Callable[[Cost], str | None]
) -> tuple[ScoredRun | None, list[ScoredRun]]:
    """Return the first run with a figure, and those that have it by another way of measuring."""
    measured = [run for run in comparison.runs if getattr(run.cost, key) is not None]
    first = measured[0] if measured else None
    return first, [run for run in measured if way(run.cost) != way(first.cost)]


def timing_sentence(comparison: Comparison) -> str | None:
    """Say whose seconds do not compare with the others'; None when all were measured alike."""
    first, otherwise = _unlike_the_first(comparison, "seconds_per_volume", how_timed)
    return _do_not_compare("Seconds per volume were measured in another way", otherwise, first)


def counting_sentence(comparison: Comparison) -> str | None:
    """Say whose operations do not compare with the others'; None when all are of one volume."""
    first, otherwise = _unlike_the_first(comparison, "gmac_per_volume", lambda cost: cost.volume)
    return _do_not_compare("Operations (GMAC) were counted on another volume", otherwise, first)


def _do_not_compare(what: str, otherwise: list[ScoredRun], first: ScoredRun | None) -> str | None:
    if not otherwise:
        return None
    names = ", ".join(run.name for run in otherwise)
    return (
        f"{what} for {names} than for {first.name} (see the note under the cost of inference): do not "
        "compare them."
    )


def _cost_note(comparison: Comparison) -> str:
    """Say on what each was measured, and that figures of different volumes do not compare."""
    measured = [
        run
        for run in comparison.runs
        if run.cost.seconds_per_volume is not None or run.cost.gmac_per_volume is not None
    ]
    on_a_gpu = any(run.cost.seconds_per_volume_gpu is not None for run in comparison.runs)
    if not measured and on_a_gpu:
        return "Seconds were measured on a GPU alone. n/a = not measured, never guessed." + _gpu_note(
            comparison
        )
    if not measured:
        return (
            "No cost was measured: python experiments/measure_cost.py --checkpoint FILE --output "
            "SCORES/cost.json, then compare again. n/a = not measured, never guessed."
        )
    ways = {how_timed(run.cost): [] for run in measured}
    for run in measured:
        ways[how_timed(run.cost)].append(run.name)
    where = "; ".join(f"{', '.join(names)}: {way}" for way, names in ways.items())
    note = f"Volume, processor and precision of {where}. n/a = not measured, never guessed."
    if len(ways) > 1:
        note += " They differ: compare times, memory and operations only between methods measured alike."
    return note + _gpu_note(comparison)


def _gpu_note(comparison: Comparison) -> str:
    """Say that seconds of different GPUs do not compare; nothing where they are of one."""
    first, otherwise = _unlike_the_first(comparison, "seconds_per_volume_gpu", _gpu_way)
    if not otherwise:
        return ""
    names = ", ".join(run.name for run in otherwise)
    return (
        f" Seconds on a GPU were measured on another GPU or volume for {names} than for {first.name}: do not "
        "compare them."
    )


def _gpu_way(cost: Cost) -> str:
    return f"{cost.volume} on {_gpu_name(cost)}"
