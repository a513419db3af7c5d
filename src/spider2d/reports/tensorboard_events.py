"""TensorBoard events: one run per method, published figures as horizontal lines in the same charts.

A mean is drawn as a line from step 0 to the number of series, so that methods and published figures lie
above one another in one chart. Tags begin with a number, because TensorBoard sorts them by name and the
charts of all series must come first.
"""

import re
import shutil
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from spider2d.baselines.published import COMPARABLE, figures_of
from spider2d.errors import NoPicturesError
from spider2d.labels import STRUCTURES
from spider2d.reports.case_pictures import overlay_panels
from spider2d.reports.case_volumes import read_case
from spider2d.reports.comparison import Comparison
from spider2d.reports.disagreement import chosen_cases
from spider2d.reports.published_table import why_not_comparable
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.study import REFERENCE_FOLDER, run_folder
from spider2d.reports.tables import figure_of
from spider2d.reports.wording import NOT_AVAILABLE

METRICS = {"dice": "1_Dice", "asd_mm": "2_ASD_mm", "detection_rate": "3_detection_rate"}
CHART_NAMES = {"dice": "Dice", "asd_mm": "ASD mm", "detection_rate": "detection rate"}
SORTED_FOLDER, INTERVAL_FOLDER = "6_series_sorted_by_Dice", "7_interval_95"
_COST_KEYS = ("gmac_per_volume", "seconds_per_volume", "peak_memory_gb")


def write_events(comparison: Comparison, folder: Path) -> None:
    """Write the events of all methods and published figures; an earlier comparison's are removed.

    Args:
        comparison: What to write about.
        folder: Log directory for ``tensorboard --logdir``.
    """
    if folder.exists():
        shutil.rmtree(folder)
    pictures = _pictures(comparison)
    all_figures = [_hyper_parameters(run) for run in comparison.runs]
    columns = {key: value for figures in all_figures for key, value in figures.items()}
    for run, figures in zip(comparison.runs, all_figures, strict=True):
        with SummaryWriter(str(folder / run_folder(run.name))) as writer:
            if run is comparison.runs[0]:
                writer.add_custom_scalars(_layout(comparison))
            _write_scalars(writer, comparison, run)
            _write_hparams(writer, figures, columns, _final_figures(run))
            for tag, panel in pictures.get(run.name, {}).items():
                writer.add_image(tag, panel, dataformats="HWC")
    _write_reference_pictures(folder, pictures)
    _write_published(comparison, folder)


def scalar_tag(position: int, group: str, structure: str, metric: str) -> str:
    """Return the tag of a mean, for example ``1_all_series/1_Dice_vertebra``."""
    return f"{position}_{group.replace(' ', '_')}/{METRICS[metric]}_{structure}"


def _groups(comparison: Comparison) -> list[tuple[int, str, str | None]]:
    return [(i, title, sequence) for i, (title, sequence, _) in enumerate(comparison.groups(), start=1)]


def _line(writer: SummaryWriter, comparison: Comparison, tag: str, value: float) -> None:
    for step in (0, len(comparison.cases)):
        writer.add_scalar(tag, value, step)


def _write_scalars(writer: SummaryWriter, comparison: Comparison, run: ScoredRun) -> None:
    for structure in STRUCTURES:
        for metric in METRICS:
            for position, title, sequence in _groups(comparison):
                mean, interval = figure_of(run, f"{structure}_{metric}", sequence)
                if mean is not None:
                    _line(writer, comparison, scalar_tag(position, title, structure, metric), mean)
                if sequence is None and interval is not None:
                    for side, bound in zip(("lower", "upper"), interval, strict=True):
                        _line(writer, comparison, _interval_tag(structure, metric, side), bound)
        dice = sorted(comparison.values(run, f"{structure}_dice").tolist())
        for step, value in enumerate(v for v in dice if v == v):
            writer.add_scalar(f"{SORTED_FOLDER}/{structure}", value, step)


def _interval_tag(structure: str, metric: str, side: str) -> str:
    return f"{INTERVAL_FOLDER}/{METRICS[metric]}_{structure}_{side}"


def _layout(comparison: Comparison) -> dict:
    """Return the charts of the custom-scalars page: all series with intervals first, then each sequence."""
    position, title, _ = _groups(comparison)[0]
    layout: dict[str, dict] = {"2D against 3D": {}}
    for metric, name in CHART_NAMES.items():
        for structure in STRUCTURES:
            chart = f"{name}, {structure}"
            tag = scalar_tag(position, title, structure, metric)
            bounds = [_interval_tag(structure, metric, side) for side in ("lower", "upper")]
            layout["2D against 3D"][chart] = ["Multiline", [re.escape(tag)]]
            if any(figure_of(run, f"{structure}_{metric}")[1] for run in comparison.runs):
                layout.setdefault("with 95 % intervals", {})[chart] = ["Margin", [tag, *bounds]]
    for position, title, _ in _groups(comparison)[1:]:
        layout[title] = {
            f"{name}, {structure}": [
                "Multiline",
                [re.escape(scalar_tag(position, title, structure, metric))],
            ]
            for metric, name in CHART_NAMES.items()
            for structure in STRUCTURES
        }
    return layout


def _hyper_parameters(run: ScoredRun) -> dict[str, str | float]:
    """Return what the HParams table shows beside the method's name; what is not known is left out."""
    figures: dict[str, str | float] = {"dimension": run.dimension or NOT_AVAILABLE}
    known = run.cost.model_dump(include=set(_COST_KEYS), exclude_none=True)
    figures |= {key: known[key] for key in _COST_KEYS if key in known}
    if run.cost.parameters is not None:
        figures["million_parameters"] = run.cost.parameters / 1e6
    if run.cost.training_seconds is not None:
        figures["training_minutes"] = run.cost.training_seconds / 60
    return figures


def _final_figures(run: ScoredRun) -> dict[str, float]:
    figures = {}
    for metric in METRICS:
        for structure in STRUCTURES:
            mean, _ = figure_of(run, f"{structure}_{metric}")
            if mean is not None:
                figures[scalar_tag(1, "all series", structure, metric)] = mean
    return figures


def _write_hparams(writer: SummaryWriter, own: dict, columns: dict, final: dict[str, float]) -> None:
    """Write the table's row into the run itself; ``add_hparams`` would make a run of its own for it."""
    experiment, _, _ = hparams(columns, final)
    _, start, end = hparams(own, final)
    for summary in (experiment, start, end):
        writer.file_writer.add_summary(summary)


def _pictures(comparison: Comparison) -> dict[str, dict]:
    """Return {method, "image" or "reference": {tag: picture}} of the chosen cases; none where files lack."""
    pictures: dict[str, dict] = {}
    try:
        for number, chosen in enumerate(chosen_cases(comparison), start=1):
            tag = f"{number}_{chosen.title}_case/{chosen.name}"
            for title, panel in overlay_panels(read_case(comparison, chosen.name)).items():
                pictures.setdefault(title, {})[tag] = panel
    except NoPicturesError:  # the report says why
        return {}
    return pictures


def _write_reference_pictures(folder: Path, pictures: dict[str, dict]) -> None:
    if "reference" in pictures:
        with SummaryWriter(str(folder / REFERENCE_FOLDER)) as writer:
            for tag, panel in pictures["reference"].items():
                writer.add_image(tag, panel, dataformats="HWC")


def _write_published(comparison: Comparison, folder: Path) -> None:
    for result in COMPARABLE:
        why = why_not_comparable(result.test_set, comparison)
        with SummaryWriter(str(folder / run_folder(f"published {result.method}, {why}"))) as writer:
            for position, title, sequence in _groups(comparison):
                for structure in STRUCTURES:
                    figures = figures_of(result, structure, sequence)
                    values = {
                        "dice": figures.dice,
                        "asd_mm": figures.asd_mm,
                        "detection_rate": figures.detected,
                    }
                    for metric, value in values.items():
                        if value is not None:
                            tag = scalar_tag(position, title, structure, metric)
                            _line(writer, comparison, tag, value)
