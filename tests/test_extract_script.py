"""The extraction as a command: what it prints, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_dataset

from spider2d import cli
from spider2d.data.extract import extract_dataset
from spider2d.data.slices import open_series, read_manifest
from spider2d.errors import DatasetError

SCRIPT = cli.PROJECT_ROOT / "preprocessing" / "extract_slices.py"


@pytest.fixture
def dataset(tmp_path):
    return tiny_dataset.write_dataset(tmp_path / "data")


def run_script(*arguments, cwd=None):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=cwd, check=False)


def test_script_writes_everything_and_says_what_is_next(dataset, tmp_path):
    out = tmp_path / "out"
    done = run_script("--dataset", dataset, "--output", out, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "4 series written" in done.stdout
    options = f"--config experiments/spider_2d.yaml --set data.slices={out.as_posix()}"
    assert f"next: python src/train.py {options}" in done.stdout
    (dataset / "phantom.json").touch()
    done = run_script("--dataset", dataset, "--output", out, "--workers", 1)
    assert f"next: python src/train.py --set data.slices={out.as_posix()}" in done.stdout
    sheet = cv2.imread(str(out / "contact_sheet.png"))
    assert sheet.shape == (300, 4 * 220, 3) and sheet.std() > 20
    assert not list(out.glob(".partial*"))


def test_options_of_the_script_reach_the_extraction(dataset, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    for name in ("11_t1", "12_t1"):
        tiny_dataset.write_series(other, name)
    options = ("--output", out, "--workers", 1, "--pixel-size-mm", 0.8)
    first = run_script("--dataset", dataset, *options, "--source-classes", "vertebra,disc")
    assert "for validation, by chance by patient" in first.stdout, first.stderr
    run_script("--dataset", other, *options, "--keep-others")
    recipes = {row.name: open_series(out, row.name).meta.recipe for row in read_manifest(out)}
    assert len(recipes) == 6 and {recipe.pixel_size_mm for recipe in recipes.values()} == {0.8}
    labelled = {recipe.source: recipe.labelled_classes for recipe in recipes.values()}
    assert labelled == {"data": ("vertebra", "disc"), "other": ("vertebra", "disc", "canal")}
    run_script("--dataset", other, *options)
    assert {row.name for row in read_manifest(out)} == {"11_t1", "12_t1"}


def test_script_reports_bad_series_with_exit_code_1(dataset, tmp_path):
    (dataset / "images" / "1_t1.mha").write_bytes(b"not an image")
    done = run_script("--dataset", dataset, "--output", tmp_path / "out", "--workers", 1)
    assert done.returncode == 1
    assert "3 series written" in done.stdout
    assert "error: 1_t1:" in done.stderr and "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr


def test_script_without_its_default_input_names_the_command(tmp_path):
    done = run_script(cwd=tmp_path)
    assert done.returncode == 1
    assert "python preprocessing/make_phantom.py" in done.stderr and "Traceback" not in done.stderr


def wait_for(condition, process):
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_killed_run_leaves_no_half_series_and_is_resumed(tmp_path):
    labels = tiny_dataset.labels_sra((15, 260, 200))
    for patient in range(1, 25):
        tiny_dataset.write_series(tmp_path / "data", f"{patient}_t2", seed=patient, labels=labels)
    out = tmp_path / "out"
    command = [sys.executable, str(SCRIPT), "--dataset", tmp_path / "data", "--output", out, "--workers", "2"]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(list(out.glob("[!.]*/series.json"))) >= 2, process)
    children = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    wait_for_end(children)
    finished = [path.parent.name for path in out.glob("[!.]*/series.json")]
    assert 2 <= len(finished) < 24
    assert not (out / "manifest.csv").exists()
    with pytest.raises(DatasetError):
        read_manifest(out)
    for name in finished:
        open_series(out, name)
    report = extract_dataset(tmp_path / "data", out)
    assert sorted(report.unchanged) == sorted(finished) and len(report.written) == 24 - len(finished)
    assert not list(out.glob(".partial*"))
    for row in read_manifest(out):
        np.testing.assert_array_equal(np.unique(open_series(out, row.name).instances), np.unique(labels))


def children_of(pid):
    """Return the process ids of the workers (Linux; elsewhere none are looked for)."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def wait_for_end(pids):
    """Wait until the orphaned workers have noticed that their parent is gone, which must not take long."""
    deadline = time.monotonic() + 20
    alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [pid for pid in alive if is_running(pid)]
    assert alive == []


def is_running(pid):
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_unwritable_output_is_one_message(dataset, tmp_path):
    (tmp_path / "out").write_text("a file is in the way")
    done = run_script("--dataset", dataset, "--output", tmp_path / "out")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert str(tmp_path / "out") in done.stderr
