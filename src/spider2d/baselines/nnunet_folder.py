"""The work folder of an nnU-Net comparison: what lies where, and what the steps tell each other.

<work>/nnUNet_raw, nnUNet_preprocessed, nnUNet_results   nnU-Net's own three folders
<work>/export.json                                       the exported series
<work>/<configuration>/settings.json                     what must not change when its training goes on
<work>/<configuration>/training.json, inference.json     how it was trained, what inference takes
<work>/<configuration>/cost.json                         of both, what is compared with other methods
<work>/<configuration>/class_maps, predictions           nnU-Net's output, and SPIDER labels made of it
<work>/nnunet_cost.json                                  seconds and peak memory of every step
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from spider2d import cli
from spider2d.atomic_write import write_text
from spider2d.errors import DatasetError

DATASET_ID = 501
DATASET_NAME = f"Dataset{DATASET_ID}_SpiderClasses"
FILE_SUFFIX = ".mha"
COSTS_NAME = "nnunet_cost.json"
Configuration = Literal["2d", "3d_fullres"]
CONFIGURATIONS: tuple[Configuration, ...] = ("2d", "3d_fullres")


@dataclass(frozen=True)
class ExportedSeries:
    """One exported series: its name, image file and side of the split."""

    name: str
    image: str
    subset: str


@dataclass(frozen=True)
class WorkFolder:
    """Paths below the work folder."""

    root: Path

    @property
    def raw(self) -> Path:
        """nnU-Net's raw data set."""
        return self.root / "nnUNet_raw" / DATASET_NAME

    @property
    def preprocessed(self) -> Path:
        """nnU-Net's folder for plans, split and preprocessed data."""
        return self.root / "nnUNet_preprocessed" / DATASET_NAME

    @property
    def results(self) -> Path:
        """nnU-Net's folder of the networks trained on the data set."""
        return self.root / "nnUNet_results" / DATASET_NAME

    def of(self, configuration: str) -> Path:
        """Return our folder of one configuration."""
        return self.root / configuration

    def command(self, step: str) -> str:
        """Return a step of ``run_nnunet.py``, a word and its options, as it is typed for this folder."""
        return f"python src/run_nnunet.py {step} --work {cli.quoted(self.root)}"

    def read_prediction_cost(self, configuration: str) -> dict[str, Any]:
        """Return what ``predict`` recorded.

        Raises:
            DatasetError: The configuration was not trained or not predicted; the message says what to type.
        """
        costs = self.read_json(COSTS_NAME, f"train --configuration {configuration}")
        if (step := f"predict_{configuration}") not in costs:
            command = self.command(f"predict --configuration {configuration}")
            raise DatasetError(f"{self.of(configuration)}: not predicted yet. Run first: {command}")
        return costs[step]

    def write_json(self, name: str, content: Any) -> Path:
        """Write plain values into a file of the work folder."""
        path = self.root / name
        write_text(path, json.dumps(content, indent=1) + "\n")
        return path

    def read_json(self, name: str, made_by: str) -> Any:
        """Read a file of the work folder.

        Raises:
            DatasetError: It is not there or damaged; the message says what to type to make it.
        """
        path = self.root / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: not there. Run first: {self.command(made_by)}") from error
        except ValueError as error:
            raise DatasetError(
                f"{path}: damaged ({error}). Delete it and run: {self.command(made_by)}"
            ) from error

    def add_cost(self, step: str, figures: dict[str, Any]) -> None:
        """Record what a step cost in ``nnunet_cost.json``; an earlier run of the step is replaced."""
        costs = self.read_json(COSTS_NAME, "train") if (self.root / COSTS_NAME).exists() else {}
        self.write_json(COSTS_NAME, costs | {step: figures})

    def clear(self) -> None:
        """Remove the data set and all that was made of it: plans, networks, predictions, cost files.

        With another data set the split is another one: a former network may know the validation patients.
        """
        ours = [self.of(configuration) for configuration in CONFIGURATIONS]
        for path in (self.raw, self.preprocessed, self.results, *ours):
            if path.exists():
                shutil.rmtree(path)
        for name in ("export.json", "planning.json", COSTS_NAME):
            (self.root / name).unlink(missing_ok=True)

    def write_export(self, dataset: Path, series: list[ExportedSeries]) -> None:
        """Write the list of exported series."""
        self.write_json("export.json", {"dataset": str(dataset), "series": [asdict(one) for one in series]})

    def exported_dataset(self) -> str:
        """Return the data set that was exported, as it was named then; errors as ``read_json``."""
        return self.read_json("export.json", "export")["dataset"]

    def read_export(self) -> list[ExportedSeries]:
        """Read the list of exported series; errors as ``read_json``."""
        return [ExportedSeries(**one) for one in self.read_json("export.json", "export")["series"]]
