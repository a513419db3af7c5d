"""The scripts about the data set folder, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spider2d.data.volume import Geometry, Volume, write_volume

SCRIPTS = Path(__file__).parents[1] / "preprocessing"
SAGITTAL = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


def run(script, *arguments, cwd):
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8")


def write_series(root, name, labels):
    geometry = Geometry(labels.shape[::-1], (0.6, 0.7, 4.4), (0.0, 0.0, 0.0), SAGITTAL)
    write_volume(root / "images" / f"{name}.mha", Volume(np.ones(labels.shape, np.int16), geometry))
    write_volume(root / "masks" / f"{name}.mha", Volume(labels, geometry))


@pytest.fixture
def labels():
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[:, 2:6, 5:10], labels[:, 8:10, 5:10], labels[:, 2:15, 12:15] = 1, 201, 100
    return labels


@pytest.mark.parametrize("script", ["check_dataset.py", "download_spider.py"])
def test_help(script, tmp_path):
    done = run(script, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--output" in done.stdout
    assert done.stderr == ""


def test_a_sound_data_set_on_the_default_folders(tmp_path, labels):
    write_series(tmp_path / "data" / "phantom", "1_t2", labels)
    done = run("check_dataset.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 series checked: 0 errors, 0 warnings; wrote data/integrity.csv" in done.stdout
    slices = "--output data/phantom_slices --pixel-size-mm 0.6"
    assert f"extract_slices.py --dataset data/phantom {slices}\n" in done.stdout
    (tmp_path / "data" / "phantom" / "phantom.json").touch()
    done = run("check_dataset.py", cwd=tmp_path)
    assert "next: python preprocessing/extract_slices.py --dataset data/phantom\n" in done.stdout
    assert (tmp_path / "data" / "integrity.csv").is_file()


def test_a_damaged_data_set_is_reported_in_full(tmp_path, labels):
    write_series(tmp_path, "1_t2", labels)
    write_series(tmp_path, "2_t2", np.where(labels == 1, 99, labels).astype(np.uint8))
    (tmp_path / "images" / "1_t2.mha").write_text("damaged")
    done = run("check_dataset.py", "--dataset", ".", "--output", "found.csv", "--workers", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: unreadable_image (1), for example 1_t2" in done.stdout
    assert "error: unknown_labels (1), for example 2_t2" in done.stdout
    assert "Traceback" not in done.stderr
    assert len((tmp_path / "found.csv").read_text().splitlines()) > 2


def test_a_missing_data_set_names_the_next_command(tmp_path):
    done = run("check_dataset.py", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/phantom: no images in this folder.")
    assert "python preprocessing/make_phantom.py --output data/phantom" in done.stderr


def test_a_download_without_a_server_is_one_message(tmp_path):
    done = run("download_spider.py", "--record-url", "http://127.0.0.1:9/record", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: 127.0.0.1:9: no answer")
    assert "Traceback" not in done.stderr
