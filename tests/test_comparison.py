import csv
import json
import shutil

import numpy as np
import pytest
from scored_runs import compare, score, write_drifting
from tiny_dataset import labels_sra, write_series

from spider2d.errors import ComparisonError, ConfigError
from spider2d.reports.comparison import DataSource
from spider2d.reports.study import parse_study, run_folder


def change_metrics(method, **changes):
    path = method / "scores" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_cases_are_laid_out_alike_for_all_runs(written_runs):
    comparison = compare(written_runs, "exact", "shifted")
    assert comparison.cases == ("1_t1", "1_t2", "2_t1", "3_t2_SPACE")
    assert comparison.patients.tolist() == ["1", "1", "2", "3"]
    assert [title for title, _, _ in comparison.groups()] == ["all series", "T1", "T2", "T2 SPACE"]
    assert comparison.groups()[1][2].tolist() == [True, False, True, False]
    exact, shifted = (comparison.values(run, "disc_dice") for run in comparison.runs)
    assert exact.tolist() == [1, 1, 1, 1]
    assert (shifted < 1).all() and (shifted > 0.3).all()


def test_any_order_of_rows_gives_the_same_pairs(runs):
    write_drifting(runs)
    path = runs / "drifting" / "scores" / "per_case.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n")
    comparison = compare(runs, "exact", "drifting")
    with path.open(newline="") as file:
        dice = {row["case"]: float(row["vertebra_dice"]) for row in csv.DictReader(file)}
    assert comparison.cases == ("1_t1", "1_t2", "2_t1", "3_t2_SPACE")
    values = comparison.values(comparison.runs[1], "vertebra_dice").tolist()
    assert values == [dice[name] for name in comparison.cases]
    assert values == sorted(set(values), reverse=True)  # one row more each


def test_data_set_and_predictions_are_found_by_what_the_scores_name(written_runs):
    comparison = compare(written_runs, "exact")
    assert comparison.data.root == written_runs / "data" and comparison.data.synthetic is False
    assert comparison.runs[0].predictions == written_runs / "exact" / "predictions"


def test_phantom_is_known_by_its_note(runs):
    (runs / "data" / "phantom.json").write_text("{}")
    assert compare(runs, "exact", dataset=runs / "data").data.synthetic is True


def test_data_set_that_is_gone_is_unknown(runs):
    change_metrics(runs / "exact", references="elsewhere/masks")
    assert compare(runs, "exact").data.synthetic is None


def test_phantom_is_known_by_the_references_whatever_data_set_is_named(runs, written_runs, tmp_path):
    shutil.copytree(runs / "data", tmp_path / "real")
    change_metrics(runs / "shifted", references=str(runs / "data" / "masks"))
    (runs / "data" / "phantom.json").write_text("{}")
    for first, other in (("exact", "shifted"), ("shifted", "exact")):
        data = compare(runs, first, other, dataset=tmp_path / "real").data
        assert data.root == tmp_path / "real" and data.synthetic is True
        assert compare(runs, first, other).data.synthetic is True
    assert compare(runs, "exact", dataset=tmp_path / "real").data.synthetic is False
    shutil.rmtree(runs / "data" / "images")
    assert compare(runs, "shifted").data == DataSource(None, True)


def test_cost_beside_the_scores_is_taken(runs):
    (runs / "exact" / "scores" / "cost.json").write_text('{"dimension": "2.5D", "parameters": 7}')
    run = compare(runs, "exact").runs[0]
    assert (run.dimension, run.cost.parameters, run.cost.gmac_per_volume) == ("2.5D", 7, None)


def test_other_cases_are_refused_by_name(runs):
    (runs / "shifted" / "predictions" / "1_t2.mha").unlink()
    score(runs / "data" / "masks", runs / "shifted" / "predictions", runs / "shifted" / "scores")
    with pytest.raises(ComparisonError) as error:
        compare(runs, "exact", "shifted")
    assert "1_t2 is in exact, not in shifted (no prediction of this name" in str(error.value)
    assert "evaluate_volumes.py" in str(error.value)


def test_commands_of_refused_runs_can_be_typed(written_runs, tmp_path):
    """Folders with blanks in their names stand in quotes."""
    root = shutil.copytree(written_runs, tmp_path / "my runs")
    shifted, masks = root / "shifted", written_runs / "data" / "masks"
    (shifted / "predictions" / "1_t2.mha").unlink()
    score(masks, shifted / "predictions", shifted / "scores")
    with pytest.raises(ComparisonError, match=f'"{shifted}/predictions" --output "{shifted}/scores"$'):
        compare(root, "exact", "shifted")
    shutil.copy(masks / "1_t1.mha", shifted / "predictions" / "1_t2.mha")
    shutil.copytree(masks, root / "data" / "other masks")
    labels = labels_sra()
    labels[2, 5, 30] = 1  # one voxel more
    write_series(root / "other", "2_t1", labels=labels)
    shutil.copy(root / "other" / "masks" / "2_t1.mha", root / "data" / "other masks")
    score(root / "data" / "other masks", shifted / "predictions", shifted / "scores")
    with pytest.raises(ComparisonError, match=f'"{shifted}/predictions" --output "{shifted}/scores"$'):
        compare(root, "exact", "shifted")


def test_other_references_are_refused_by_name(runs):
    labels = labels_sra()
    labels[2, 5, 30] = 1  # one voxel more
    write_series(runs / "other", "2_t1", labels=labels)
    shutil.copy(runs / "other" / "masks" / "2_t1.mha", runs / "data" / "masks" / "2_t1.mha")
    score(runs / "data" / "masks", runs / "shifted" / "predictions", runs / "shifted" / "scores")
    with pytest.raises(ComparisonError, match="different references .the first case that differs: 2_t1"):
        compare(runs, "exact", "shifted")


def test_missing_files_are_named(runs):
    for name in ("metrics.json", "per_case.csv", "per_structure.csv"):
        (runs / "exact" / "scores" / name).rename(runs / "kept")
        with pytest.raises(ComparisonError, match=f"{name}: no such file.*evaluate_volumes.py"):
            compare(runs, "exact")
        (runs / "kept").rename(runs / "exact" / "scores" / name)


@pytest.mark.parametrize(
    ("name", "damage", "complaint"),
    [
        ("metrics.json", lambda text: text[:-20], "damaged, not readable as JSON"),
        ("metrics.json", lambda text: text.replace('"schema": 1', '"schema": 2'), "schema 1, found 2"),
        ("metrics.json", lambda text: text.replace('"strict"', '"lax"'), "incomplete, no 'strict'"),
        ("metrics.json", lambda text: "[]", "schema 1, found None"),
        ("per_case.csv", lambda text: text[: len(text) // 2], "cut short"),
        ("per_case.csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "hold different cases"),
        ("per_case.csv", lambda text: text.replace(",1.0,", ",one,", 1), "damaged .could not convert"),
        ("per_structure.csv", lambda text: text.replace("3_t2_SPACE", "9_t1"), "hold different cases"),
        ("cost.json", lambda text: '{"parametres": 3}', "did you mean parameters"),
    ],
)
def test_damaged_files_are_refused(runs, name, damage, complaint):
    path = runs / "exact" / "scores" / name
    path.write_text(damage(path.read_text() if path.is_file() else ""))
    with pytest.raises((ComparisonError, ConfigError), match=complaint):
        compare(runs, "exact")


def test_folder_that_is_no_data_set(runs):
    with pytest.raises(ComparisonError, match="no folder images"):
        compare(runs, "exact", dataset=runs / "exact")


def test_words_of_the_command_line(tmp_path):
    study = parse_study(["2D=a/scores", "nnU-Net = b=c"])
    assert [(run.name, run.scores.as_posix().strip()) for run in study.runs] == [
        ("2D", "a/scores"),
        ("nnU-Net", "b=c"),
    ]
    assert study.margin_dice == 0.02


@pytest.mark.parametrize("word", ["runs/a/scores", "=runs/a", "2D="])
def test_words_of_another_form_are_refused(word):
    with pytest.raises(ComparisonError, match="NAME=FOLDER"):
        parse_study([word])


def test_a_name_stands_for_one_run():
    with pytest.raises(ComparisonError, match="two runs are called '2D'"):
        parse_study(["2D=a", "3D=b", "2D=c"])


@pytest.mark.parametrize("name", ["reference", "image", "Image"])
def test_a_run_is_not_called_as_a_panel_of_the_pictures(name):
    with pytest.raises(ComparisonError, match=f"a run cannot be called '{name}'"):
        parse_study(["2D=a", f"{name}=b"])
    assert parse_study(["2D=a", f"{name} 2=b"]).runs[1].name == f"{name} 2"


def test_a_name_that_is_too_long_is_a_message_and_no_traceback():
    assert parse_study(["x" * 60 + "=a"]).runs[0].name == "x" * 60
    with pytest.raises(ConfigError, match=r"the command line is not valid:\n  runs.1.name: .* 60 characters"):
        parse_study(["2D=a", "x" * 61 + "=b"])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["U-Net/2=a", "U-Net_2=b"], "the run 'U-Net_2' .* folder 'U-Net_2'.* of the run 'U-Net/2'"),
        (["unet=a", "UNet=b"], "the run 'UNet' .* of the run 'unet'"),
        (["2D=a", "Reference masks=b"], "of the reference masks"),
        (["..=a"], "'..' is no name for a run"),
    ],
)
def test_two_runs_never_share_a_tensorboard_folder(words, complaint):
    with pytest.raises(ComparisonError, match=complaint):
        parse_study(words)


def test_names_that_differ_in_letters_have_folders_of_their_own():
    names = ["U-Net/2", "U-Net/3"]
    assert [run.name for run in parse_study([f"{name}=a" for name in names]).runs] == names
    assert [run_folder(name) for name in names] == ["U-Net_2", "U-Net_3"]


def test_study_file(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("margin_dice: 0.05\nruns:\n  - {name: a, scores: b, dimension: 3D}\n")
    study = parse_study([str(path)])
    assert study.margin_dice == 0.05 and study.runs[0].dimension == "3D"
    path.write_text("runs:\n  - {name: a, score: b}\n")
    with pytest.raises(ConfigError, match="score"):
        parse_study([str(path)])


def test_missing_study_file_does_not_point_to_configurations_of_trainings(tmp_path):
    with pytest.raises(ConfigError) as error:
        parse_study([str(tmp_path / "none.yaml")])
    text = str(error.value)
    assert "none.yaml: no such study file; python src/compare_2d_3d.py --help" in text
    assert "experiments" not in text and "NAME=FOLDER" in text


def test_study_file_may_say_what_was_skipped(tmp_path):
    path = tmp_path / "study.yaml"
    runs = "runs: [{name: 2D, scores: b}]\n"
    path.write_text(runs)
    assert parse_study([str(path)]).skipped == {}
    path.write_text(runs + "skipped: {UNETR: monai is not installed, nnU-Net: no GPU}\n")
    assert parse_study([str(path)]).skipped == {"UNETR": "monai is not installed", "nnU-Net": "no GPU"}


@pytest.mark.parametrize(
    ("skipped", "complaint"),
    [
        ("{2D: no GPU}", "'2D' is both a run and under 'skipped'"),
        ("{UNETR: ''}", "skipped.UNETR"),
        ("{UNETR: 3}", "skipped.UNETR"),
        ("[UNETR]", "skipped"),
    ],
)
def test_skipped_is_methods_with_reasons(tmp_path, skipped, complaint):
    path = tmp_path / "study.yaml"
    path.write_text(f"runs: [{{name: 2D, scores: b}}]\nskipped: {skipped}\n")
    with pytest.raises((ComparisonError, ConfigError), match=complaint):
        parse_study([str(path)])


def test_missing_values_stay_missing(runs):
    path = runs / "exact" / "scores" / "per_case.csv"
    path.write_text(path.read_text().replace(",1.0,", ",,", 1))
    comparison = compare(runs, "exact")
    assert any(np.isnan(list(row.values.values())).any() for row in comparison.runs[0].cases.values())
