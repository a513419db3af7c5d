import cv2
import numpy as np
import pytest

from spider2d.data.pictures import choose_pictures, read_picture, row_of
from spider2d.data.spider_tables import read_overview
from spider2d.data.volume import to_canonical
from spider2d.errors import DatasetError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "overview.csv"
    path.write_text('new_file_name,num_vertebrae,PixelSpacing\n7_t1,5,"[0.5, 0.25]"\n8_t2,,\n')
    return read_overview(path)


def test_a_picture_is_read_with_its_lowest_row_last(tmp_path, table):
    picture = np.zeros((6, 4), np.uint8)
    picture[0, 1] = 200
    cv2.imwrite(str(tmp_path / "7_t1.png"), picture)
    array, spacing_sra_mm = to_canonical(read_picture(tmp_path / "7_t1.png", table["7_t1"]))
    assert array.shape == (1, 6, 4) and array[0, 5, 1] == 200 and array.sum() == 200
    assert spacing_sra_mm[1:] == (0.5, 0.25)


def test_a_picture_without_a_row_or_that_is_none_is_refused(tmp_path, table):
    (tmp_path / "7_t1.png").write_text("no picture")
    with pytest.raises(DatasetError, match="not a readable picture"):
        read_picture(tmp_path / "7_t1.png", table["7_t1"])
    cv2.imwrite(str(tmp_path / "7_t1.png"), np.full((6, 4), 9, np.uint8))
    with pytest.raises(DatasetError, match=r"7_t1\.png: the picture holds one value only"):
        read_picture(tmp_path / "7_t1.png", table["7_t1"])
    for name in ("9_t2", "8_t2"):
        with pytest.raises(DatasetError, match="no row with PixelSpacing"):
            row_of(tmp_path / f"{name}.png", table)
    assert row_of(tmp_path / "7_t1.png", table).n_vertebrae == 5


def test_halves_share_no_patient_and_are_all_together(tmp_path):
    for name in ("1_t1", "1_t2", "12_t1", "3_t2_SPACE"):
        (tmp_path / f"{name}.png").touch()
    halves = [{p.stem for p in choose_pictures(tmp_path, half)} for half in ("development", "report")]
    assert halves == [{"12_t1"}, {"1_t1", "1_t2", "3_t2_SPACE"}]
    (tmp_path / "contact_sheet.png").touch()  # no patient's picture
    assert len(choose_pictures(tmp_path, "all")) == 4
    (tmp_path / "12_t1.png").unlink()
    with pytest.raises(DatasetError, match="of the half 'development'"):
        choose_pictures(tmp_path, "development")
    with pytest.raises(DatasetError, match="no PNG files"):
        choose_pictures(tmp_path / "elsewhere", "all")
