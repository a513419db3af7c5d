import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny_dataset

from spider2d.data.extract import extract_dataset
from spider2d.data.normalise import apply_window, fit_window
from spider2d.data.slices import open_series, read_manifest
from spider2d.errors import DatasetError
from spider2d.labels import CANAL, DISC, IGNORE_CLASS, VERTEBRA, classes_of_labels


@pytest.fixture
def dataset(tmp_path):
    return tiny_dataset.write_dataset(tmp_path / "data")


def files_of(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def names_in(folder):
    return [row.name for row in read_manifest(folder)]


def test_stored_arrays_are_the_canonical_ones_on_the_wanted_pixels(dataset, tmp_path):
    extract_dataset(dataset, tmp_path / "out", pixel_size_mm=0.6)
    assert names_in(tmp_path / "out") == ["1_t1", "1_t2", "2_t2_SPACE", "3_t2"]
    oblique = open_series(tmp_path / "out", "2_t2_SPACE")  # stored as PIR with an oblique direction
    labels = tiny_dataset.labels_sra((9, 75, 65))
    rows = ((np.arange(62) + 0.5) * 75 / 62).astype(int)  # 75 rows of 0.5 mm are 62 of 0.605 mm
    columns = ((np.arange(54) + 0.5) * 65 / 54).astype(int)
    np.testing.assert_array_equal(oblique.instances, labels[:, rows[:, None], columns])
    np.testing.assert_array_equal(oblique.classes, classes_of_labels(oblique.instances))
    np.testing.assert_allclose(oblique.meta.spacing_sra_mm, (0.9, 0.5 * 75 / 62, 0.5 * 65 / 54))
    assert oblique.meta.native_shape_sra == (9, 75, 65)


def test_image_is_normalised_and_lies_on_its_labels(dataset, tmp_path):
    extract_dataset(dataset, tmp_path / "out", pixel_size_mm=0.6)
    for name in names_in(tmp_path / "out"):
        series = open_series(tmp_path / "out", name)
        assert series.image.dtype == np.float16
        assert series.image.shape == series.classes.shape == series.instances.shape
        image = np.float32(series.image)
        vertebra, disc, canal = (np.median(image[series.classes == k]) for k in (VERTEBRA, DISC, CANAL))
        assert 0 <= image.min() < 0.02 and image.max() < 2
        assert disc < canal < vertebra  # as tiny_dataset draws them: 180, 550, 700
        interior = np.float32([image[series.instances == k].std() for k in (1, 2, 3)])
        assert interior.max() < 0.15  # a shift of image against mask would mix classes


def test_unresampled_series_holds_exactly_the_normalised_image(tmp_path):
    tiny_dataset.write_series(tmp_path / "data", "1_t2", (4.4, 0.6, 0.6))
    extract_dataset(tmp_path / "data", tmp_path / "out", pixel_size_mm=0.6)
    series, image = open_series(tmp_path / "out", "1_t2"), tiny_dataset.image_sra(tiny_dataset.labels_sra())
    np.testing.assert_array_equal(series.image, apply_window(image, fit_window(image)).astype(np.float16))
    np.testing.assert_array_equal(series.instances, tiny_dataset.labels_sra())


def test_manifest_and_meta(dataset, tmp_path):
    extract_dataset(dataset, tmp_path / "out", pixel_size_mm=0.6)
    rows = {row.name: row for row in read_manifest(tmp_path / "out")}
    row, meta = rows["2_t2_SPACE"], open_series(tmp_path / "out", "2_t2_SPACE").meta
    assert (row.patient, row.sequence, row.n_slices, row.n_vertebrae) == ("2", "t2_SPACE", 9, 3)
    assert (row.height, row.width, row.slice_spacing_mm) == (62, 54, 0.9)
    assert row.labelled_classes == ("vertebra", "disc", "canal")
    assert {r.patient: r.subset for r in rows.values() if r.name != "1_t2"} == {
        r.patient: r.subset for r in rows.values() if r.name != "1_t1"
    }
    assert set(meta.centres) == {1, 2, 3} and meta.centres[1][0] == 4.0
    assert meta.centres[1][1] > meta.centres[3][1]  # label 1 is the lowest, rows run downwards
    assert meta.foreground_slices == list(range(1, 8))
    settings = json.loads((tmp_path / "out" / "extraction.json").read_text())
    assert (
        settings["pixel_size_mm"] == 0.6 and settings["n_series"] == 4 and "SimpleITK" in settings["versions"]
    )


def test_arrays_are_memory_mapped_and_read_only(dataset, tmp_path):
    extract_dataset(dataset, tmp_path / "out")
    series = open_series(tmp_path / "out", "1_t1")
    for array in (series.image, series.classes, series.instances):
        assert isinstance(array, np.memmap) and not array.flags.writeable


def test_unchanged_series_are_skipped_and_changed_ones_redone(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    before = files_of(out)
    report = extract_dataset(dataset, out)
    assert report.written == [] and len(report.unchanged) == 4
    assert {p: t for p, t in files_of(out).items() if p.suffix == ".npy"} == {
        p: t for p, t in before.items() if p.suffix == ".npy"
    }
    tiny_dataset.write_series(dataset, "1_t1", seed=9)
    assert extract_dataset(dataset, out).written == ["1_t1"]
    os.utime(dataset / "masks" / "3_t2.mha", ns=(1, 1))
    assert extract_dataset(dataset, out).written == ["3_t2"]


def test_changed_settings_redo_everything(dataset, tmp_path):
    extract_dataset(dataset, tmp_path / "out")
    assert len(extract_dataset(dataset, tmp_path / "out", pixel_size_mm=0.8).written) == 4
    series = open_series(tmp_path / "out", "1_t1")
    assert series.image.shape == (5, round(61 * 0.7 / 0.8), round(47 * 0.5 / 0.8))
    assert len(extract_dataset(dataset, tmp_path / "out", 0.8, source_classes=("disc",)).written) == 4
    assert set(np.unique(open_series(tmp_path / "out", "1_t1").classes)) == {0, DISC}


def test_a_damaged_series_is_made_again(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    image = out / "1_t2" / "image.npy"
    image.write_bytes(image.read_bytes()[:-500])
    with pytest.raises(DatasetError, match="extract_slices"):
        open_series(out, "1_t2")
    assert extract_dataset(dataset, out).written == ["1_t2"]
    assert open_series(out, "1_t2").image.shape == open_series(out, "1_t2").classes.shape


def test_a_removed_series_leaves_the_manifest_and_is_reported(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    for folder in ("images", "masks"):
        (dataset / folder / "1_t2.mha").unlink()
    report = extract_dataset(dataset, out)
    assert report.leftover == ["1_t2"] and (out / "1_t2").is_dir()
    assert names_in(out) == ["1_t1", "2_t2_SPACE", "3_t2"]


def test_one_folder_can_hold_sources_that_label_different_classes(tmp_path):
    out = tmp_path / "out"
    tiny_dataset.write_series(tmp_path / "spider", "1_t1")
    tiny_dataset.write_series(tmp_path / "bones", "90_t2")
    extract_dataset(tmp_path / "spider", out)
    extract_dataset(tmp_path / "bones", out, source_classes=("vertebra",), keep_others=True)
    classes = {row.name: row.labelled_classes for row in read_manifest(out)}
    assert classes == {"1_t1": ("vertebra", "disc", "canal"), "90_t2": ("vertebra",)}
    tiny_dataset.write_series(tmp_path / "bones", "1_t1")
    with pytest.raises(DatasetError, match="spider has a series of this name"):
        extract_dataset(tmp_path / "bones", out, source_classes=("vertebra",), keep_others=True)
    assert len(read_manifest(out)) == 2
    (tmp_path / "bones" / "images" / "1_t1.mha").unlink()
    (out / "1_t1" / "image.npy").unlink()
    report = extract_dataset(tmp_path / "bones", out, source_classes=("vertebra",), keep_others=True)
    assert report.leftover == ["1_t1"] and names_in(out) == ["90_t2"]


def test_data_sets_in_folders_of_one_name_are_not_mixed(tmp_path):
    out = tmp_path / "out"
    tiny_dataset.write_series(tmp_path / "a" / "data", "1_t1")
    tiny_dataset.write_series(tmp_path / "b" / "data", "2_t1")
    extract_dataset(tmp_path / "a" / "data", out, pixel_size_mm=2.0)
    with pytest.raises(DatasetError, match="whose folder has the same name"):
        extract_dataset(tmp_path / "b" / "data", out, keep_others=True)
    assert names_in(out) == ["1_t1"]
    other = (tmp_path / "b" / "data").rename(tmp_path / "b" / "more")
    extract_dataset(other, out, pixel_size_mm=1.5, source_classes=("vertebra",), keep_others=True)
    noted = json.loads((out / "extraction.json").read_text())
    assert noted["datasets"] == {"data": str(tmp_path / "a" / "data"), "more": str(other)}
    assert (noted["pixel_size_mm"], noted["source_classes"], noted["n_series"]) == (1.5, ["vertebra"], 2)


@pytest.mark.skipif(os.name == "nt", reason="needs a limit of open files")
def test_more_series_than_a_process_may_open_files(tmp_path):
    for number in range(1, 25):
        tiny_dataset.write_series(tmp_path / "data", f"{number}_t1")
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from spider2d.data.extract import extract_dataset\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))\n"
        "print(len(extract_dataset(Path(sys.argv[1]), Path(sys.argv[2])).written))\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "data", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.stdout == "24\n", done.stderr


def test_a_full_disk_is_told_and_leaves_nothing_half_written(dataset, tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError("1000000 requested and 49936 written")

    monkeypatch.setattr(np, "save", no_space)
    with pytest.raises(DatasetError, match=r"out: cannot be written \(1000000 requested.*Make room"):
        extract_dataset(dataset, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".partial*"))


def test_a_kill_while_the_manifest_is_written_is_survived(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    (out / "manifest.csv").rename(out / ".unfinished-123-manifest.csv")
    (out / ".partial-1_t1-123").mkdir()
    report = extract_dataset(dataset, out)
    assert len(report.unchanged) == len(read_manifest(out)) == 4
    assert not list(out.glob(".*"))


def test_a_series_of_another_version_is_made_again(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    path = out / "3_t2" / "series.json"
    path.write_text(path.read_text().replace('"schema_version":', '"schema_version":9'))
    with pytest.raises(DatasetError, match="version"):
        open_series(out, "3_t2")
    assert extract_dataset(dataset, out).written == ["3_t2"]


def test_bad_series_are_reported_and_the_others_done(dataset, tmp_path):
    out = tmp_path / "out"
    truncated = dataset / "images" / "1_t1.mha"
    truncated.write_bytes(truncated.read_bytes()[:2000])
    shutil.copy(dataset / "masks" / "2_t2_SPACE.mha", dataset / "masks" / "3_t2.mha")
    report = extract_dataset(dataset, out, workers=2)
    assert sorted(report.failed) == ["1_t1", "3_t2"]
    assert "truncated" in report.failed["1_t1"] and "grid of its image" in report.failed["3_t2"]
    assert names_in(out) == ["1_t2", "2_t2_SPACE"]


def test_a_series_that_became_bad_does_not_linger(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    (dataset / "images" / "1_t1.mha").write_bytes(b"")
    assert list(extract_dataset(dataset, out).failed) == ["1_t1"]
    assert "1_t1" not in names_in(out)


def test_unknown_labels_are_ignored_and_remarked(tmp_path):
    labels = tiny_dataset.labels_sra()
    labels[2, 10:14, 20:24] = 60
    tiny_dataset.write_series(tmp_path / "data", "1_t1", labels=labels)
    report = extract_dataset(tmp_path / "data", tmp_path / "out")
    assert "[60]" in report.remarks["1_t1"]
    series = open_series(tmp_path / "out", "1_t1")
    assert (series.classes == IGNORE_CLASS).any() and 60 not in series.instances


def test_images_alone_can_be_extracted(dataset, tmp_path):
    shutil.rmtree(dataset / "masks")
    extract_dataset(dataset, tmp_path / "out")
    series = open_series(tmp_path / "out", "1_t1")
    assert (series.classes == IGNORE_CLASS).all() and not series.instances.any()
    assert series.meta.labelled == (False,) * 4
    assert read_manifest(tmp_path / "out")[0].labelled_classes == ()


def test_nothing_to_extract_and_unknown_classes_are_errors(tmp_path):
    with pytest.raises(DatasetError, match="make_phantom"):
        extract_dataset(tmp_path / "none", tmp_path / "out")
    tiny_dataset.write_series(tmp_path / "data", "1_t1")
    with pytest.raises(DatasetError, match="'bone'.*vertebra, disc, canal"):
        extract_dataset(tmp_path / "data", tmp_path / "out", source_classes=("bone",))
    (tmp_path / "data" / "images" / "1_t1.mha").write_bytes(b"")
    with pytest.raises(DatasetError, match="not one series"):
        extract_dataset(tmp_path / "data", tmp_path / "out")


@pytest.mark.parametrize("content", ["", "name,patient\n1_t1,1\n"])
def test_missing_or_foreign_manifest_names_the_command(tmp_path, content):
    if content:
        (tmp_path / "manifest.csv").write_text(content)
    with pytest.raises(DatasetError, match="extract_slices"):
        read_manifest(tmp_path)


def test_a_half_written_folder_is_never_taken_for_a_series(dataset, tmp_path):
    out = tmp_path / "out"
    extract_dataset(dataset, out)
    for cut in ("series.json", "instances.npy"):
        (out / "1_t1" / cut).unlink()
        assert extract_dataset(dataset, out).written == ["1_t1"]
