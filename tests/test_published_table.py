"""Published figures and scored runs in one table."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scored_runs import compare

from spider2d.baselines.published import HIDDEN_TEST_SET, VALIDATION_SET
from spider2d.reports.comparison import DataSource
from spider2d.reports.published_table import published_table, why_not_comparable


def test_a_run_has_an_official_and_a_strict_row(written_runs):
    table = published_table(compare(written_runs, "exact", "shifted"))
    position = table.columns.index("canal Dice")
    official, strict = (row[position] for row in table.rows if row[0] == "shifted")
    figures = json.loads((written_runs / "shifted" / "scores" / "metrics.json").read_text())
    mean, std = (figures["official"]["DiceScoreSpinalCanal"][key] for key in ("mean", "std"))
    assert official == f"{mean:.3f} ± {std:.3f}"
    pooled = figures["instances"]["canal"]["dice"]
    assert strict == f"{pooled['mean']:.3f} ± {pooled['std']:.3f}"


def test_official_999_for_no_canal_is_left_out_and_said(runs):
    path = runs / "exact" / "scores" / "metrics.json"
    metrics = json.loads(path.read_text())
    for name in ("DiceScoreSpinalCanal", "ASDSpinalCanal"):
        metrics["official"][name] |= {"mean": 250.5, "n_sentinel": 1, "mean_without_sentinel": 0.75}
    path.write_text(json.dumps(metrics))
    table = published_table(compare(runs, "exact", "shifted"))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["canal Dice"] == "0.750"
    assert "without the 999 that the program gives 1 series without a canal" in row["protocol"]


def validation(comparison, n_patients=39, n_series=87, subset="validation", synthetic=False):
    """Return the comparison as if it were over so many series of a subset."""
    return replace(
        comparison,
        runs=tuple(SimpleNamespace(metrics={"subset": word}) for word in ("validation", subset)),
        data=DataSource(None, synthetic),
        cases=tuple(map(str, range(n_series))),
        patients=np.arange(n_series) % n_patients,
    )


@pytest.mark.parametrize(
    ("test_set", "changes", "reason"),
    [
        (VALIDATION_SET, {}, "same 39 patients, but not comparable"),
        (VALIDATION_SET, {"n_patients": 38}, "not comparable (not the same patients)"),
        (VALIDATION_SET, {"n_series": 86}, "not comparable (not the same patients)"),
        (VALIDATION_SET, {"subset": None}, "not comparable (not the same patients)"),
        (VALIDATION_SET, {"synthetic": True}, "not comparable (synthetic data)"),
        (VALIDATION_SET, {"synthetic": None}, "not comparable (scored on unknown data)"),
        (HIDDEN_TEST_SET, {}, "not comparable (other patients)"),
        ("own split of SPIDER's public part", {}, "not comparable (not the same patients)"),
    ],
)
def test_the_reason_depends_on_the_test_set_of_the_row(written_runs, test_set, changes, reason):
    assert (
        why_not_comparable(test_set, validation(compare(written_runs, "exact", "shifted"), **changes))
        == reason
    )


def rows_by_method(comparison):
    table = published_table(comparison)
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}, table


def test_published_rows(written_runs):
    rows, table = rows_by_method(compare(written_runs, "exact", "shifted"))
    assert rows["IIS"]["parameters, M"] == "1.3"
    assert rows["2D U-Net, thesis"]["parameters, M"] == "28.9"
    assert rows["IIS"]["comparable with the runs?"] == "not comparable (other patients)"
    protocol = rows["2D U-Net, official validation set"]["comparable with the runs?"]
    assert protocol.endswith("and by itself: 2D slices and whole classes: no instances, no volumes")
    iis = next(row for row in table.rows if row[0] == "IIS")
    assert iis[4:13] == (
        *("0.93 ± 0.05", "0.48 ± 0.95", "99.8 %"),
        *("0.84 ± 0.10", "0.54 ± 0.45", "98.7 %"),
        *("0.92 ± 0.04", "0.39 ± 0.45", "completeness 99.1 %"),
    )


def test_own_parameters_stand_beside_published_ones(runs):
    (runs / "exact" / "scores" / "cost.json").write_text('{"parameters": 3700000}')
    rows, _ = rows_by_method(compare(runs, "exact", "shifted"))
    assert (rows["exact"]["parameters, M"], rows["shifted"]["parameters, M"]) == ("3.7", "n/a")
