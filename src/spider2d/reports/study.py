"""Which runs are compared: ``NAME=FOLDER`` on the command line, or a YAML study file that says more."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from spider2d.config import ConfigModel, check_config, load_config
from spider2d.cost_file import Dimension
from spider2d.errors import ComparisonError, ConfigError

MARGIN_DICE = 0.02
"""Default non-inferiority margin: the largest loss of Dice that is taken as no real loss."""


Text = Annotated[str, Field(min_length=1)]

REFERENCE_FOLDER = "reference masks"
"""Folder of the references among the runs in TensorBoard."""
FIXED_PANELS = ("image", "reference")
"""What stands beside the methods in every picture of a case; no method may have such a name."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.,() +-]")


class RunSource(ConfigModel):
    """Where a run lies.

    Attributes:
        name: What the method is called in every table and picture.
        scores: Folder with ``metrics.json``, ``per_case.csv`` and ``per_structure.csv``.
        dimension: "2D", "2.5D" or "3D"; None takes it from the cost file, if that says.
        predictions: Folder of label files; None takes the one the scores name.
        cost: Cost file; None takes ``cost.json`` in the scores folder, if there is one.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    scores: Path
    dimension: Dimension | None = None
    predictions: Path | None = None
    cost: Path | None = None


class Study(ConfigModel):
    """A whole comparison.

    Attributes:
        runs: The methods; the first one is compared with each of the others.
        dataset: Data set folder with ``images`` and ``masks``, for pictures; None takes the one the scores
            name.
        margin_dice: Non-inferiority margin.
        skipped: Methods that were meant to be compared and are not, and why; the report says so.
    """

    runs: Annotated[tuple[RunSource, ...], Field(min_length=1)]
    dataset: Path | None = None
    margin_dice: Annotated[float, Field(gt=0, lt=1)] = MARGIN_DICE
    skipped: dict[Text, Text] = {}


def parse_study(words: Sequence[str]) -> Study:
    """Return the study that the words of a command line stand for.

    Args:
        words: Either one YAML file, or any number of ``NAME=FOLDER``.

    Raises:
        ComparisonError: Another form, a name that occurs twice, gives the same TensorBoard folder as another
            or is that of a fixed panel, or a run that is also called skipped.
        ConfigError: The YAML file is missing or not valid, or a name is too long.
    """
    if len(words) == 1 and Path(words[0]).suffix in (".yaml", ".yml"):
        if not Path(words[0]).is_file():
            raise ConfigError(
                f"{words[0]}: no such study file; python src/compare_2d_3d.py --help shows one, or name the "
                "runs as NAME=FOLDER"
            )
        study = load_config(Study, Path(words[0]))
    else:
        study = check_config(Study, {"runs": [_parse_run(word) for word in words]}, "the command line")
    _check_names(study)
    return study


def run_folder(name: str) -> str:
    """Return a method's name as a folder name, which TensorBoard shows as the name of the run."""
    return _UNSAFE.sub("_", name)


def _check_names(study: Study) -> None:
    names = [run.name for run in study.runs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ComparisonError(f"two runs are called {repeated[0]!r}; give each its own name, as in 2D=FOLDER")
    fixed = [name for name in names if name.casefold() in FIXED_PANELS]
    if fixed:
        raise ComparisonError(
            f"a run cannot be called {fixed[0]!r}: in the pictures of cases that is a panel beside the "
            "methods. Give it another name, as in 2D=FOLDER"
        )
    both = sorted(set(names) & set(study.skipped))
    if both:
        raise ComparisonError(
            f"{both[0]!r} is both a run and under 'skipped'; a method is compared or skipped, take one away"
        )
    _check_folders(names)


def _check_folders(names: Sequence[str]) -> None:
    """Refuse names whose TensorBoard folders are one and the same; capitals do not tell folders apart."""
    taken = {REFERENCE_FOLDER.casefold(): None}
    for name in names:
        folder = run_folder(name)
        if not folder.strip(". "):
            raise ComparisonError(
                f"{name!r} is no name for a run: its TensorBoard folder would be {folder!r}"
            )
        if folder.casefold() in taken:
            other = taken[folder.casefold()]
            whose = f"of the run {other!r}" if other else "of the reference masks"
            raise ComparisonError(
                f"the run {name!r} would have the TensorBoard folder {folder!r}, which is that {whose}; give "
                "one of them a name that differs in letters or digits"
            )
        taken[folder.casefold()] = name


def _parse_run(word: str) -> dict[str, str]:
    """Return name and scores of a run, not yet checked."""
    name, equals, folder = word.partition("=")
    if not (equals and name.strip() and folder):
        raise ComparisonError(
            f"{word}: write a run as NAME=FOLDER, for example 2D=runs/a/scores (or give one study file .yaml)"
        )
    return {"name": name.strip(), "scores": folder}
