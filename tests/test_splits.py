from pathlib import Path

import pytest

from spider2d.data.spider_files import Series, SpiderDataset
from spider2d.data.spider_tables import OverviewRow
from spider2d.data.splits import split_series
from spider2d.errors import DatasetError


def make_dataset(subset_of_series):
    """Make a data set without files from {series name: subset or None}."""
    series = [
        Series(name, *name.split("_", 1), Path(f"{name}.mha"), None, subset)
        for name, subset in subset_of_series.items()
    ]
    rows = {
        name: OverviewRow(new_file_name=name, subset=subset)
        for name, subset in subset_of_series.items()
        if subset
    }
    return SpiderDataset(Path(), tuple(series), rows, ())


def patients_on(split, side):
    return {name.split("_")[0] for name, its_side in split.items() if its_side == side}


def unassigned(n_patients):
    return make_dataset(
        {f"{number}_{sequence}": None for number in range(n_patients) for sequence in ("t1", "t2")}
    )


def test_the_official_split_is_taken_as_it_is():
    official = {"1_t1": "training", "1_t2": "training", "2_t2_SPACE": "validation"}
    assert split_series(make_dataset(official), validation_fraction=0.9, seed=5) == official


def test_a_patient_on_both_sides_is_refused():
    with pytest.raises(DatasetError, match="patient 1 is in training and in validation"):
        split_series(make_dataset({"1_t1": "training", "1_t2": "validation"}))


def test_a_series_the_table_does_not_assign_is_refused():
    with pytest.raises(DatasetError, match="2_t1: overview.csv assigns it to no subset"):
        split_series(make_dataset({"1_t1": "training", "2_t1": None}))


def test_the_seeded_split_is_the_same_on_every_machine():
    # Written down once: SHA-256 does not change with the platform, the Python version or the hash seed.
    split = split_series(unassigned(10), validation_fraction=0.3, seed=0)
    assert patients_on(split, "validation") == {"4", "7", "9"}


@pytest.mark.parametrize("seed", range(5))
def test_the_seeded_split_is_by_patient_and_of_the_wanted_size(seed):
    split = split_series(unassigned(20), validation_fraction=0.2, seed=seed)
    training, validation = patients_on(split, "training"), patients_on(split, "validation")
    assert len(validation) == 4
    assert not training & validation
    assert len(split) == 40


def test_another_seed_chooses_other_patients():
    splits = [split_series(unassigned(20), seed=seed) for seed in (0, 1)]
    assert patients_on(splits[0], "validation") != patients_on(splits[1], "validation")


def test_the_order_of_files_does_not_matter():
    names = {"3_t1": None, "1_t1": None, "2_t1": None, "4_t1": None}
    backwards = dict(reversed(names.items()))
    assert split_series(make_dataset(names)) == split_series(make_dataset(backwards))


@pytest.mark.parametrize(
    ("n_patients", "fraction", "n_validation"), [(1, 0.5, 0), (2, 0.1, 1), (2, 0.99, 1), (9, 0, 0)]
)
def test_each_side_gets_a_patient_where_possible(n_patients, fraction, n_validation):
    split = split_series(unassigned(n_patients), validation_fraction=fraction)
    assert len(patients_on(split, "validation")) == n_validation


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 20])
def test_a_share_that_is_no_share_is_refused(fraction):
    with pytest.raises(DatasetError, match="at least 0 and below 1"):
        split_series(unassigned(3), validation_fraction=fraction)
