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


def test_series_without_score(runs):
    change(runs, "shifted", not_scored=[{"name": "8_t1", "kind": "missing", "reason": "no prediction"}])
    assert "shifted: 1 series were not scored and are in no figure (first: 8_t1)." in warnings_of(runs)


def test_few_patients(written_runs):
    comparison = compare(written_runs, "exact")
    assert "3 patients, fewer than 10: the intervals of means" in "\n".join(make_warnings(comparison))
    ten = replace(comparison, patients=np.arange(10))
    assert "fewer than 10" not in "\n".join(make_warnings(ten))
    nine = replace(comparison, patients=np.arange(10) % 9)
    assert "9 patients, fewer than 10" in "\n".join(make_warnings(nine))


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
