import json
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from infer_runs import SCRIPT, command, infer, run, visible
from painted_spine import LPS, ReadsIntensities, paint_classes, paint_volume, spec

from spider2d.data.volume import grid_differences, read_mask, read_volume, to_canonical, write_volume


def test_bad_files_among_good_ones_are_reported_and_skipped(images, checkpoint, tmp_path):
    good = (images / "1_t1.mha").read_bytes()
    (images / "corrupt.mha").write_bytes(bytes(range(256)) * 20)
    (images / "truncated.mha").write_bytes(good[: len(good) // 2])
    (images / "zero.nii.gz").write_bytes(b"")
    sitk.WriteImage(sitk.Image([9, 8, 7], sitk.sitkVectorUInt8, 3), str(images / "colour.mha"))
    sitk.WriteImage(sitk.Image([30, 40, 9], sitk.sitkInt16), str(images / "constant.mha"))
    output = tmp_path / "out"
    result = subprocess.run(
        command(images, "--checkpoint", checkpoint, "--output", output, "--preview", "--threads", 1),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    for name in ("corrupt.mha", "truncated.mha", "zero.nii.gz", "colour.mha", "constant.mha"):
        assert any(str(images / name) in line for line in errors), name
    assert errors[-1] == "error: 5 of 7 volumes failed"
    assert visible(output) == ["1_t1.json", "1_t1.mha", "1_t1.png", "2_t2.json", "2_t2.mha", "2_t2.png"]
    assert "evaluate_volumes.py" in result.stdout and str(output) in result.stdout


def test_without_a_result_no_next_step_is_named(tmp_path, checkpoint, capsys):
    sitk.WriteImage(sitk.Image([30, 40, 9], sitk.sitkInt16), str(tmp_path / "constant.mha"))
    assert run(tmp_path / "constant.mha", "--checkpoint", checkpoint, "--output", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "of 0 volumes" in said.out and "next:" not in said.out and "constant.mha" in said.err


def test_labels_lie_exactly_on_the_grid_of_each_input(images, checkpoint, tmp_path):
    output = tmp_path / "out"
    assert run(images, "--checkpoint", checkpoint, "--output", output) == 0
    first, labels = sitk.ReadImage(str(images / "1_t1.mha")), sitk.ReadImage(str(output / "1_t1.mha"))
    for method in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(labels, method)() == getattr(first, method)()
    assert labels.GetPixelID() == sitk.sitkUInt8
    second, mask = read_volume(images / "2_t2.nii.gz"), read_mask(output / "2_t2.mha")
    assert mask.geometry == second.geometry and grid_differences(mask.geometry, second.geometry) == []


def test_a_file_without_directions_is_segmented_with_a_warning(images, checkpoint, tmp_path):
    volume = read_volume(images / "1_t1.mha")
    sitk.WriteImage(sitk.GetImageFromArray(volume.array_zyx), str(tmp_path / "scan.nii"))
    header = bytearray((tmp_path / "scan.nii").read_bytes())
    header[252:256] = bytes(4)  # qform_code and sform_code: unknown
    (tmp_path / "scan.nii").write_bytes(header)
    for scan, told in ((tmp_path / "scan.nii", True), (images / "1_t1.mha", False)):
        assert run(scan, "--checkpoint", checkpoint, "--output", tmp_path / "out") == 0
        report = json.loads((tmp_path / "out" / f"{scan.stem}.json").read_text())
        assert ("no_directions" in [warning["code"] for warning in report["warnings"]]) == told


def test_report_names_what_made_it(images, checkpoint, tmp_path):
    run(images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path, "--precision", "fp32")
    report = json.loads((tmp_path / "1_t1.json").read_text())
    assert report["schema"] == 1 and report["checkpoint"] == str(checkpoint)
    assert report["input"] == str(images / "1_t1.mha") and report["precision"] == "fp32"
    assert report["instances"] == [] and report["warnings"][0]["code"] == "nothing_found"
    stages = {"read", "header check", "prepare", "network", "restack", "instances", "write"}
    assert stages <= set(report["seconds"])


def test_a_trusted_header_is_not_looked_at(images, checkpoint, tmp_path):
    run(images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path, "--trust-pixel-size")
    report = json.loads((tmp_path / "1_t1.json").read_text())
    assert report["options"]["trust_pixel_size"] and "header check" not in report["seconds"]


def test_nifti_output_with_augmentation(images, checkpoint, tmp_path):
    output = tmp_path / "out"
    code = run(
        *(images / "1_t1.mha", "--checkpoint", checkpoint, "--output", output),
        *("--format", "nii.gz", "--tta", "--batch-pixels", 20_000),
    )
    assert code == 0 and visible(output) == ["1_t1.json", "1_t1.nii.gz"]
    differences = grid_differences(
        read_mask(output / "1_t1.nii.gz").geometry, read_volume(images / "1_t1.mha").geometry
    )
    assert differences == []


def test_without_input_the_validation_subset_of_the_data_set_is_taken(images, checkpoint, tmp_path):
    root = tmp_path / "dataset"
    root.mkdir()
    images.rename(root / "images")
    (root / "overview.csv").write_text("new_file_name,subset\r\n1_t1,training\r\n2_t2,validation\r\n")
    options = ("--dataset", root, "--checkpoint", checkpoint, "--output")
    assert run(*options, tmp_path / "validation") == 0
    assert visible(tmp_path / "validation") == ["2_t2.json", "2_t2.mha"]
    assert run(*options, tmp_path / "all", "--subset", "all") == 0
    assert len(visible(tmp_path / "all")) == 4


def test_2d_images_need_the_direction_of_their_rows_and_stay_2d(checkpoint, tmp_path, capsys):
    image = sitk.GetImageFromArray(paint_classes()[4].astype(np.int16) * 100)
    image.SetSpacing((2.7, 2.9))  # far from the 1 mm that the slices are taken to be apart
    image.SetOrigin((3.0, -4.0))
    path = tmp_path / "scans" / "slice.mha"
    path.parent.mkdir()
    sitk.WriteImage(image, str(path))
    options = (path, "--checkpoint", checkpoint, "--output", tmp_path / "out")
    assert run(*options) == 1
    assert "inferior-first" in capsys.readouterr().err
    assert run(*options, "--rows-2d", "inferior-first", "--preview") == 0
    assert "--references FOLDER_OF_MASKS --rows-2d inferior-first" in capsys.readouterr().out
    labels = sitk.ReadImage(str(tmp_path / "out" / "slice.mha"))
    for method in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(labels, method)() == getattr(image, method)()


def test_missing_checkpoint_and_data_set_name_the_command_that_makes_them(
    checkpoint, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert run("--checkpoint", "best.pt") == 1
    assert "python src/train.py" in capsys.readouterr().err
    assert run("--checkpoint", checkpoint) == 1
    assert "preprocessing/make_phantom.py" in capsys.readouterr().err
    assert not (tmp_path / "predictions").exists()


@pytest.mark.parametrize("content", ["text", "truncated", "foreign"])
def test_what_is_no_checkpoint_is_refused(content, images, checkpoint, tmp_path, capsys):
    path = tmp_path / "best.pt"
    if content == "text":
        path.write_text("not a network")
    elif content == "truncated":
        path.write_bytes(checkpoint.read_bytes()[:5000])
    else:
        torch.save({"weights": torch.zeros(3)}, path)
    assert run(images, "--checkpoint", path, "--output", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and str(path) in error and "checkpoint" in error
    assert visible(tmp_path / "out") == []


def test_wrong_paths_are_refused_at_once(checkpoint, tmp_path, capsys):
    assert run(tmp_path / "nowhere", "--checkpoint", checkpoint, "--output", tmp_path / "out") == 1
    assert "nowhere" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        infer.parse_args(["--threads", "0"])


def test_help_does_not_wait_for_torch():
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['infer_volume.py', '--help']\n"
        f"try: runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'SimpleITK' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert "--checkpoint" in result.stdout


def test_the_screen_of_one_volume_shows_its_structures(images, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("spider2d.checkpoint.load_predictor", lambda *_: (ReadsIntensities(), spec()))
    write_volume(tmp_path / "4_t2.mha", paint_volume(LPS)[0])
    assert run(tmp_path / "4_t2.mha", "--checkpoint", checkpoint, "--output", tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "4_t2.json").read_text())
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert next(words for words in printed if words[:1] == ["4_t2"])[1:4] == ["4", "3", "1"]
    for one in report["instances"]:
        words = next(words for words in printed if words[:2] == [one["class"], str(one["label"])])
        assert words[2:4] == [f"{one['volume_ml']:.1f}", f"{one['confidence']:.2f}"]


@pytest.mark.parametrize("rows", ["superior-first", "inferior-first"])
def test_rows_of_a_2d_image_are_read_as_told(rows, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("spider2d.checkpoint.load_predictor", lambda *_: (ReadsIntensities(), spec()))
    image_hw = to_canonical(paint_volume(LPS)[0]).array_sra[4]
    stored = image_hw if rows == "superior-first" else image_hw[::-1]
    image = sitk.GetImageFromArray(np.ascontiguousarray(stored))
    image.SetSpacing((0.8, 0.8))
    sitk.WriteImage(image, str(tmp_path / "slice.mha"))
    run(tmp_path / "slice.mha", "--checkpoint", checkpoint, "--output", tmp_path / "out", "--rows-2d", rows)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "slice.mha")))
    lowest = np.flatnonzero((labels == 1).any(axis=1)).mean()
    topmost = np.flatnonzero((labels == 4).any(axis=1)).mean()
    assert (lowest > topmost) == (rows == "superior-first")
