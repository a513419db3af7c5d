import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from infer_runs import command, run, visible
from painted_spine import LPS, paint_volume

from spider2d.checkpoint import load_checkpoint, save_checkpoint
from spider2d.data.volume import read_mask, write_volume


def visible_at_all_depths(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_existing_files_are_replaced_or_kept_when_asked(images, checkpoint, tmp_path, capsys):
    arguments = (images, "--checkpoint", checkpoint, "--output", tmp_path / "out")
    run(*arguments)
    mask, report = tmp_path / "out" / "1_t1.mha", tmp_path / "out" / "1_t1.json"
    mask.write_bytes(b"older")
    (tmp_path / "out" / "2_t2.json").rename(tmp_path / "out" / ".unfinished-1-2_t2.json")  # as after a kill
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


@pytest.mark.parametrize(("name", "option"), [("1_t1.png", "--preview"), ("1_t1.nii.gz", "--format=nii.gz")])
def test_files_beside_an_own_report_that_it_does_not_name_are_kept(
    images, checkpoint, tmp_path, name, option, capsys
):
    arguments = (images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path / "out")
    run(*arguments)
    (tmp_path / "out" / name).write_bytes(b"by hand")
    assert run(*arguments) == 0
    assert run(*arguments, option) == 1
    assert f"{name} would be replaced" in capsys.readouterr().err
    assert (tmp_path / "out" / name).read_bytes() == b"by hand"


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


@pytest.mark.parametrize("name", ["2_t2.mha", "2_t2.png"])
def test_a_file_that_this_program_did_not_write_is_not_replaced(images, checkpoint, tmp_path, name, capsys):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / name).write_bytes(b"by hand")
    arguments = (images, "--checkpoint", checkpoint, "--output", tmp_path / "masks", "--preview")
    assert run(*arguments) == 1
    assert f"{name} would be replaced" in capsys.readouterr().err
    assert visible(tmp_path / "masks") == [name] and (tmp_path / "masks" / name).read_bytes() == b"by hand"


def test_results_of_another_image_checkpoint_or_option_are_not_skipped(
    images, checkpoint, tmp_path, capsys, monkeypatch
):
    def is_skipped(*options):
        capsys.readouterr()
        assert run("1_t1.mha", "--output", tmp_path / "out", "--skip-existing", *options) == 0
        return "there already" in capsys.readouterr().out

    network = shutil.copy(checkpoint, tmp_path / "network.pt")
    monkeypatch.chdir(images)
    assert not is_skipped("--checkpoint", network)
    assert is_skipped("--checkpoint", network)
    monkeypatch.chdir(shutil.copytree(images, tmp_path / "other"))  # the same name as typed, another image
    assert not is_skipped("--checkpoint", network)
    assert is_skipped("--checkpoint", shutil.copy(network, tmp_path / "copy.pt"))
    trained_on = load_checkpoint(network)
    save_checkpoint(network, trained_on.spec, trained_on.network_state, {"step": 2})
    assert not is_skipped("--checkpoint", network)
    for option in ("--trust-pixel-size", "--no-tta", "--rows-2d=inferior-first"):
        assert not is_skipped("--checkpoint", network, option)
        assert is_skipped("--checkpoint", network, option)


def test_an_error_while_writing_leaves_no_file(images, checkpoint, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("spider2d.inference.files.write_bytes", fail)
    arguments = (images / "1_t1.mha", "--checkpoint", checkpoint, "--output", tmp_path / "out")
    assert run(*arguments, "--preview") == 1
    assert visible(tmp_path / "out") == []


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


def test_volumes_in_folders_beside_files_are_not_left_out_without_a_word(
    images, checkpoint, tmp_path, capsys
):
    shutil.copytree(images, tmp_path / "input")
    shutil.copytree(images, tmp_path / "input" / "older")
    assert run(tmp_path / "input", "--checkpoint", checkpoint, "--output", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert f"note: {tmp_path / 'input' / 'older'} holds other volumes, which are left out" in said
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mha")) == ["1_t1.mha", "2_t2.mha"]


def test_an_input_is_never_overwritten(images, checkpoint, capsys):
    before = (images / "1_t1.mha").read_bytes()
    assert run(images, "--checkpoint", checkpoint, "--output", images) == 1
    assert "would replace" in capsys.readouterr().err
    assert (images / "1_t1.mha").read_bytes() == before


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
    while not list(output.glob("[!.]*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = sorted(output.glob("[!.]*.json"))
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
