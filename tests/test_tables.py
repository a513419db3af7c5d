"""The accuracy tables on runs with missed and extra structures."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scored_runs import compare, score, write_runs

from spider2d.data.volume import Volume, read_mask, write_volume
from spider2d.reports.difference_tables import difference_tables
from spider2d.reports.tables import accuracy_table, found_words, sequence_tables


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """In "shifted", the canal of 1_t1 is missed, and a box is an extra vertebra in 2_t1."""
    root = write_runs(tmp_path_factory.mktemp("runs"))
    folder = root / "shifted" / "predictions"
    change(folder / "1_t1.mha", lambda labels: np.where(labels == 100, 0, labels))
    change(folder / "2_t1.mha", add_box)
    score(root / "data" / "masks", folder, root / "shifted" / "scores")
    return root


def add_box(labels_zyx):
    labels_zyx = labels_zyx.copy()
    assert (labels_zyx[:4, :4, :4] == 0).all()
    labels_zyx[:4, :4, :4] = 9
    return labels_zyx


def change(path, function):
    mask = read_mask(path)
    write_volume(path, Volume(function(mask.array_zyx).astype(np.uint8), mask.geometry))


def column(table, name):
    """Return {leading words of the row: cell} of one column."""
    position = table.columns.index(name)
    return {row[: table.text_columns]: row[position] for row in table.rows}


def test_missed_and_extra_structures_are_counted(written):
    comparison = compare(written, "exact", "shifted")
    assert found_words(comparison.runs[0]) == "found 12/12 vertebrae, 8/8 discs, 4/4 canals"
    assert found_words(comparison.runs[1]) == "found 12/12 vertebrae (1 extra), 8/8 discs, 3/4 canals"


def test_intervals_stand_where_the_scores_hold_them(runs):
    path = runs / "exact" / "scores" / "metrics.json"
    metrics = json.loads(path.read_text())
    for interval, cell in ((None, "1.000"), ([0.5, 1.0], "1.000 [0.500, 1.000]")):
        metrics["confidence_intervals"]["strict"]["disc_dice"] = interval
        path.write_text(json.dumps(metrics))
        table = accuracy_table(compare(runs, "exact"))
        assert column(table, "Dice [95 %]")["disc", "exact", "n/a"] == cell
    assert "none below 3 patients" in table.note


def test_extra_structures_lower_the_panoptic_quality(written):
    quality = column(accuracy_table(compare(written, "exact", "shifted")), "panoptic quality")
    assert quality["vertebra", "exact", "n/a"] == "1.000"
    means = json.loads((written / "shifted" / "scores" / "metrics.json").read_text())["strict"]
    assert quality["vertebra", "shifted", "n/a"] == f"{means['vertebra_panoptic_quality']['mean']:.3f}"
    assert float(quality["vertebra", "shifted", "n/a"]) < 1


def test_distances_say_over_how_many_series_they_are(written):
    dice, asd, _ = sequence_tables(compare(written, "exact", "shifted"))
    shifted = column(asd, "shifted")
    assert shifted["canal", "all series"].endswith("(n 3)")
    assert shifted["canal", "T1"].endswith("(n 1)")
    assert "(n" not in shifted["canal", "T2"] and "(n" not in shifted["disc", "all series"]
    assert not any("(n" in cell for row in dice.rows for cell in row)


def difference_cells(root, differences):
    """Return p and p Holm of the vertebrae's Dice as if patients had these differences."""
    comparison = compare(root, "exact", "shifted")
    names = tuple(f"{number}_t1" for number in range(len(differences)))
    dice = [dict.fromkeys(names, 0.5), dict(zip(names, 0.5 - np.array(differences), strict=True))]
    template = next(iter(comparison.runs[0].cases.values()))
    cases = [
        {name: replace(template, values={**template.values, "vertebra_dice": of[name]}) for name in names}
        for of in dice
    ]
    runs = tuple(replace(run, cases=c) for run, c in zip(comparison.runs, cases, strict=True))
    changes = {"cases": names, "patients": np.array(names), "sequences": np.array(["t1"] * len(names))}
    row = difference_tables(replace(comparison, runs=runs, **changes))[0].rows[0]
    return row[6], row[7]


def test_tests_that_cannot_be_significant_are_marked(runs):
    """Six differences of one sign give p = 2 / 2^6 = 0.031, five 0.063, however many patients have none."""
    assert difference_cells(runs, [0.1] * 6 + [0.0] * 4)[0] == "0.031"
    p, p_holm = difference_cells(runs, [0.1] * 5 + [0.0] * 5)
    assert p == "0.062, too few differ" and p_holm.endswith(", too few differ")
    assert difference_cells(runs, [0.0] * 10)[0] == "1.000, too few differ"
    assert difference_cells(runs, [0.1] * 5)[0] == "0.062, n too small"


def test_differences_say_over_how_many_series_they_are(written):
    tables = {table.title: table for table in difference_tables(compare(written, "exact", "shifted"))}
    pair = "exact - shifted"
    dice = tables["Paired differences of Dice, first minus other, all series"]
    asd = tables["Paired differences of ASD mm, first minus other, all series"]
    assert column(dice, "n series")[pair, "canal", "all series"] == "4"
    assert column(asd, "n series")[pair, "canal", "all series"] == "3"
    assert column(asd, "n patients")[pair, "canal", "all series"] == "3"
