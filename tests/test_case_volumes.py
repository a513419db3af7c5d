"""Label files for the pictures: those that were scored, and what is said when they are others."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from scored_runs import compare, score
from tiny_dataset import labels_sra, write_series

from spider2d.data.geometry import Geometry
from spider2d.data.volume import Volume, from_canonical, read_mask, write_volume
from spider2d.errors import NoPicturesError
from spider2d.reports.case_pictures import disagreement
from spider2d.reports.case_volumes import read_case, volume_change
from spider2d.reports.report import make_document


@pytest.fixture
def runs(runs, written_runs):
    """The copy of the runs, scores that name its own folders instead of those it was copied from."""
    for path in runs.glob("*/scores/metrics.json"):
        path.write_text(path.read_text().replace(str(written_runs), str(runs)))
    return runs


def complaint(root, name="1_t2"):
    with pytest.raises(NoPicturesError) as error:
        read_case(compare(root, "exact", "shifted"), name)
    return str(error.value)


def change(path, function):
    mask = read_mask(path)
    write_volume(path, Volume(function(mask.array_zyx.copy()), mask.geometry))


def one_voxel_more(labels_zyx):
    labels_zyx[tuple(np.argwhere(labels_zyx == 0)[0])] = 3
    return labels_zyx


def test_volumes_by_hand():
    voxel_ml = 0.01
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, :3], labels[1, 0, 0] = 1, 201  # voxels of 1 x 2 x 5 mm = 0.01 ml
    mask = Volume(labels, Geometry((4, 3, 2), (1.0, 2.0, 5.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel())))
    assert volume_change(mask, {1: 0.03, 201: 0.01}, voxel_ml) is None
    assert volume_change(mask, {1: 0.02, 201: 0.01}, voxel_ml) == "label 1 has 0.03 ml, scored were 0.02 ml"
    assert volume_change(mask, {1: 0.03}, voxel_ml) == "label 201 has 0.01 ml, scored were 0 ml"
    assert (
        volume_change(mask, {1: 0.03, 2: 0.5, 201: 0.01}, voxel_ml) == "label 2 has 0 ml, scored were 0.5 ml"
    )


def test_scored_files_are_read_whatever_their_format(runs):
    predictions = runs / "exact" / "predictions"
    mask = read_mask(predictions / "1_t2.mha")
    (predictions / "1_t2.mha").unlink()
    write_volume(predictions / "1_t2.nii.gz", mask)  # spacing as 32-bit numbers
    case = read_case(compare(runs, "exact", "shifted"), "1_t2")
    assert list(case.labels_sra) == ["exact", "shifted"]
    assert (case.labels_sra["exact"] == case.reference_sra).all()


def test_a_file_whose_spacing_is_rounded_is_what_was_scored(runs):
    path = runs / "exact" / "predictions" / "1_t2.mha"
    mask = read_mask(path)
    rounded = tuple(mm + 4e-4 for mm in mask.geometry.spacing_xyz_mm)
    write_volume(path, Volume(mask.array_zyx, Geometry(**{**vars(mask.geometry), "spacing_xyz_mm": rounded})))
    score(runs / "data" / "masks", path.parent, runs / "exact" / "scores")
    case = read_case(compare(runs, "exact", "shifted"), "1_t2")
    assert (case.labels_sra["exact"] == case.reference_sra).all()


def test_file_that_changed_by_one_voxel(runs):
    predictions = runs / "shifted" / "predictions"
    change(predictions / "1_t2.mha", one_voxel_more)
    text = complaint(runs)
    assert f"the files in {predictions} are no longer those that were scored (1_t2: label 3 has" in text
    command = f"evaluate again: python src/evaluate_volumes.py --references {runs / 'data' / 'masks'}"
    assert text.endswith(f"{command} --predictions {predictions} --output {runs / 'shifted' / 'scores'}")
    assert read_case(compare(runs, "exact", "shifted"), "1_t1")  # the others are as they were


def test_missing_and_damaged_files(runs):
    path = runs / "exact" / "predictions" / "1_t2.mha"
    path.write_bytes(path.read_bytes()[:-9])
    assert "no longer those that were scored" in complaint(runs)
    path.unlink()
    assert "no longer those that were scored (1_t2 is missing)" in complaint(runs)


def test_reference_that_changed(runs):
    change(runs / "data" / "masks" / "1_t2.mha", one_voxel_more)
    assert f"the files in {runs / 'data' / 'masks'} are no longer" in complaint(runs)


def test_mask_on_another_grid_than_the_image(runs):
    path = runs / "data" / "images" / "1_t2.mha"
    image = read_mask(path)
    moved = Geometry(**{**vars(image.geometry), "origin_xyz_mm": (0.0, 0.0, 99.0)})
    write_volume(path, Volume(image.array_zyx, moved))
    assert "1_t2.mha: not on the grid of the image: origin" in complaint(runs)


def test_false_findings_far_from_the_reference_are_seen_and_counted(tmp_path):
    labels = np.pad(labels_sra(), ((0, 0), (20, 120), (20, 120)))
    write_series(tmp_path / "data", "1_t1", labels=labels)
    masks = tmp_path / "data" / "masks"
    for method in ("exact", "shifted"):
        shutil.copytree(masks, tmp_path / method / "predictions")
    far = np.zeros_like(labels)
    far[2, -4:, -5:] = 7
    path = tmp_path / "shifted" / "predictions" / "1_t1.mha"
    write_volume(path, from_canonical(labels + far, read_mask(path)))
    for method in ("exact", "shifted"):
        score(masks, tmp_path / method / "predictions", tmp_path / method / "scores")
    case = read_case(compare(tmp_path, "exact", "shifted"), "1_t1")
    assert (disagreement(case.reference_sra, *case.labels_sra.values()) > 0).sum() == 4 * 5
    assert read_case(compare(tmp_path, "exact"), "1_t1").grey_sra.shape[1] < 140  # the box stays close


def test_damaged_image_leaves_a_report_without_pictures(runs):
    for path in (runs / "data" / "images").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert complaint(runs).startswith(f"No pictures of cases: {runs / 'data' / 'images' / '1_t2.mha'}: ")
    document = make_document(compare(runs, "exact", "shifted"))
    (cases,) = (part for part in document.sections if part.title == "Best, median and worst case")
    assert "damaged, truncated" in cases.sentences[-1] and not cases.items


def test_2d_files_are_read_as_they_were_scored(runs):
    """Rows of 2D files: without being told which end is up, none could be read."""
    files = [runs / "data" / "images" / "1_t2.mha", runs / "data" / "masks" / "1_t2.mha"]
    files += [runs / method / "predictions" / "1_t2.mha" for method in ("exact", "shifted")]
    for path in files:
        sitk.WriteImage(sitk.GetImageFromArray(read_mask(path).array_zyx[:, :, 2]), str(path))
    for method in ("exact", "shifted"):
        score(
            runs / "data" / "masks", runs / method / "predictions", runs / method / "scores", "superior-first"
        )
    case = read_case(compare(runs, "exact", "shifted"), "1_t2")
    assert case.reference_sra.shape[0] == 1 and (case.labels_sra["exact"] == case.reference_sra).all()


def test_report_without_pictures_says_why(runs):
    for path in (runs / "shifted" / "predictions").iterdir():
        change(path, one_voxel_more)
    document = make_document(compare(runs, "exact", "shifted"))
    sections = {part.title: part for part in document.sections}
    cases, disagreement = (sections[t] for t in ("Best, median and worst case", "Where the methods disagree"))
    assert "no longer those that were scored" in cases.sentences[-1] and not cases.items
    assert "no longer those that were scored" in disagreement.sentences[-1]
    assert [type(item).__name__ for item in disagreement.items] == ["Table", "Table"]
