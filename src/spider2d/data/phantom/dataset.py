"""A phantom data set on disk, in exactly the form of SPIDER."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spider2d.atomic_write import write_text
from spider2d.data.parallel import run_parallel
from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.protocols import Protocol, draw_protocol
from spider2d.data.phantom.series import PhantomSeries, make_series
from spider2d.data.phantom.shapes import rotation
from spider2d.data.phantom.tables import (
    GRADING_COLUMNS,
    OVERVIEW_COLUMNS,
    grading_rows,
    overview_row,
    write_table,
)
from spider2d.data.spider_tables import GRADINGS_NAME, SEQUENCES
from spider2d.data.volume import Geometry, Volume, from_canonical, read_mask, write_volume
from spider2d.errors import DatasetError
from spider2d.labels import DISC_OFFSET

PHANTOM_VERSION = 3
"""Raised whenever the same seed gives other files, so that old and new ones never mix in a folder."""
PADDING_VALUE = -1000
MAX_VALUE = 3096
NOTE_NAME = "phantom.json"
"""File by which a data set folder is known to be synthetic."""
VALIDATION_EVERY = 5
SPACE_EVERY = 6


@dataclass(frozen=True)
class SeriesPlan:
    """One series to write; ``patient`` counts from 1."""

    root: Path
    seed: int
    patient: int
    sequence: str
    size: str

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"{self.patient}_{self.sequence}"

    @property
    def patient_seed(self) -> int:
        """Seed of the patient's anatomy, another one for every data set seed."""
        return self.seed * 100_000 + self.patient

    @property
    def subset(self) -> str:
        """Every fifth patient is for validation."""
        return "validation" if self.patient % VALIDATION_EVERY == 0 else "training"

    def path(self, folder: str) -> Path:
        """Return the file in ``images`` or ``masks``."""
        return self.root / folder / f"{self.name}.mha"


def write_dataset(
    root: Path | str, n_patients: int, seed: int = 0, workers: int = 1, size: str = "small"
) -> int:
    """Write a phantom data set; series that are there already are kept, so it can be run again.

    Every file depends on the seed and the patient alone, not on ``n_patients`` or ``workers``.

    Args:
        root: Folder to write ``images``, ``masks`` and the two tables into.
        n_patients: Number of patients; each has T1 and T2, every sixth T2 SPACE too.
        seed: Seed of the data set.
        workers: Number of processes.
        size: "small" (about 350 pixels in plane), "clinical" (the sizes of the real data) or "tiny".

    Returns:
        The number of series in the data set.

    Raises:
        DatasetError: The folder holds other data, or a phantom of other settings or of more patients; or the
            number of patients or the seed makes no sense.
    """
    root = Path(root)
    if n_patients < 1 or seed < 0:
        raise DatasetError(
            f"{n_patients} patients, seed {seed}: at least one patient and a seed from 0 are needed"
        )
    claim_folder(root, {"version": PHANTOM_VERSION, "seed": seed, "size": size}, n_patients)
    plans = [
        SeriesPlan(root, seed, patient, sequence, size)
        for patient in range(1, n_patients + 1)
        for sequence in SEQUENCES
        if sequence != "t2_SPACE" or patient % SPACE_EVERY == SPACE_EVERY - 1
    ]
    labels_of = dict(run_parallel(write_series, plans, workers, "phantom series"))
    write_tables(root, plans, labels_of)
    return len(plans)


def is_phantom(root: Path) -> bool:
    """Return whether a data set folder is synthetic."""
    return (root / NOTE_NAME).is_file()


def claim_folder(root: Path, settings: dict, n_patients: int) -> None:
    """Note the settings in ``NOTE_NAME``, or refuse a folder that holds something else."""
    note = root / NOTE_NAME
    elsewhere = "Delete the folder, or choose another one with --output."
    if note.exists():
        try:
            before = json.loads(note.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DatasetError(f"{note}: damaged ({error}). {elsewhere}") from error
        if {**before, "patients": 0} != {**settings, "patients": 0} or before["patients"] > n_patients:
            wanted = settings | {"patients": n_patients}
            raise DatasetError(
                f"{root} holds a phantom with other settings: {before}; wanted: {wanted}. {elsewhere}"
            )
    elif root.exists() and any(root.iterdir()):
        raise DatasetError(f"{root} is not empty and holds no phantom data set. {elsewhere}")
    write_text(note, json.dumps(settings | {"patients": n_patients}, indent=2) + "\n")


def write_series(plan: SeriesPlan) -> np.ndarray:
    """Write one series unless it is there, and return the label values of its mask.

    The mask is written last: where it stands, the series is complete.
    """
    if plan.path("masks").exists() and plan.path("images").exists():
        return np.unique(read_mask(plan.path("masks")).array_zyx)
    series = make_planned_series(plan)
    rng = np.random.default_rng([plan.patient_seed, 30 + SEQUENCES.index(plan.sequence)])
    store_series(plan, series, rng)
    return np.unique(series.labels_sra)


def store_series(plan: SeriesPlan, series: PhantomSeries, rng: np.random.Generator) -> None:
    """Write image and mask on a grid and in a convention drawn at random, the mask last."""
    like = volume_on_grid(series, rng)
    write_volume(plan.path("images"), from_canonical(stored_image(series, rng), like))
    write_volume(plan.path("masks"), from_canonical(series.labels_sra, like))


def planned_protocol(plan: SeriesPlan) -> Protocol:
    """Return how a planned series is acquired; T1 and T2 of a patient alike."""
    rng = np.random.default_rng([plan.patient_seed, 20])
    return draw_protocol(rng, plan.sequence, plan.size)


def make_planned_series(plan: SeriesPlan) -> PhantomSeries:
    """Return the series of a plan as arrays."""
    protocol = planned_protocol(plan)
    return make_series(plan.patient_seed, plan.sequence, protocol.shape_sra, protocol.spacing_sra_mm)


def stored_image(series: PhantomSeries, rng: np.random.Generator) -> np.ndarray:
    """Return the image as 16-bit integers, in one of the two conventions that occur in SPIDER."""
    image = series.image_sra
    if rng.random() < 0.5:
        scaled = np.clip(image, 0, MAX_VALUE).astype(np.int16)
        scaled[series.padding_sra] = PADDING_VALUE
        return scaled
    factor = rng.uniform(0.3, 1.5)
    return np.where(series.padding_sra, 0, np.clip(image * factor, 0, 32767)).astype(np.uint16)


def volume_on_grid(series: PhantomSeries, rng: np.random.Generator) -> Volume:
    """Return an empty volume with the grid SPIDER uses: T1/T2 LPS, SPACE PIR, a few degrees oblique."""
    n_slices, n_rows, n_columns = series.labels_sra.shape
    slice_mm, row_mm, column_mm = series.spacing_sra_mm
    if series.sequence == "t2_SPACE":
        size, spacing = (n_columns, n_rows, n_slices), (column_mm, row_mm, slice_mm)
        axes = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float)
    else:
        size, spacing = (n_slices, n_columns, n_rows), (slice_mm, column_mm, row_mm)
        axes = np.eye(3)
    direction = rotation(*rng.normal(0, 3, 3)) @ axes
    centre = rng.normal(0, 20, 3)
    origin = centre - direction @ ((np.array(size) - 1) * spacing / 2)
    geometry = Geometry(size, spacing, tuple(origin.tolist()), tuple(direction.ravel().tolist()))
    return Volume(np.empty(size[::-1], np.uint8), geometry)


def write_tables(root: Path, plans: list[SeriesPlan], labels_of: dict[SeriesPlan, np.ndarray]) -> None:
    """Write ``overview.csv`` and ``radiological_gradings.csv``."""
    overview, n_discs, anatomies = [], {}, {}
    for plan in plans:
        if plan.patient not in anatomies:
            anatomies[plan.patient] = sample_anatomy(plan.patient_seed)
        anatomy = anatomies[plan.patient]
        labels = labels_of[plan]
        cells = (plan.name, plan.sequence, planned_protocol(plan), anatomy, labels, plan.subset)
        overview.append(overview_row(*cells))
        discs = int((labels > DISC_OFFSET).sum())
        n_discs[plan.patient] = max(discs, n_discs.get(plan.patient, 0))
    gradings = [row for p, count in n_discs.items() for row in grading_rows(str(p), anatomies[p], count)]
    write_table(root / "overview.csv", OVERVIEW_COLUMNS, overview)
    write_table(root / GRADINGS_NAME, GRADING_COLUMNS, gradings)
