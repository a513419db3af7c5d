"""Training and validation: SPIDER's official split or a seeded one; always by patient."""

import hashlib
from collections.abc import Iterable

from spider2d.data.spider_files import Series, SpiderDataset
from spider2d.errors import DatasetError

TRAINING, VALIDATION = "training", "validation"


def split_series(dataset: SpiderDataset, validation_fraction: float = 0.2, seed: int = 0) -> dict[str, str]:
    """Assign every series to training or validation, all series of a patient to the same side.

    Args:
        dataset: The data set. When its overview names subsets, that split is taken as it is.
        validation_fraction: Otherwise the share of patients for validation, at least 0 and below 1. With
            two or more patients and a share above 0 each side gets at least one patient.
        seed: Otherwise which patients; the same seed gives the same split on every machine.

    Returns:
        "training" or "validation" by series name, in the order of ``dataset.series``.

    Raises:
        DatasetError: A patient on both sides, a series the overview does not assign, or a bad fraction.
    """
    if names_subsets(dataset):
        return _official_split(dataset.series)
    patients = {series.patient for series in dataset.series}
    validation = _validation_patients(patients, validation_fraction, seed)
    return {
        series.name: VALIDATION if series.patient in validation else TRAINING for series in dataset.series
    }


def names_subsets(dataset: SpiderDataset) -> bool:
    """Return whether the overview of a data set says which series are for training or validation."""
    return any(row.subset for row in dataset.overview.values())


def _official_split(all_series: Iterable[Series]) -> dict[str, str]:
    side_of_patient: dict[str, str] = {}
    for series in all_series:
        if series.subset is None:
            raise DatasetError(
                f"{series.name}: overview.csv assigns it to no subset. Add its row with subset training or "
                "validation, or remove the image."
            )
        if side_of_patient.setdefault(series.patient, series.subset) != series.subset:
            raise DatasetError(
                f"patient {series.patient} is in training and in validation. Needed: all series of a patient "
                "on one side; correct the column subset of overview.csv."
            )
    return {series.name: side_of_patient[series.patient] for series in all_series}


def _validation_patients(patients: set[str], fraction: float, seed: int) -> set[str]:
    """Return the patients with the smallest hashes: no random generator whose stream could change."""
    if not 0 <= fraction < 1:
        raise DatasetError(f"validation fraction {fraction}. Needed: at least 0 and below 1.")
    wanted = round(fraction * len(patients))
    if fraction > 0:
        wanted = max(wanted, 1)
    n_validation = min(wanted, len(patients) - 1)
    return set(sorted(patients, key=lambda patient: _hash(patient, seed))[:n_validation])


def _hash(patient: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest()
