"""The phantom on disk: SPIDER's form, resuming, and independence of workers."""

import csv
import hashlib

import numpy as np
import pytest
import SimpleITK as sitk

from spider2d.data.integrity import check_dataset
from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.dataset import PADDING_VALUE, SeriesPlan, write_dataset
from spider2d.data.phantom.tables import GRADING_COLUMNS, OVERVIEW_COLUMNS
from spider2d.data.spider_files import read_dataset
from spider2d.data.spider_tables import read_gradings
from spider2d.data.splits import split_series
from spider2d.data.volume import grid_differences, read_mask, read_volume, to_canonical
from spider2d.errors import DatasetError

N_PATIENTS = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("phantom")
    write_dataset(root, N_PATIENTS, size="tiny")
    return root


def digests(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_patients_have_t1_and_t2_and_some_space(folder):
    names = sorted(path.stem for path in (folder / "images").iterdir())
    expected = [f"{p}_{sequence}" for p in range(1, 6) for sequence in ("t1", "t2")] + ["5_t2_SPACE"]
    assert names == sorted(expected) == sorted(path.stem for path in (folder / "masks").iterdir())


def test_files_have_the_orientation_and_types_of_spider(folder):
    for path in (folder / "images").iterdir():
        image, mask = sitk.ReadImage(str(path)), sitk.ReadImage(str(folder / "masks" / path.name))
        letters = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
        assert letters == ("PIR" if "SPACE" in path.name else "LPS")
        assert image.GetPixelID() in (sitk.sitkInt16, sitk.sitkUInt16)
        assert mask.GetPixelID() == sitk.sitkUInt8
        assert not np.allclose(
            np.abs(image.GetDirection()), np.abs(np.round(image.GetDirection())), atol=1e-3
        )
        assert image.GetSpacing()[2 if "SPACE" in path.name else 0] in (4.4, 1.6)


def test_image_and_mask_lie_on_one_grid(folder):
    for path in (folder / "images").iterdir():
        image, mask = read_volume(path), read_mask(folder / "masks" / path.name)
        assert grid_differences(image.geometry, mask.geometry) == []


def test_spine_stands_upright_in_the_canonical_array(folder):
    for path in (folder / "masks").iterdir():
        labels = to_canonical(read_mask(path)).array_sra
        place = {label: np.argwhere(labels == label).mean(axis=0) for label in (1, 3, 5, 100)}
        assert place[5][1] < place[3][1] < place[1][1]
        # The canal lies behind the bodies' middle at their level.
        rows = np.argwhere(labels == 100)
        near = rows[np.abs(rows[:, 1] - place[3][1]) < 5]
        assert near[:, 2].mean() > np.percentile(np.argwhere(labels == 3)[:, 2], 30)


def test_both_intensity_conventions_occur(folder):
    lowest = {read_volume(path).array_zyx.min() for path in (folder / "images").iterdir()}
    assert lowest <= {0, PADDING_VALUE} | set(range(40))
    assert PADDING_VALUE in lowest
    assert max(lowest) >= 0


def test_tables_have_the_published_columns_and_line_ends(folder):
    for name, columns in (
        ("overview.csv", OVERVIEW_COLUMNS),
        ("radiological_gradings.csv", GRADING_COLUMNS),
    ):
        text = (folder / name).read_bytes()
        assert text.count(b"\r\n") == text.count(b"\n") > 2
        assert text.split(b"\r\n")[0].decode() == ",".join(columns)
    assert (len(OVERVIEW_COLUMNS), len(GRADING_COLUMNS)) == (39, 10)


def test_sex_may_carry_a_blank_and_cells_may_be_empty(folder):
    with (folder / "overview.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["sex"] for row in rows} <= {"F", "F ", "M", "M "}
    assert any(row["sex"].endswith(" ") for row in rows)
    assert any(row["birth_date"] == "" for row in rows)


def test_the_program_reads_it_as_a_data_set_without_findings(folder):
    dataset = read_dataset(folder)
    assert len(dataset.series) == 11
    errors = [finding for finding in check_dataset(dataset) if finding.severity == "error"]
    assert errors == []
    sides = split_series(dataset)
    assert {name for name, side in sides.items() if side == "validation"} == {"5_t1", "5_t2", "5_t2_SPACE"}


def test_overview_counts_what_the_mask_holds(folder):
    for series in read_dataset(folder).series:
        row = read_dataset(folder).overview[series.name]
        values = np.unique(read_mask(series.mask_path).array_zyx)
        assert row.n_vertebrae == ((values > 0) & (values < 100)).sum()
        assert row.n_discs == (values > 200).sum() == row.n_vertebrae


def test_gradings_tell_the_anatomys_diseases(folder):
    for row in read_gradings(folder / "radiological_gradings.csv"):
        plan = SeriesPlan(folder, 0, int(row.patient), "t1", "tiny")
        disease = sample_anatomy(plan.patient_seed).disease
        k = row.disc - 1
        assert row.pfirrmann == disease.pfirrmann[k]
        assert row.spondylolisthesis == (abs(disease.slip_mm[k]) > 2)
        assert row.herniation == (disease.herniation_mm[k] > 0)
        assert row.modic == disease.modic[k]


def test_workers_and_number_of_patients_change_nothing(folder, tmp_path):
    write_dataset(tmp_path, 2, workers=2, size="tiny")
    mine, theirs = digests(tmp_path), digests(folder)
    volumes = [name for name in mine if name.endswith(".mha")]
    assert len(volumes) == 8
    assert all(mine[name] == theirs[name] for name in volumes)


def test_running_again_completes_and_keeps_what_is_there(tmp_path):
    write_dataset(tmp_path, 2, size="tiny")
    before = digests(tmp_path)
    kept = (tmp_path / "images" / "1_t1.mha").stat().st_mtime_ns
    (tmp_path / "masks" / "2_t2.mha").unlink()
    write_dataset(tmp_path, 2, size="tiny")
    assert digests(tmp_path) == before
    assert (tmp_path / "images" / "1_t1.mha").stat().st_mtime_ns == kept


@pytest.mark.parametrize("other", [{"seed": 1}, {"size": "small"}, {"n_patients": 1}])
def test_a_folder_of_other_settings_is_refused(tmp_path, other):
    write_dataset(tmp_path, 2, size="tiny")
    with pytest.raises(DatasetError, match="other settings.*--output"):
        write_dataset(tmp_path, **({"n_patients": 2, "size": "tiny"} | other))


def test_a_damaged_note_is_refused(tmp_path):
    (tmp_path / "phantom.json").write_text("{")
    with pytest.raises(DatasetError, match="phantom.json: damaged"):
        write_dataset(tmp_path, 1, size="tiny")


def test_another_seed_gives_other_patients():
    plans = [SeriesPlan(None, seed, 1, "t1", "tiny") for seed in (0, 1)]
    assert plans[0].patient_seed != plans[1].patient_seed


def test_a_folder_with_other_data_is_left_alone(tmp_path):
    (tmp_path / "overview.csv").write_text("precious")
    with pytest.raises(DatasetError, match="not empty and holds no phantom"):
        write_dataset(tmp_path, 1, size="tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["overview.csv"]


@pytest.mark.parametrize(("n_patients", "seed"), [(0, 0), (1, -1)])
def test_senseless_numbers_are_refused(tmp_path, n_patients, seed):
    with pytest.raises(DatasetError, match="at least one patient"):
        write_dataset(tmp_path / "p", n_patients, seed, size="tiny")
    assert not (tmp_path / "p").exists()
