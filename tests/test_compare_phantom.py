"""experiments/compare_phantom.py on a folder of made-up real pictures."""

import cv2
import numpy as np
import pytest
import SimpleITK as sitk
from run_script import run_script


@pytest.fixture
def real_folder(tmp_path):
    for name in ("spider_midsagittal_png", "spider_tables"):
        (tmp_path / name).mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (120, 100), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "spider_midsagittal_png" / "2_t1.png"), picture)
    table = 'new_file_name,PixelSpacing\n2_t1,"[2.0, 2.0]"\n'
    (tmp_path / "spider_tables" / "overview.csv").write_text(table)
    return tmp_path


def run(*words):
    return run_script("experiments/compare_phantom.py", *words)


def test_it_writes_a_sheet_and_prints_statistics_of_both(real_folder):
    sheet = real_folder / "sheet.png"
    done = run(real_folder, "--sequence", "t1", "--count", 1, "--output", sheet)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("grey 10/25/50/75/90 %") == 2
    # One column; phantom, real and two rows of slices aside, 330 x 250 pixels each.
    assert cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE).shape == (4 * 330, 250)


def test_too_few_real_pictures_are_named(real_folder):
    done = run(real_folder, "--sequence", "t1", "--count", 3, "--output", real_folder / "sheet.png")
    assert done.returncode == 1
    assert "1 pictures of t1 in the development half, 3 needed" in done.stderr


def test_an_unreadable_picture_is_named_and_one_without_a_table_row_shown(real_folder):
    (real_folder / "spider_midsagittal_png" / "2_t1.png").rename(
        real_folder / "spider_midsagittal_png" / "4_t1.png"
    )
    (real_folder / "spider_midsagittal_png" / "sheet.png").touch()
    words = (real_folder, "--sequence", "t1", "--count", 1, "--output", real_folder / "sheet.png")
    assert run(*words).returncode == 0
    (real_folder / "spider_midsagittal_png" / "4_t1.png").write_text("no picture")
    done = run(*words)
    assert done.returncode == 1 and "4_t1.png: not a readable picture" in done.stderr


def test_nothing_of_the_report_half_is_shown(real_folder):
    picture = np.full((120, 100), 9, np.uint8)
    cv2.imwrite(str(real_folder / "spider_midsagittal_png" / "3_t1.png"), picture)
    images = real_folder / "spider_slices" / "images"
    images.mkdir(parents=True)
    for patient in (102, 106):
        sitk.WriteImage(sitk.GetImageFromArray(picture), images / f"{patient}_t1_s1.mha")
    sheet = real_folder / "sheet.png"
    words = (real_folder, "--sequence", "t1", "--output", sheet, "--count")
    assert "1 pictures of t1" in run(*words, 2).stderr
    done = run(*words, 1)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE).shape == (5 * 330, 250)
    (images / "106_t1_s1.mha").unlink()
    assert run(*words, 1).returncode == 0
    assert cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE).shape == (4 * 330, 250)
