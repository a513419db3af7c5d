import cv2
import numpy as np
import pytest
from load_script import load_script

from spider2d.data.spider_tables import read_overview
from spider2d.data.volume import to_canonical
from spider2d.errors import DatasetError

real_pictures = load_script("experiments/real_pictures.py")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "overview.csv"
    path.write_text('new_file_name,num_vertebrae,PixelSpacing\n7_t1,5,"[0.5, 0.25]"\n8_t2,,\n')
    return read_overview(path)


def test_a_picture_is_read_with_its_lowest_row_last(tmp_path, table):
    picture = np.zeros((6, 4), np.uint8)
    picture[0, 1] = 200
    cv2.imwrite(str(tmp_path / "7_t1.png"), picture)
    array, spacing_sra_mm = to_canonical(real_pictures.read_picture(tmp_path / "7_t1.png", table["7_t1"]))
    assert array.shape == (1, 6, 4) and array[0, 5, 1] == 200 and array.sum() == 200
    assert spacing_sra_mm[1:] == (0.5, 0.25)


def test_a_picture_without_a_row_or_that_is_none_is_refused(tmp_path, table):
    (tmp_path / "7_t1.png").write_text("no picture")
    with pytest.raises(DatasetError, match="not a readable picture"):
        real_pictures.read_picture(tmp_path / "7_t1.png", table["7_t1"])
    for name in ("9_t2", "8_t2"):
        with pytest.raises(DatasetError, match="no row with PixelSpacing"):
            real_pictures.row_of(tmp_path / f"{name}.png", table)
    assert real_pictures.row_of(tmp_path / "7_t1.png", table).n_vertebrae == 5


def test_halves_share_no_patient_and_are_all_together(tmp_path):
    for name in ("1_t1", "1_t2", "12_t1", "3_t2_SPACE"):
        (tmp_path / f"{name}.png").touch()
    halves = [
        {p.stem for p in real_pictures.choose_pictures(tmp_path, half)} for half in ("development", "report")
    ]
    assert halves == [{"12_t1"}, {"1_t1", "1_t2", "3_t2_SPACE"}]
    (tmp_path / "contact_sheet.png").touch()  # no patient's picture
    assert len(real_pictures.choose_pictures(tmp_path, "all")) == 4
    (tmp_path / "12_t1.png").unlink()
    with pytest.raises(DatasetError, match="of the half 'development'"):
        real_pictures.choose_pictures(tmp_path, "development")
    with pytest.raises(DatasetError, match="no PNG files"):
        real_pictures.choose_pictures(tmp_path / "elsewhere", "all")


def test_counts_are_described_by_sequence():
    rows = [
        {"series": "1_t1", "found": 7, "expected": 7},
        {"series": "2_t1", "found": 5, "expected": 7},
        {"series": "2_t2_SPACE", "found": 8, "expected": 7},
    ]
    t1, space, together = real_pictures.describe(rows)
    assert t1.startswith("t1") and "1/2 (50.0 %), exact 1, mean -1.00" in t1
    assert "1/1 (100.0 %), exact 0, mean +1.00" in space
    assert "2/3 (66.7 %)" in together


def test_only_vertebrae_are_counted():
    assert real_pictures.count_vertebrae(np.array([[0, 1, 7, 100], [201, 205, 1, 2]])) == 3
