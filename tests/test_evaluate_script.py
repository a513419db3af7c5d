"""src/evaluate_volumes.py on files, as a user runs it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from load_script import load_script

from spider2d import cli
from spider2d.data.volume import Geometry, Volume, read_mask, write_volume
from spider2d.evaluation.spider_score import OFFICIAL_NAMES
from spider2d.evaluation.summary import format_table

SCRIPT = Path(__file__).parents[1] / "src" / "evaluate_volumes.py"
OFFICIAL_CASES = Path(__file__).parent / "data" / "official_score_cases"
SPACING, ORIGIN = (4.4, 0.6, 0.7), (1.0, 2.0, 3.0)
DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


EVALUATE = load_script(SCRIPT)


def run(*arguments):
    args = EVALUATE.parse_args([*map(str, arguments), "--workers", "1"])
    return cli.run(EVALUATE.main, args)


def labels(shift=0):
    """A vertebra, a disc and a canal on an odd-sized grid (z, y, x), moved by ``shift`` rows."""
    array = np.zeros((19, 15, 7), dtype=np.uint8)
    array[3:8, 3:8, 2:5], array[9:11, 3:8, 2:5], array[2:15, 10:12, 3:5] = 1, 201, 100
    return np.roll(array, shift, axis=0)


def write(path, array, spacing=SPACING):
    write_volume(path, Volume(array, Geometry(array.shape[::-1], spacing, ORIGIN, DIRECTION)))


@pytest.fixture
def folders(tmp_path):
    """References and predictions of three series of two patients; two predictions are off by one row."""
    references, predictions = tmp_path / "masks", tmp_path / "predictions"
    for name, shift in (("1_t1", 0), ("1_t2", 1), ("2_t2_SPACE", 1)):
        write(references / f"{name}.mha", labels())
        write(predictions / f"{name}.mha", labels(shift))
    return references, predictions, tmp_path / "scores"


def evaluate(folders, *more):
    references, predictions, output = folders
    return run("--references", references, "--predictions", predictions, "--output", output, *more)


def read_scores(folders):
    output = folders[2]
    metrics = json.loads((output / "metrics.json").read_text())
    tables = [list(csv.DictReader((output / f"per_{kind}.csv").open())) for kind in ("case", "structure")]
    return metrics, *tables


def test_writes_three_files_and_a_table(folders, capsys):
    assert evaluate(folders) == 0
    metrics, per_case, per_structure = read_scores(folders)
    assert metrics["schema"] == 1
    assert metrics["complete"] is True
    assert metrics["cases"] == ["1_t1", "1_t2", "2_t2_SPACE"]
    assert list(metrics["official"]) == list(OFFICIAL_NAMES)
    assert metrics["not_scored"] == []
    assert set(metrics["versions"]) == {"python", "spider2d", "numpy", "scipy", "SimpleITK"}
    assert sorted(path.name for path in folders[2].iterdir()) == sorted(
        ["metrics.json", "per_case.csv", "per_structure.csv"]
    )
    assert [(row["patient"], row["sequence"]) for row in per_case] == [
        *[("1", "t1"), ("1", "t2")],
        ("2", "t2_SPACE"),
    ]
    assert per_case[0]["DiceScoreVertebrae"] == per_case[0]["vertebra_dice"] == "1.0"
    assert float(per_case[1]["vertebra_dice"]) == pytest.approx(2 * 60 / 150)
    assert len(per_structure) == 3 * 3
    assert {row["structure"] for row in per_structure} == {"vertebra", "disc", "canal"}
    printed = capsys.readouterr().out
    assert format_table(metrics) in printed
    assert "next:" in printed


def test_official_figures_reach_the_files(tmp_path):
    for name in ("perturbed_lps", "empty_prediction", "no_canal_in_reference", "no_disc_in_reference"):
        for kind in ("reference", "prediction"):
            mask = read_mask(OFFICIAL_CASES / name / f"{kind}.mha")
            write_volume(tmp_path / kind / f"{name}.nii.gz", mask)
    folders = tmp_path / "reference", tmp_path / "prediction", tmp_path / "scores"
    assert evaluate(folders) == 0
    metrics, per_case, _ = read_scores(folders)
    rows = {row["case"]: row for row in per_case}
    expected = json.loads((OFFICIAL_CASES / "perturbed_lps" / "expected.json").read_text())["official"]
    for name, value in expected.items():
        assert float(rows["perturbed_lps"][name]) == pytest.approx(value, abs=1e-6)  # NIfTI spacing: float32
    assert rows["empty_prediction"]["ASDDiscs"] == ""
    assert rows["empty_prediction"]["vertebra_dice"] == "0.0"
    assert rows["no_canal_in_reference"]["DiceScoreSpinalCanal"] == "999.0"
    assert rows["no_disc_in_reference"]["OveralDiceScore"] == ""
    assert float(rows["no_disc_in_reference"]["vertebra_dice"]) > 0.5
    assert metrics["official"]["DiceScoreSpinalCanal"]["n_sentinel"] == 1
    assert metrics["official"]["OveralDiceScore"]["n"] == 3
    assert {note["case"] for note in metrics["notes"]} == set(rows) - {"perturbed_lps"}


def test_cost_file_of_a_former_scoring_is_noted(folders, capsys):
    assert evaluate(folders) == 0
    assert "was there before" not in capsys.readouterr().out
    (folders[2] / "cost.json").write_text("{}")
    assert evaluate(folders) == 0
    assert f"note: {folders[2] / 'cost.json'} was there before and stays" in capsys.readouterr().out
    assert (folders[2] / "cost.json").read_text() == "{}"


def test_intervals_of_few_patients_are_noted_where_there_are_any(tmp_path, capsys):
    noted = []
    for n_patients in (1, 2, 3, 9, 10):
        EVALUATE.print_notes({"n_patients": n_patients, "names_note": None, "notes": []}, tmp_path)
        noted.append("intervals of few patients" in capsys.readouterr().out)
    assert noted == [False, False, True, True, False]


def test_names_that_give_no_patient_are_noted(folders, capsys):
    assert evaluate(folders) == 0
    assert "names are not" not in capsys.readouterr().out
    for folder in folders[:2]:
        (folder / "1_t2.mha").rename(folder / "001_T2.mha")
    assert evaluate(folders) == 0
    assert "note: 1 of 3 names are not <patient>_<t1|t2|t2_SPACE> (first: 001_T2)" in capsys.readouterr().out
    assert read_scores(folders)[0]["n_patients"] == 3


def test_formats_and_pixel_types_may_differ(folders):
    (folders[1] / "1_t1.mha").unlink()
    write(folders[1] / "1_t1.nii.gz", labels().astype(np.float32))
    write(folders[1] / "1_t2.mha", labels().astype(np.int16))
    assert evaluate(folders) == 0
    metrics = read_scores(folders)[0]
    assert metrics["cases"] == ["1_t1", "1_t2", "2_t2_SPACE"]
    assert metrics["by_sequence"]["t1"]["strict"]["overall_dice"]["mean"] == 1


def test_bad_cases_among_good_ones(folders, capsys):
    references, predictions, _ = folders
    for number, content in enumerate((b"", b"no image at all", (predictions / "1_t2.mha").read_bytes()[:-9])):
        write(references / f"{number + 3}_t1.mha", labels())
        (predictions / f"{number + 3}_t1.mha").write_bytes(content)
    write(references / "6_t1.mha", labels())
    write(predictions / "6_t1.mha", labels(), spacing=(4.4, 0.6, 0.8))
    write(references / "7_t1.mha", labels())
    write(predictions / "7_t1.mha", labels() * np.float32(0.5))
    write(references / "8_t1.mha", labels())
    write(predictions / "8_t1.mha", labels().astype(np.int8))
    assert evaluate(folders) == 1
    metrics = read_scores(folders)[0]
    assert metrics["cases"] == ["1_t1", "1_t2", "2_t2_SPACE"]
    assert metrics["complete"] is False
    assert [(entry["name"], entry["kind"]) for entry in metrics["not_scored"]] == [
        (f"{number}_t1", "failed") for number in range(3, 9)
    ]
    errors = capsys.readouterr().err
    assert "6_t1 is not scored: the grids of reference and prediction differ: spacing" in errors
    assert "7_t1 is not scored" in errors
    assert "label value -55" in errors
    assert "Traceback" not in errors


def test_missing_partners_are_listed_not_averaged(folders, capsys):
    references, predictions, _ = folders
    (predictions / "1_t1.mha").unlink()
    write(predictions / "9_t1.mha", labels())
    assert evaluate(folders) == 0
    metrics = read_scores(folders)[0]
    assert metrics["n_cases"] == 2
    assert metrics["complete"] is False
    assert [(entry["name"], entry["kind"]) for entry in metrics["not_scored"]] == [
        ("1_t1", "no_prediction"),
        ("9_t1", "no_reference"),
    ]
    errors = capsys.readouterr().err
    assert "no prediction of that name: 1 (1_t1)" in errors
    assert "no reference of that name: 1 (9_t1)" in errors


@pytest.fixture
def dataset(folders, tmp_path):
    """The three series as a data set folder, patient 1 in validation and patient 2 in training."""
    rows = ["new_file_name,subset"]
    for name, subset in (("1_t1", "validation"), ("1_t2", "validation"), ("2_t2_SPACE", "training")):
        write(tmp_path / "images" / f"{name}.mha", labels().astype(np.int16))
        rows.append(f"{name},{subset}")
    (tmp_path / "overview.csv").write_text("\r\n".join(rows) + "\r\n")
    return tmp_path


def test_subset_scores_exactly_its_series(folders, dataset):
    assert evaluate(folders, "--dataset", dataset, "--subset", "validation") == 0
    metrics = read_scores(folders)[0]
    assert metrics["cases"] == ["1_t1", "1_t2"]
    assert metrics["complete"] is True
    assert metrics["subset"] == "validation"


def test_subset_demands_all_its_predictions(folders, dataset, capsys):
    (folders[1] / "1_t2.mha").unlink()
    assert evaluate(folders, "--dataset", dataset, "--subset", "validation") == 1
    assert "no prediction of that name: 1 (1_t2)" in capsys.readouterr().err
    assert read_scores(folders)[0]["complete"] is False


def test_references_default_to_the_masks_of_the_data_set(folders, dataset):
    assert run("--dataset", dataset, "--predictions", folders[1], "--output", folders[2]) == 0
    with_dataset = read_scores(folders)[0]
    assert run("--references", dataset, "--predictions", folders[1], "--output", folders[2]) == 0
    assert read_scores(folders)[0]["references_digest"] == with_dataset["references_digest"]
    assert with_dataset["n_cases"] == 3


def test_unusable_folders_are_errors(folders, tmp_path, capsys):
    references, predictions, output = folders
    (tmp_path / "void").mkdir()
    assert run("--references", tmp_path / "nowhere", "--predictions", predictions) == 1
    assert "preprocessing/make_phantom.py" in capsys.readouterr().err
    assert run("--references", references, "--predictions", tmp_path / "void") == 1
    assert "src/infer_volume.py" in capsys.readouterr().err
    write(predictions / "1_t1.nii.gz", labels())
    assert evaluate(folders) == 1
    assert "1_t1.mha and 1_t1.nii.gz are one series" in capsys.readouterr().err
    assert not output.exists()


def test_nothing_to_score_is_an_error(folders, tmp_path, capsys):
    write(tmp_path / "others" / "5_t1.mha", labels())
    assert run("--references", folders[0], "--predictions", tmp_path / "others", "--output", folders[2]) == 1
    assert "nothing scored" in capsys.readouterr().err
    assert not (folders[2] / "metrics.json").exists()


def test_output_that_cannot_be_a_folder(folders, capsys):
    folders[2].write_text("a file")
    assert evaluate(folders) == 1
    assert str(folders[2]) in capsys.readouterr().err
    assert folders[2].read_text() == "a file"


def test_several_processes_give_the_same_files(folders):
    assert evaluate(folders) == 0
    one_process = {path.name: path.read_bytes() for path in folders[2].iterdir()}
    references, predictions, output = folders
    command = [sys.executable, SCRIPT, "--references", references, "--predictions", predictions]
    done = subprocess.run(
        [*map(str, command), "--output", str(output), "--workers", "2"], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in output.iterdir()} == one_process


def test_2d_masks_are_refused_clearly(folders, capsys):
    image = sitk.GetImageFromArray(labels()[:, :, 3])
    sitk.WriteImage(image, str(folders[1] / "1_t1.mha"))
    assert evaluate(folders) == 1
    errors = capsys.readouterr().err
    assert "1_t1 is not scored" in errors and "--rows-2d superior-first" in errors


def test_2d_masks_are_scored_when_their_rows_are_told(folders):
    """The Dice of 5 x 5 pixels moved by one row is that of the 5 x 5 x 3 voxels in 3D."""
    for folder in folders[:2]:
        for path in folder.iterdir():
            mask = sitk.GetImageFromArray(read_mask(path).array_zyx[:, :, 3])
            sitk.WriteImage(mask, str(path))
    assert evaluate(folders, "--rows-2d", "superior-first") == 0
    metrics, per_case, _ = read_scores(folders)
    assert metrics["rows_2d"] == "superior-first" and metrics["n_cases"] == 3
    assert [float(row["vertebra_dice"]) for row in per_case] == pytest.approx([1, 0.8, 0.8])
