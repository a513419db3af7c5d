"""Every figure that the report reads is needed: without one, the message names it."""

import csv
import io
import json

import pytest

from spider2d.errors import ComparisonError
from spider2d.reports.score_checks import CASE_COLUMNS, INSTANCE_COLUMNS, evaluate_command, score_again
from spider2d.reports.scored_run import read_run
from spider2d.reports.study import RunSource


@pytest.fixture
def scores(runs):
    """The scores of one method, which a test may damage."""
    return runs / "exact" / "scores"


def complaint(scores):
    with pytest.raises(ComparisonError) as error:
        read_run(RunSource(name="exact", scores=scores))
    text = str(error.value)
    command = "Score it again: python src/evaluate_volumes.py --references MASKS --predictions PREDICTIONS"
    assert f"{command} --output {scores} (or --dataset DATASET" in text
    return text


def drop_column(path, column):
    rows = list(csv.DictReader(path.read_text().splitlines()))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [name for name in rows[0] if name != column], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(buffer.getvalue())


@pytest.mark.parametrize("column", CASE_COLUMNS)
def test_missing_column_of_the_cases_is_named(scores, column):
    drop_column(scores / "per_case.csv", column)
    assert f"{scores / 'per_case.csv'}: incomplete, no column '{column}'" in complaint(scores)


@pytest.mark.parametrize("column", INSTANCE_COLUMNS)
def test_missing_column_of_the_structures_is_named(scores, column):
    drop_column(scores / "per_structure.csv", column)
    assert f"{scores / 'per_structure.csv'}: incomplete, no column '{column}'" in complaint(scores)


NULL = object()


def change(scores, keys, value=None):
    """Set a nested key of metrics.json (``NULL``: to null), or remove it."""
    path = scores / "metrics.json"
    metrics = json.loads(path.read_text())
    *parents, last = keys.split("/")
    group = metrics
    for key in parents:
        group = group[key]
    if value is None:
        del group[last]
    else:
        group[last] = None if value is NULL else value
    path.write_text(json.dumps(metrics))


@pytest.mark.parametrize(
    "keys",
    [
        "subset",
        "references_digest",
        "strict",
        "strict/canal_asd_mm",
        "strict/disc_dice/n",
        "official/ASDVertebrae",
        "instances/vertebra/dice/std",
        "by_sequence/t1",
        "by_sequence/t2/strict/overall_dice",
        "confidence_intervals",
        "confidence_intervals/strict/canal_dice",
        "confidence_intervals/by_sequence/t2_SPACE",
    ],
)
def test_missing_key_of_the_metrics_is_named(scores, keys):
    change(scores, keys)
    dotted = keys.replace("/", ".")
    assert f"{scores / 'metrics.json'}: incomplete, no '{dotted}' in it" in complaint(scores)


@pytest.mark.parametrize(
    ("keys", "value", "needed"),
    [
        ("subset", "all", "subset is 'all', needed is 'training', 'validation' or null"),
        ("strict/disc_dice/mean", "0.9", "strict.disc_dice.mean is '0.9', needed is a number or null"),
        ("confidence_intervals/strict/disc_dice", [0.9], "is [0.9], needed is [lower, upper] or null"),
        ("predictions", NULL, "predictions is None, needed is a text"),
        ("references", 3, "references is 3, needed is a text"),
        ("references_digest", [], "references_digest is [], needed is a text"),
        ("cases", NULL, "cases is None, needed is a list of names"),
        ("cases", [1, 2], "cases is [1, 2], needed is a list of names"),
        ("not_scored", NULL, "not_scored is None, needed is a list of names with reasons"),
        ("not_scored", ["8_t1"], "not_scored is ['8_t1'], needed is a list of names with reasons"),
        ("not_scored", [{"name": "8_t1"}], "needed is a list of names with reasons"),
        ("official/ASDVertebrae/n_sentinel", NULL, "n_sentinel is None, needed is a number"),
    ],
)
def test_what_is_of_another_type_is_named(scores, keys, value, needed):
    change(scores, keys, value)
    assert needed in complaint(scores)


def change_cell(scores, column, value):
    """Write another value into the first row of per_case.csv."""
    path = scores / "per_case.csv"
    head, first, *rows = path.read_text().splitlines()
    cells = first.split(",")
    cells[head.split(",").index(column)] = value
    path.write_text("\n".join([head, ",".join(cells), *rows]) + "\n")


@pytest.mark.parametrize("value", ["", "nan", "2.5"])
def test_count_that_is_none_is_named(scores, value):
    change_cell(scores, "disc_extra_count", value)
    text = complaint(scores)
    assert f"{scores / 'per_case.csv'}: damaged (1_t1: disc_extra_count is '{value}', needed is" in text


def test_case_that_stands_twice_is_named(scores):
    path = scores / "per_case.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[2] + "\n")
    assert f"{path}: damaged, 2 rows of 1_t2." in complaint(scores)


@pytest.mark.parametrize(
    ("value", "mean"), [("0.999992", "0.999998 here"), ("0.5", "0.875"), ("", "1 there")]
)
def test_files_of_two_scorings_are_refused(scores, value, mean):
    """They name the same cases; only the figures tell."""
    change_cell(scores, "canal_dice", value)
    if not value:  # a mean over fewer cases that is the same is not told, one of no case is
        drop_values(scores / "per_case.csv", "canal_dice")
    text = complaint(scores)
    assert "per_case.csv: of another scoring than metrics.json beside it: the mean of canal_dice is" in text
    assert mean in text


def drop_values(path, column):
    rows = list(csv.DictReader(path.read_text().splitlines()))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    writer.writerows(row | {column: ""} for row in rows)
    path.write_text(buffer.getvalue())


def test_commands_can_be_typed_with_blanks_in_the_folders():
    assert score_again("my runs/a").endswith(
        '--output "my runs/a" (or --dataset DATASET --subset validation in place of --references)'
    )
    metrics = {"references": "my data/masks", "subset": None}
    assert evaluate_command(metrics, "my runs/p", "s") == (
        'python src/evaluate_volumes.py --references "my data/masks" --predictions "my runs/p" --output s'
    )
    assert " --rows-2d superior-first " in evaluate_command(metrics | {"rows_2d": "superior-first"}, "p", "s")
    in_subset = evaluate_command(metrics | {"subset": "training"}, "p", "s")
    assert '--references "my data/masks" --dataset "my data" --subset training --predictions p' in in_subset


def test_complete_scores_are_read(scores):
    assert len(read_run(RunSource(name="exact", scores=scores)).cases) == 4
