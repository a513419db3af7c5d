import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from load_script import load_script
from painted_spine import LPS, PIR, paint_classes, paint_volume, spec

from spider2d import cli
from spider2d.checkpoint import save_checkpoint
from spider2d.data.volume import grid_differences, read_mask, read_volume, write_volume
from spider2d.models.unet2d import build_network

SCRIPT = cli.PROJECT_ROOT / "src" / "infer_volume.py"


infer = load_script(SCRIPT)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A real network whose last layer says background everywhere: quick, and its answer is known."""
    plan = spec(offset_head=True, decoder_channels=(8, 8, 8, 8, 8), pixel_size_mm=1.6)
    network = build_network(plan)
    head = network.segmentation_head[0]
    torch.nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([9.0, 0, 0, 0, 0, 0]))
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.pt"
    save_checkpoint(path, plan, network.state_dict(), {})
    return path


@pytest.fixture
def images(tmp_path):
    """Two good volumes: oblique, one stored LPS as .mha, one PIR as .nii.gz."""
    folder = tmp_path / "scans"
    write_volume(folder / "1_t1.mha", paint_volume(LPS)[0])
    write_volume(folder / "2_t2.nii.gz", paint_volume(PIR)[0])
    return folder


def run(*arguments):
    """Run the script's main in this process as the command line would; return the exit code."""
    return cli.run(infer.main, infer.parse_args([str(argument) for argument in arguments]))


def command(*arguments):
    return [sys.executable, str(SCRIPT), *map(str, arguments)]


def visible_at_all_depths(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def visible(folder):
    return sorted(path.name for path in folder.iterdir())


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


def test_labels_lie_exactly_on_the_grid_of_each_input(images, checkpoint, tmp_path):
    output = tmp_path / "out"
    assert run(images, "--checkpoint", checkpoint, "--output", output) == 0
    first, labels = sitk.ReadImage(str(images / "1_t1.mha")), sitk.ReadImage(str(output / "1_t1.mha"))
    for method in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(labels, method)() == getattr(first, method)()
    assert labels.GetPixelID() == sitk.sitkUInt8
    second, mask = read_volume(images / "2_t2.nii.gz"), read_mask(output / "2_t2.mha")
    assert mask.geometry == second.geometry and grid_differences(mask.geometry, second.geometry) == []


def test_report_names_what_made_it(images, checkpoint, tmp_path):
    run(images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path, "--precision", "fp32")
    report = json.loads((tmp_path / "1_t1.json").read_text())
    assert report["schema"] == 1 and report["checkpoint"] == str(checkpoint)
    assert report["input"] == str(images / "1_t1.mha") and report["precision"] == "fp32"
    assert report["instances"] == [] and report["warnings"][0]["code"] == "nothing_found"
    stages = {"read", "pixel size", "prepare", "network", "restack", "instances", "write"}
    assert stages <= set(report["seconds"])


def test_a_trusted_header_is_not_looked_at(images, checkpoint, tmp_path):
    run(images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path, "--trust-pixel-size")
    report = json.loads((tmp_path / "1_t1.json").read_text())
    assert report["trust_pixel_size"] and "pixel size" not in report["seconds"]


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


def test_existing_files_are_replaced_or_kept_when_asked(images, checkpoint, tmp_path, capsys):
    arguments = (images, "--checkpoint", checkpoint, "--output", tmp_path / "out")
    run(*arguments)
    mask, report = tmp_path / "out" / "1_t1.mha", tmp_path / "out" / "1_t1.json"
    mask.write_bytes(b"older")
    (tmp_path / "out" / "2_t2.json").unlink()  # as after a kill between mask and report
    assert run(*arguments, "--skip-existing") == 0
    assert mask.read_bytes() == b"older"
    assert (tmp_path / "out" / "2_t2.json").exists()
    assert "there already" in capsys.readouterr().out
    assert run(*arguments) == 0
    assert read_mask(mask).array_zyx.shape and report.exists()


def test_files_of_a_former_run_that_are_not_replaced_are_removed(images, checkpoint, tmp_path):
    arguments = (images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path / "out")
    run(*arguments, "--preview")
    run(*arguments, "--format", "nii.gz")
    assert visible(tmp_path / "out") == ["1_t1.json", "1_t1.nii.gz"]


def test_own_label_maps_in_an_input_folder_are_no_images(images, checkpoint, tmp_path):
    for name in visible(images):
        (images / name.split(".")[0]).mkdir()
        (images / name).rename(images / name.split(".")[0] / name)
    arguments = (images, "--checkpoint", checkpoint, "--output", images / "predictions")
    before = visible_at_all_depths(images)
    assert run(*arguments) == 0
    after = visible_at_all_depths(images)
    assert len(after - before) == 4  # two label maps, two reports
    assert run(*arguments) == 0
    assert visible_at_all_depths(images) == after


def test_a_json_file_of_another_program_is_not_replaced(images, checkpoint, capsys):
    sidecar = images / "2_t2.json"
    sidecar.write_text('{"EchoTime": 0.1}')
    assert run(images / "2_t2.nii.gz", "--checkpoint", checkpoint, "--output", images) == 1
    assert "no report of this program" in capsys.readouterr().err
    assert sidecar.read_text() == '{"EchoTime": 0.1}' and not (images / "2_t2.mha").exists()


@pytest.mark.parametrize("text", ["DefaultCPUAllocator: can't allocate memory", "another defect"])
def test_memory_that_runs_out_on_the_cpu_is_reported_and_other_defects_are_not_hidden(
    text, images, checkpoint, tmp_path, capsys, monkeypatch
):
    def fail(*_):
        raise RuntimeError(text)

    monkeypatch.setattr("spider2d.inference.files.segment_volume", fail)
    arguments = (images, "--checkpoint", checkpoint, "--output", tmp_path / "out", "--device", "cpu")
    if text == "another defect":
        with pytest.raises(RuntimeError):
            run(*arguments)
    else:
        assert run(*arguments) == 1
        assert capsys.readouterr().err.count("out of memory; a smaller --batch-pixels needs less") == 2


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


def test_an_unwritable_output_is_refused_before_anything_is_computed(images, checkpoint, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run(images, "--checkpoint", checkpoint, "--output", tmp_path / "file") == 1
    captured = capsys.readouterr()
    assert "cannot be written" in captured.err and "--output" in captured.err
    assert "segmenting" not in captured.err
    assert (tmp_path / "file").read_text() == "in the way"


def test_inputs_of_one_name_are_refused(images, checkpoint, tmp_path, capsys):
    write_volume(tmp_path / "more" / "1_T1.nii.gz", paint_volume(LPS)[0])
    code = run(images, tmp_path / "more", "--checkpoint", checkpoint, "--output", tmp_path / "out")
    error = capsys.readouterr().err
    assert code == 1 and str(images / "1_t1.mha") in error and "1_T1.nii.gz" in error
    assert not (tmp_path / "out").exists()


def test_an_input_is_never_overwritten(images, checkpoint, capsys):
    before = (images / "1_t1.mha").read_bytes()
    assert run(images, "--checkpoint", checkpoint, "--output", images) == 1
    assert "would replace" in capsys.readouterr().err
    assert (images / "1_t1.mha").read_bytes() == before


def test_wrong_paths_are_refused_at_once(checkpoint, tmp_path, capsys):
    assert run(tmp_path / "nowhere", "--checkpoint", checkpoint, "--output", tmp_path / "out") == 1
    assert "nowhere" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        infer.parse_args(["--threads", "0"])


def test_a_killed_run_leaves_whole_files_only_and_can_go_on(checkpoint, tmp_path):
    volume = paint_volume(LPS)[0]
    for number in range(6):
        write_volume(tmp_path / "scans" / f"{number}.mha", volume)
    output = tmp_path / "out"
    arguments = (
        tmp_path / "scans",
        "--checkpoint",
        checkpoint,
        "--output",
        output,
        "--preview",
        "--threads",
        1,
    )
    process = subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(output.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = sorted(output.glob("*.json"))
    assert 1 <= len(finished) < 6
    for path in output.glob("*.mha"):
        assert read_mask(path).geometry == volume.geometry
    for path in finished:
        assert json.loads(path.read_text())["schema"] == 1
        assert path.with_suffix(".mha").exists() and path.with_suffix(".png").exists()
    times = {path: path.stat().st_mtime_ns for path in finished}
    assert run(*arguments, "--skip-existing") == 0
    assert len(list(output.glob("*.json"))) == 6
    assert {path: path.stat().st_mtime_ns for path in finished} == times


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
