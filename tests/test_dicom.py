import os

import numpy as np
import pytest
import SimpleITK as sitk

from spider2d.data.volume import list_volumes, read_volume, to_canonical
from spider2d.errors import VolumeError

ORIENTATION = "0\\1\\0\\0\\0\\-1"  # columns run to posterior, rows to inferior
SPACING_MM = 4.4
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"


def write_series(folder, n_slices=5, uid="1.2.3", description="t2_tse_sag", positions_x_mm=None, **tags):
    """Write one file per slice; the order of the names has nothing to do with the positions."""
    folder.mkdir(exist_ok=True)
    slices = np.random.default_rng(1).integers(0, 2000, (n_slices, 16, 12)).astype(np.int16)
    positions = positions_x_mm or [20 - SPACING_MM * number for number in range(n_slices)]
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, x_mm in enumerate(positions):
        image = sitk.GetImageFromArray(slices[number : number + 1])
        image.SetSpacing((0.6, 0.7, SPACING_MM))
        metadata = {
            "0008|0016": MR_IMAGE_STORAGE,
            "0008|0018": f"{uid}.{number}",
            "0008|0060": "MR",
            "0008|103e": description,
            "0020|000d": "1.2",
            "0020|000e": uid,
            "0020|0013": str(n_slices - number),
            "0020|0032": f"{x_mm}\\-50\\100",
            "0020|0037": ORIENTATION,
        } | {tag.replace("_", "|").removeprefix("t"): value for tag, value in tags.items()}
        for tag, value in metadata.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}_{number * 11 % 13:03d}.dcm"))
        writer.Execute(image)
    return slices


def test_slices_are_sorted_by_position(tmp_path):
    slices = write_series(tmp_path / "s")
    volume = read_volume(tmp_path / "s")
    # x falls from slice to slice, that is from left to right: the canonical order.
    array_sra, spacing_sra_mm = to_canonical(volume)
    np.testing.assert_array_equal(array_sra, slices)
    assert spacing_sra_mm == pytest.approx((4.4, 0.7, 0.6))
    assert volume.geometry.origin_xyz_mm == (20, -50, 100)
    assert volume.array_zyx.dtype == np.int16


def test_slices_that_run_the_other_way_give_the_same_patient(tmp_path):
    slices = write_series(tmp_path / "s", positions_x_mm=[0, 4.4, 8.8, 13.2, 17.6])
    np.testing.assert_array_equal(to_canonical(read_volume(tmp_path / "s")).array_sra, slices[::-1])


def test_one_sagittal_slice_is_a_volume(tmp_path):
    write_series(tmp_path / "s", n_slices=1)
    assert read_volume(tmp_path / "s").geometry.shape_sra == (1, 16, 12)


def test_several_series_in_a_folder_are_named(tmp_path):
    write_series(tmp_path / "s")
    write_series(tmp_path / "s", n_slices=3, uid="1.2.4", description="localizer")
    with pytest.raises(
        VolumeError, match=r"2 DICOM series.*'t2_tse_sag' \(5 files\).*'localizer' \(3 files\)"
    ):
        read_volume(tmp_path / "s")


def test_a_second_series_without_the_mark_of_dicom_is_named_too(tmp_path):
    write_series(tmp_path / "s")
    write_series(tmp_path / "bare", n_slices=2, uid="1.2.4", description="localizer")
    for number, path in enumerate(sorted((tmp_path / "bare").iterdir())):
        (tmp_path / "s" / f"bare{number}").write_bytes(path.read_bytes()[132:])  # no preamble, no DICM
    with pytest.raises(VolumeError, match=r"2 DICOM series.*'localizer' \(2 files\)"):
        read_volume(tmp_path / "s")


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([0, -4.4, -13.2, -17.6], "8.80 mm between slices 2 and 3, elsewhere 4.40"),
        ([0, -4.4, -4.4, -8.8], "several slices at the same position"),
    ],
)
def test_missing_and_doubled_slices_are_refused(tmp_path, positions, message):
    write_series(tmp_path / "s", n_slices=4, positions_x_mm=positions)
    with pytest.raises(VolumeError, match=message):
        read_volume(tmp_path / "s")


def test_slices_of_different_orientation_are_refused(tmp_path):
    write_series(tmp_path / "s", n_slices=3)
    write_series(tmp_path / "other", n_slices=1, positions_x_mm=[-30], t0020_0037="1\\0\\0\\0\\1\\0")
    next((tmp_path / "other").iterdir()).rename(tmp_path / "s" / "axial.dcm")
    with pytest.raises(VolumeError, match="different orientation"):
        read_volume(tmp_path / "s")


def test_a_stack_shifted_sideways_is_refused(tmp_path):
    for number in range(3):
        write_series(tmp_path / "one", n_slices=1, t0020_0032=f"{-4.4 * number}\\{2.0 * number}\\100")
        (tmp_path / "s").mkdir(exist_ok=True)
        next((tmp_path / "one").iterdir()).rename(tmp_path / "s" / f"{number}.dcm")
    with pytest.raises(VolumeError, match="tilted stack"):
        read_volume(tmp_path / "s")


def test_an_axial_series_is_refused(tmp_path):
    write_series(tmp_path / "s", n_slices=1, t0020_0037="1\\0\\0\\0\\1\\0")
    with pytest.raises(VolumeError, match="an axial acquisition"):
        read_volume(tmp_path / "s")


def test_a_truncated_slice_is_not_left_out_in_silence(tmp_path):
    write_series(tmp_path / "s")
    first = tmp_path / "s" / "1.2.3_000.dcm"  # an outer slice: the rest is still evenly spaced
    first.write_bytes(first.read_bytes()[:-100])
    with pytest.raises(VolumeError, match=r"1 of 5 DICOM files cannot be read.*1\.2\.3_000\.dcm"):
        read_volume(tmp_path / "s")


def test_other_files_beside_the_series_do_not_matter(tmp_path):
    write_series(tmp_path / "s")
    (tmp_path / "s" / "readme.txt").write_text("exported on Monday")
    (tmp_path / "s" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    assert read_volume(tmp_path / "s").geometry.shape_sra == (5, 16, 12)


def test_a_folder_without_dicom_is_refused(tmp_path, capfd):
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(VolumeError, match="no DICOM series"):
        read_volume(tmp_path)
    assert capfd.readouterr().err == ""


def test_list_volumes_finds_series_folders(tmp_path):
    write_series(tmp_path / "patient 1")
    write_series(tmp_path / "patient 2")
    assert list_volumes([tmp_path]) == [tmp_path / "patient 1", tmp_path / "patient 2"]


@pytest.mark.parametrize("is_folder", [True, False])
def test_names_that_are_not_utf_8_are_refused_before_gdcm_ends_the_program(tmp_path, is_folder):
    write_series(tmp_path / "s")
    if is_folder:
        known, latin_1 = tmp_path / "s", tmp_path / os.fsdecode(b"s\xe9")
    else:
        known = next((tmp_path / "s").iterdir())
        latin_1 = known.with_name(os.fsdecode(b"\xe9.dcm"))
    try:
        known.rename(latin_1)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(VolumeError, match="not valid UTF-8"):
        read_volume(latin_1 if is_folder else tmp_path / "s")
