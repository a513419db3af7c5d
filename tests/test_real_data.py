import json

import numpy as np
import pytest
from boxes import bodies
from load_script import load_script
from painted_spine import LPS, PIR, paint_volume

from spider2d import cli
from spider2d.data.volume import from_canonical, read_volume, to_canonical, write_volume
from spider2d.errors import DatasetError

real_data = load_script("experiments/real_data.py")


def test_summary_prints_numbers_and_vertebrae_below(capsys):
    row = real_data.score_bodies(bodies(0, 1, 2), bodies(1, 2, 3))
    four = bodies(1, 2, 3, 4)
    slices = {"a": real_data.score_slice(four, four, (1.0, 2.5, 2.5))}
    discs = {"a": real_data.score_discs(bodies(201), bodies(201))}
    folders = {name: {"a": row} for name in real_data.BODIES}
    real_data.print_summary({real_data.SLICES: slices, **folders, real_data.DISCS: discs})
    printed = capsys.readouterr().out
    assert printed.count("numbers right 0/1, vertebrae below the lowest body 1,") == 2


def test_nan_becomes_null():
    assert (
        json.dumps(real_data.without_nan({"a": {"b": float("nan"), "c": 1.5}}))
        == '{"a": {"b": null, "c": 1.5}}'
    )


@pytest.mark.parametrize("grid", [LPS, PIR])
def test_falsified_headers_state_rows_and_columns_larger_and_keep_the_image(tmp_path, grid):
    volume = paint_volume(grid)[0]
    write_volume(tmp_path / "1_t1.mha", volume)
    path = real_data.falsify_size(tmp_path / "1_t1.mha", tmp_path / "stated", (1.5, 0.5), None)
    array_sra, spacing_sra_mm = to_canonical(read_volume(path))
    expected_sra, true_sra_mm = to_canonical(volume)
    assert spacing_sra_mm == pytest.approx(np.multiply(true_sra_mm, (1, 1.5, 0.5)))
    np.testing.assert_array_equal(array_sra, expected_sra)


def test_inference_sees_the_falsified_header_and_its_warnings_are_read(checkpoint, tmp_path):
    folder, volume = tmp_path / real_data.DISCS, paint_volume(LPS)[0]
    write_volume(folder / "images" / "11_t2.mha", volume)
    write_volume(folder / "images" / "20_t2.mha", volume)
    options = ["--checkpoint", checkpoint, "--half", "development", "--stated-size", 1.5, 1.5]
    args = real_data.parse_args([str(tmp_path), *map(str, options)])
    real_data.infer(folder, tmp_path / "out", args)
    assert [path.name for path in (tmp_path / "out").glob("*.mha")] == ["11_t2.mha"]
    report = json.loads((tmp_path / "out" / "11_t2.json").read_text())
    expected = np.multiply(volume.geometry.spacing_sra_mm, (1, 1.5, 1.5))
    assert report["spacing_sra_mm"] == pytest.approx(expected, abs=1e-4)
    assert "nothing_found" in real_data.warnings_of(tmp_path / "out" / "11_t2.json")


def test_a_folder_without_images_of_the_half_is_refused_before_any_inference(tmp_path, capsys):
    for name in real_data.FOLDERS:
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "02_t2.mha").touch()  # of the report half of slices and discs alone
    args = real_data.parse_args([str(tmp_path), "--half", "development", "--output", str(tmp_path / "out")])
    assert cli.run(real_data.main, args) == 1
    error = capsys.readouterr().err
    assert real_data.SLICES in error and "no image of the half 'development'" in error
    assert not (tmp_path / "out").exists()


def test_missing_folders_are_named_and_the_others_measured(tmp_path, capsys):
    with pytest.raises(DatasetError, match=f"none of {real_data.SLICES}/images"):
        real_data.present_folders(tmp_path)
    (tmp_path / real_data.DISCS / "images").mkdir(parents=True)
    assert real_data.present_folders(tmp_path) == [real_data.DISCS]
    assert capsys.readouterr().out.count("not measured") == len(real_data.FOLDERS) - 1
    real_data.print_summary({real_data.DISCS: {"a": real_data.score_discs(bodies(201), bodies(201))}})
    assert capsys.readouterr().out == "discs_t2: 1/1 discs found, mean Dice 1.000\n"


def test_the_result_says_how_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(real_data, "cases_of", lambda folder, half: [])
    monkeypatch.setattr(real_data, "present_folders", lambda folder: real_data.FOLDERS)
    for name in ("infer", "print_summary", "print_warnings"):
        monkeypatch.setattr(real_data, name, lambda *_: None)
    options = ["--stated-size", "1.8", "1", "--checkpoint", "best.pt", "--output", str(tmp_path)]
    real_data.main(real_data.parse_args([str(tmp_path), *options]))
    written = json.loads((tmp_path / "real_data.json").read_text())
    assert written["settings"] == {
        "half": "all",
        "checkpoint": "best.pt",
        "tta": None,
        "stated_size": [1.8, 1],
    }
    assert list(written["scores"]) == list(real_data.FOLDERS)


@pytest.mark.parametrize("text", ["0", "-1", "11", "nan", "inf", "x"])
def test_impossible_factors_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        real_data.parse_args(["folder", "--stated-size", "1", text])
    assert "--stated-size" in capsys.readouterr().err


def test_volumes_with_a_doubted_pixel_size_are_counted(capsys):
    rows = {"a": {"warnings": ["pixel_size", "disc_distance"]}, "b": {"warnings": ["disc_distance"]}}
    real_data.print_warnings({real_data.DISCS: rows})
    assert "pixel_size in 1, disc_distance in 2 of 2" in capsys.readouterr().out


def test_what_is_scored_is_the_prediction_against_the_reference(tmp_path, monkeypatch):
    """Two bodies of three found, so that an exchange of the two, or of the scores, would show."""

    def save(name, case, reference, prediction):
        for path, labels in (
            (tmp_path / name / "images" / case, reference),
            (tmp_path / name / "masks" / case, reference),
            (tmp_path / "out" / name / case, prediction),
        ):
            volume = paint_volume(LPS, np.zeros((3, 40, 31), np.uint8))[0]
            padded = np.zeros((3, 40, 31), np.uint8)
            padded[:, : labels.shape[1], : labels.shape[2]] = labels
            write_volume(path, from_canonical(padded, volume))
        (tmp_path / "out" / name / case).with_suffix(".json").write_text('{"warnings": []}')

    save(real_data.DISCS, "11_t2.mha", bodies(201, 202, 203), bodies(203, 202, 0))
    save(real_data.BODIES[0], "02.mha", bodies(1, 2, 3), bodies(1, 2, 0))
    monkeypatch.setattr(real_data, "infer", lambda *_: None)
    real_data.main(real_data.parse_args([str(tmp_path), "--output", str(tmp_path / "out")]))
    scores = json.loads((tmp_path / "out" / "real_data.json").read_text())["scores"]
    assert scores[real_data.DISCS] == {
        "11_t2": {"discs": 3, "found": 2, "dice": pytest.approx(2 / 3), "warnings": []}
    }
    of_bodies = scores[real_data.BODIES[0]]["02"]
    assert (of_bodies["bodies"], of_bodies["found"], of_bodies["numbers_right"]) == (3, 2, True)
    assert of_bodies["recall"] == pytest.approx(2 / 3)
