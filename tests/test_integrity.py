import csv
import re
from pathlib import Path

import numpy as np
import pytest

from spider2d.data.integrity import Finding, check_dataset, check_series, write_findings
from spider2d.data.spider_files import Series, read_dataset
from spider2d.data.spider_tables import OverviewRow
from spider2d.data.volume import Geometry, Volume, write_volume

SAGITTAL = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


def make_mask(shape_sra=(3, 40, 30)):
    """Two vertebrae, the discs below them, and a canal behind, numbered as in SPIDER."""
    labels = np.zeros(shape_sra, np.uint8)
    for first_row, label in ((2, 2), (8, 202), (10, 1), (16, 201)):
        labels[:, first_row : first_row + 4, 5:15] = label
    labels[:, 2:20, 18:22] = 100
    return labels


def write(path, array, spacing_mm=(0.6, 0.7, 4.4), origin=(0.0, 0.0, 0.0)):
    path.parent.mkdir(exist_ok=True)
    write_volume(path, Volume(array, Geometry(array.shape[::-1], spacing_mm, origin, SAGITTAL)))
    return path


def check(root, labels, image_origin=(0.0, 0.0, 0.0), row=None, **grid):
    image = write(root / "images" / "1_t2.mha", np.ones(labels.shape, np.int16), origin=image_origin, **grid)
    mask = write(root / "masks" / "1_t2.mha", labels, **grid)
    return check_series(Series("1_t2", "1", "t2", image, mask, None), row)


def kinds(findings):
    return [finding.kind for finding in findings]


def test_a_sound_series_has_no_findings(tmp_path):
    row = OverviewRow(new_file_name="1_t2", num_vertebrae=2, num_discs=2)
    assert check(tmp_path, make_mask(), row=row) == []


def test_different_grids(tmp_path):
    (finding,) = check(tmp_path, make_mask(), image_origin=(1.0, 0.0, 0.0))
    assert (finding.series, finding.severity, finding.kind) == ("1_t2", "error", "grid_differs")
    assert "origin_xyz_mm" in finding.message


def test_an_image_that_does_not_say_how_it_lies(tmp_path):
    cube = {"spacing_mm": (1.0, 1.0, 1.0)}  # whatever way ITK takes it, it is no thick axial slice
    assert check(tmp_path, make_mask(), **cube) == []
    series = read_dataset(tmp_path).series[0]
    content = re.sub(rb"(?m)^TransformMatrix.*\n", b"", series.image_path.read_bytes())
    series.image_path.write_bytes(content)
    assert kinds(check_series(series)) == ["no_directions", "grid_differs"]


def test_unknown_labels(tmp_path):
    labels = make_mask()
    labels[0, 0, 0] = 99
    (finding,) = check(tmp_path, labels)
    assert finding.severity == "error"
    assert finding.message.endswith("does not define: 99")


def test_masks_that_are_not_integer(tmp_path):
    labels = make_mask().astype(np.float32)
    assert check(tmp_path, labels) == []
    labels[0, 0, 0] = 1.5
    assert kinds(check(tmp_path, labels)) == ["mask_not_integer"]


def test_a_grading_that_cannot_be_read_is_a_finding_and_stops_nothing(tmp_path):
    write(tmp_path / "images" / "1_t2.mha", make_mask())
    (tmp_path / "radiological_gradings.csv").write_text("Patient,IVD label,Pfirrman grade\n1,1,7\n")
    findings = check_dataset(read_dataset(tmp_path))
    assert [finding.kind for finding in findings if finding.series == "radiological_gradings.csv"] == [
        "gradings_unreadable"
    ]


def test_an_empty_mask(tmp_path):
    assert kinds(check(tmp_path, np.zeros_like(make_mask()))) == ["empty_mask"]


def test_numbers_with_gaps_and_discs_without_vertebra(tmp_path):
    labels = make_mask()
    labels[labels == 1] = 4
    findings = check(tmp_path, labels)
    messages = {finding.kind: finding.message for finding in findings}
    assert messages["label_gap"] == "vertebra 1, 3 missing below vertebra 4"
    assert messages["disc_without_vertebra"] == "disc 201 without the vertebra above it"
    assert {finding.severity for finding in findings} == {"warning"}


def test_an_incomplete_vertebra_counts_under_its_number(tmp_path):
    labels = make_mask()
    labels[labels == 2] = 102
    assert check(tmp_path, labels) == []


def test_structures_in_several_pieces(tmp_path):
    labels = make_mask()
    labels[0, 30, 5:9] = 201
    (finding,) = check(tmp_path, labels)
    assert finding.kind == "several_pieces"
    assert finding.message == "label 201 in 2 pieces of 120, 4 voxels"


def test_pieces_that_touch_by_a_corner_are_one(tmp_path):
    labels = make_mask()
    labels[0, 20, 15] = 201  # diagonally below the last voxel of the disc, rows 16-19, columns 5-14
    assert check(tmp_path, labels) == []


def test_no_canal(tmp_path):
    labels = make_mask()
    labels[labels == 100] = 0
    assert kinds(check(tmp_path, labels)) == ["no_canal"]


def test_counts_that_differ_from_the_table(tmp_path):
    row = OverviewRow(new_file_name="1_t2", num_vertebrae=7, num_discs=2)
    (finding,) = check(tmp_path, make_mask(), row=row)
    assert finding.message == "2 vertebrae in the mask, 7 in overview.csv"


def test_structures_outside_the_crop_window(tmp_path):
    # 40 rows of 10 mm, the middle at 19.5: the structures' row 2 reaches (17.5 + 0.5) * 10 = 180 > 176 mm.
    # 30 columns of 10 mm, the middle at 14.5: column 5 reaches 100 < 128 mm.
    (finding,) = check(tmp_path, make_mask(), spacing_mm=(10.0, 10.0, 30.0))
    assert finding.kind == "outside_window"
    assert "reach 180.0 mm" in finding.message
    assert "height is 352 mm" in finding.message


def test_unreadable_files_are_findings(tmp_path):
    image, mask = tmp_path / "1_t2.mha", tmp_path / "mask.mha"
    image.write_text("damaged")
    mask.touch()
    findings = check_series(Series("1_t2", "1", "t2", image, mask, None))
    assert kinds(findings) == ["unreadable_image", "unreadable_mask"]
    assert {finding.severity for finding in findings} == {"error"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_with_missing_partners(tmp_path, workers):
    for name in ("1_t1", "2_t1"):
        write(tmp_path / "images" / f"{name}.mha", np.ones((3, 40, 30), np.int16))
    for name in ("1_t1", "3_t1"):
        write(tmp_path / "masks" / f"{name}.mha", make_mask())
    (tmp_path / "overview.csv").write_text("new_file_name,num_vertebrae\n1_t1,3\n9_t2,7\n")
    findings = check_dataset(read_dataset(tmp_path), workers)
    assert [(finding.series, finding.kind) for finding in findings] == [
        ("3_t1", "missing_image"),
        ("2_t1", "missing_mask"),
        ("2_t1", "not_in_overview"),
        ("9_t2", "missing_file"),
        ("1_t1", "count_differs"),
    ]


def test_a_split_that_the_extraction_refuses_is_an_error(tmp_path):
    for name in ("1_t1", "1_t2"):
        write(tmp_path / "images" / f"{name}.mha", np.ones((3, 40, 30), np.int16))
    for rows, message in (("1_t1,training\n", "assigns it to no subset"),
                          ("1_t1,training\n1_t2,validation\n", "in training and in validation")):  # fmt: skip
        (tmp_path / "overview.csv").write_text(f"new_file_name,subset\n{rows}")
        found = [finding for finding in check_dataset(read_dataset(tmp_path)) if finding.kind == "split"]
        assert [finding.severity for finding in found] == ["error"] and message in found[0].message


def test_findings_are_written_as_a_table(tmp_path):
    finding = Finding("1_t1", "warning", "no_canal", 'a message, with "quotes"')
    path = tmp_path / "new folder" / "findings.csv"
    write_findings(path, [finding])
    with Path(path).open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["series", "severity", "kind", "message"], list(vars(finding).values())]
