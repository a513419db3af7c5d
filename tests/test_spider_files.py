import pytest

from spider2d.data.spider_files import parse_series_name, read_dataset
from spider2d.data.spider_tables import read_gradings, read_overview
from spider2d.errors import DatasetError

# As published: CRLF, trailing blanks after the sex, empty cells, columns nobody here needs.
OVERVIEW = (
    "new_file_name,num_vertebrae,num_discs,sex,birth_date,subset,AngioFlag,EchoTime,PixelSpacing\r\n"
    '1_t1,7,7,F ,,training,,13.837,"[0.625, 0.625]"\r\n'
    '10_t2,6,5,M ,59.0,validation,N,120.0,"[.46875, .46875]"\r\n'
    "10_t2_SPACE,,,,,validation,,,\r\n"
)
GRADINGS = (
    "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,"
    "Disc bulging,Pfirrman grade\r\n"
    "1,1,0,0,1,0,0,1,1,3\r\n"
    "1,2,,,,,,,,\r\n"
)


def make_folder(root, images=("1_t1", "10_t2", "10_t2_SPACE"), masks=("1_t1", "10_t2")):
    for kind, names in (("images", images), ("masks", masks)):
        (root / kind).mkdir()
        for name in names:
            (root / kind / f"{name}.mha").touch()
    return root


def write(path, text):
    path.write_bytes(text.encode())
    return path


def test_overview_cells_are_typed(tmp_path):
    rows = read_overview(write(tmp_path / "overview.csv", OVERVIEW))
    assert list(rows) == ["1_t1", "10_t2", "10_t2_SPACE"]
    first, second, third = rows.values()
    assert (first.n_vertebrae, first.subset) == (7, "training")
    assert second.n_discs == 5
    assert second.pixel_spacing_mm == (0.46875, 0.46875)
    assert (third.n_vertebrae, third.n_discs, third.pixel_spacing_mm) == (None,) * 3


def test_gradings_are_typed(tmp_path):
    blank_line = "," * GRADINGS.split("\n")[0].count(",")  # as spreadsheets leave at the end
    first, second = read_gradings(write(tmp_path / "g.csv", GRADINGS + blank_line + "\n"))
    assert (first.patient, first.disc, first.modic, first.pfirrmann) == ("1", 1, 0, 3)
    assert (first.upper_endplate, first.lower_endplate, first.narrowing) == (False, True, True)
    assert (second.disc, second.modic, second.pfirrmann, second.bulging) == (2, None, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'new_file_name'"),
        ("new_file_name;subset\n1_t1;training\n", "separated by commas"),
        ("new_file_name,subset\n1_t1,test\n", r"line 2: column 'subset' holds 'test'"),
        ("new_file_name,num_vertebrae\n1_t1,seven\n", "column 'num_vertebrae' holds 'seven'"),
        ("new_file_name\n1_t1\n1_t1\n", "more than once: 1_t1"),
        ("new_file_name,subset\n,training\n", "column 'new_file_name' holds None"),
    ],
)
def test_bad_tables_name_line_and_column(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        read_overview(write(tmp_path / "overview.csv", text))


def test_a_binary_file_is_no_table(tmp_path):
    (tmp_path / "overview.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_overview(tmp_path / "overview.csv")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"overview\.csv: no such file"):
        read_overview(tmp_path / "overview.csv")


def test_a_byte_order_mark_and_short_lines_are_fine(tmp_path):
    (tmp_path / "overview.csv").write_bytes(
        b"\xef\xbb\xbfnew_file_name,sex,subset\n1_t1,F\n2_t1,M,training,extra\n"
    )
    rows = read_overview(tmp_path / "overview.csv")
    assert [row.subset for row in rows.values()] == [None, "training"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1_t1", ("1", "t1")),
        ("218_t2", ("218", "t2")),
        ("7_t2_SPACE", ("7", "t2_SPACE")),
        ("a_b_t2", ("a_b", "t2")),
    ],
)
def test_patient_and_sequence_come_from_the_name(name, expected):
    assert parse_series_name(name) == expected


@pytest.mark.parametrize("name", ["t1", "_t1", "1_t3", "1_T2", "1_t2_s12", "1_t2_SPACE_x"])
def test_other_names_are_refused(name):
    with pytest.raises(DatasetError, match="<patient>_<sequence>"):
        parse_series_name(name)


def test_a_folder_is_paired_and_sorted_by_patient_number(tmp_path):
    make_folder(tmp_path, images=("10_t2_SPACE", "10_t2", "2_t2", "1_t1"), masks=("1_t1", "10_t2", "77_t1"))
    write(tmp_path / "overview.csv", OVERVIEW)
    (tmp_path / "images" / "._1_t1.mha").touch()  # as macOS leaves behind
    (tmp_path / "images" / "notes.txt").touch()
    dataset = read_dataset(tmp_path)
    assert [series.name for series in dataset.series] == ["1_t1", "2_t2", "10_t2", "10_t2_SPACE"]
    assert [series.subset for series in dataset.series] == ["training", None, "validation", "validation"]
    assert dataset.series[0].mask_path == tmp_path / "masks" / "1_t1.mha"
    assert dataset.series[3].mask_path is None
    assert dataset.masks_without_image == (tmp_path / "masks" / "77_t1.mha",)


def test_images_alone_are_a_data_set(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "masks").rename(tmp_path / "elsewhere")
    dataset = read_dataset(str(tmp_path))
    assert [series.mask_path for series in dataset.series] == [None] * 3
    assert dataset.overview == {}


def test_a_missing_folder_names_the_commands_that_make_one(tmp_path):
    with pytest.raises(DatasetError, match=r"make_phantom\.py --output .*download_spider\.py"):
        read_dataset(tmp_path / "nothing")


def test_two_files_of_one_series_are_refused(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images" / "1_t1.nii.gz").touch()
    with pytest.raises(DatasetError, match=r"1_t1\.mha and 1_t1\.nii\.gz are one series"):
        read_dataset(tmp_path)
