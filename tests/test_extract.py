"""What an extraction says about its series: remarks, and how they were split."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import tiny_dataset

from spider2d.data.extract import extract_dataset
from spider2d.data.volume import read_mask, write_volume


@pytest.fixture
def dataset(tmp_path):
    return tiny_dataset.write_dataset(tmp_path / "data")


def test_an_image_that_does_not_say_how_it_lies_is_remarked(tmp_path):
    tiny_dataset.write_series(tmp_path / "data", "1_t1")
    for kind in ("images", "masks"):
        path = tmp_path / "data" / kind / "1_t1.mha"
        image = sitk.ReadImage(str(path))
        image.SetDirection(np.eye(3).ravel())
        image.SetSpacing((1.0, 1.0, 1.0))
        sitk.WriteImage(image, str(path.with_suffix(".nrrd")))
        path.unlink()
        path = path.with_suffix(".nrrd")
        path.write_bytes(path.read_bytes().replace(b"space: left-posterior-superior", b"space dimension: 3"))
    report = extract_dataset(tmp_path / "data", tmp_path / "out")
    assert "does not say how its axes lie" in report.remarks["1_t1"]


def test_how_the_series_were_split_and_by_what_is_told(dataset, tmp_path):
    other = shutil.copytree(dataset, tmp_path / "other")
    (other / "overview.csv").write_text(
        "new_file_name,subset\n" + "".join(f"{p.stem},training\n" for p in (other / "images").iterdir())
    )
    by_table = extract_dataset(other, tmp_path / "by_table").split
    assert by_table == "4 series for training, 0 for validation, by overview.csv"
    (other / "overview.csv").write_text("new_file_name,Subset\n1_t1,training\n")  # another name of the column
    by_chance = extract_dataset(other, tmp_path / "by_chance").split
    assert by_chance.endswith("by chance by patient, as no overview.csv names the subsets")


def test_a_mask_without_labelled_structures_is_remarked(tmp_path):
    tiny_dataset.write_series(tmp_path / "data", "1_t1")
    tiny_dataset.write_series(tmp_path / "data", "2_t1")
    mask = read_mask(tmp_path / "data" / "masks" / "2_t1.mha")
    write_volume(tmp_path / "data" / "masks" / "2_t1.mha", replace(mask, array_zyx=mask.array_zyx * 0))
    report = extract_dataset(tmp_path / "data", tmp_path / "out")
    assert list(report.remarks) == ["2_t1"] and "leave the series out" in report.remarks["2_t1"]
