"""The warnings of a report, each on a comparison that calls for it and on one that does not."""

import json
from dataclasses import replace

import numpy as np
from scored_runs import compare

from spider2d.cost_file import Cost, write_cost
from spider2d.reports.warnings import make_warnings


def warnings_of(root, **more):
    return "\n".join(make_warnings(compare(root, "exact", "shifted", **more)))


def change(root, method, **changes):
    path = root / method / "scores" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_synthetic_data(runs):
    assert "Synthetic data" not in warnings_of(runs)
    (runs / "data" / "phantom.json").write_text("{}")
    assert warnings_of(runs, dataset=runs / "data").startswith("Synthetic data")


def test_data_set_that_is_not_found_from_this_folder(runs):
    """Whether it is a phantom is not known then, and the report must not look as if it were not."""
    assert "Data set not found" not in warnings_of(runs)
    for method in ("exact", "shifted"):
        change(runs, method, references="elsewhere/masks")
    text = warnings_of(runs)
    assert text.startswith("Data set not found: elsewhere/masks") and "not known whether" in text
    assert "add --dataset DATASET" in text and "Synthetic data" not in text


def test_series_without_score(runs):
    change(runs, "shifted", not_scored=[{"name": "8_t1", "kind": "missing", "reason": "no prediction"}])
    assert "shifted: 1 series were not scored and are in no figure (first: 8_t1)." in warnings_of(runs)


def test_few_patients(written_runs):
    text = "\n".join(make_warnings(compare(written_runs, "exact")))
    assert "Few patients (all series 3, T1 2, T2 1, T2 SPACE 1): below 10 the intervals of means" in text
    assert "Few" not in warnings_by_patients(written_runs, range(10))
    assert "Few patients (all series 9, T1 9)" in warnings_by_patients(written_runs, [*range(9), 0])


def test_few_patients_of_one_sequence(written_runs):
    """Twelve patients are enough, but four of them are all that T2 has."""
    text = warnings_by_patients(written_runs, [*range(12), *range(4)], ["t1"] * 12 + ["t2"] * 4)
    assert "Few patients (T2 4): below 10" in text and "below 3 none is given" in text


def warnings_by_patients(root, patients, sequences=None):
    """Return the warnings of a comparison as if its cases were of these patients."""
    changes = {
        "patients": np.array(patients),
        "sequences": np.array(sequences or ["t1"] * len(patients)),
        "cases": tuple(f"{number}_t1" for number in range(len(patients))),
    }
    return "\n".join(make_warnings(replace(compare(root, "exact"), **changes)))


def test_names_that_give_no_patient(written_runs):
    assert "names" not in warnings_of(written_runs)
    cases = ("1_t1", "001_T1", "1_t2", "3_t2_SPACE")
    text = "\n".join(make_warnings(replace(compare(written_runs, "exact"), cases=cases)))
    assert "1 of 4 names are not <patient>_<t1|t2|t2_SPACE> (first: 001_T1): each counts as a patient" in text


def test_patients_of_the_training(runs):
    change(runs, "exact", subset="training")
    text = warnings_of(runs)
    assert "Scored on the training subset: exact." in text
    assert "Scored without --subset: shifted." in text
    for method in ("exact", "shifted"):
        change(runs, method, subset="validation")
    assert "subset" not in warnings_of(runs)


def test_training_cut_short(runs):
    write_cost(runs / "exact" / "scores" / "cost.json", Cost(steps=1000, planned_steps=1000))
    write_cost(runs / "shifted" / "scores" / "cost.json", Cost(steps=240, planned_steps=1000))
    text = warnings_of(runs)
    assert "shifted: its training was cut short after 240 of 1000 steps" in text
    assert "exact: its training" not in text


def test_skipped_methods(written_runs):
    text = warnings_of(written_runs, skipped={"UNETR": "monai is not installed", "nnU-Net": "no GPU"})
    assert text.endswith("Not compared: UNETR: monai is not installed\nNot compared: nnU-Net: no GPU")
    assert "Not compared" not in warnings_of(written_runs)
