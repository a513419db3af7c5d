import subprocess
import sys
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spider2d.data.volume import (
    Geometry,
    Volume,
    from_canonical,
    grid_differences,
    labels_of,
    read_mask,
    read_volume,
    to_canonical,
    write_volume,
)
from spider2d.errors import VolumeError

# Columns of a direction matrix in LPS: index axes that run A -> P, S -> I and R -> L, as SPIDER's T1 and T2.
SAGITTAL = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
AXIS_ORDERS = [(order, signs) for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def signed_permutation(order, signs):
    matrix = np.zeros((3, 3))
    for index_axis, (world_axis, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[world_axis, index_axis] = sign
    return matrix


def make_volume(direction, shape_zyx=(3, 4, 5), spacing_xyz_mm=(0.7, 0.8, 0.9), dtype=np.int16):
    array = np.arange(np.prod(shape_zyx)).reshape(shape_zyx).astype(dtype)
    direction = tuple(float(value) for value in np.ravel(direction))
    return Volume(array, Geometry(shape_zyx[::-1], spacing_xyz_mm, (-11.5, 22.25, 33.125), direction))


def lps_mm(geometry, index_xyz):
    """ITK's own formula for the position of a voxel."""
    scaled = np.asarray(index_xyz) * geometry.spacing_xyz_mm
    return np.asarray(geometry.origin_xyz_mm) + np.reshape(geometry.direction, (3, 3)) @ scaled


def test_canonical_axes_of_spider_t2_checked_by_hand():
    # x = A -> P, y = S -> I, z = R -> L: only the slice axis runs against L -> R.
    volume = make_volume(SAGITTAL, spacing_xyz_mm=(0.5, 0.75, 4.0))
    array_sra, spacing_sra_mm = to_canonical(volume)
    np.testing.assert_array_equal(array_sra, volume.array_zyx[::-1])
    assert spacing_sra_mm == (4.0, 0.75, 0.5)


def test_canonical_axes_of_an_lps_file_checked_by_hand():
    # Identity direction (x R -> L, y A -> P, z I -> S), slices along x: the last axis of the array.
    volume = make_volume(np.eye(3), spacing_xyz_mm=(4.0, 0.75, 0.5))
    array_sra, spacing_sra_mm = to_canonical(volume)
    assert spacing_sra_mm == (4.0, 0.5, 0.75)
    np.testing.assert_array_equal(array_sra, volume.array_zyx.transpose(2, 0, 1)[::-1, ::-1])


def test_canonical_axes_of_a_pir_file_checked_by_hand():
    # x = A -> P, y = S -> I, z = L -> R: slices first, canonical as stored (SPIDER's T2 SPACE).
    volume = make_volume((0, 0, -1, 1, 0, 0, 0, -1, 0))
    np.testing.assert_array_equal(to_canonical(volume).array_sra, volume.array_zyx)


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_canonical_index_runs_to_right_inferior_posterior(order, signs):
    volume = make_volume(signed_permutation(order, signs))
    array_sra, _ = to_canonical(volume)

    def position_of(value):
        z, y, x = np.argwhere(volume.array_zyx == value)[0]
        return lps_mm(volume.geometry, (x, y, z))

    corner, last = position_of(array_sra[0, 0, 0]), position_of(array_sra[-1, -1, -1])
    towards_left, towards_posterior, towards_superior = last - corner
    assert towards_left < 0
    assert towards_posterior > 0
    assert towards_superior < 0


@settings(max_examples=150, deadline=None)
@given(
    axes=st.sampled_from(AXIS_ORDERS),
    tilt_deg=st.tuples(*[st.floats(-14, 14)] * 3),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.2, 9)] * 3),
)
def test_there_and_back_is_the_identity(axes, tilt_deg, shape, spacing):
    direction = Rotation.from_euler("xyz", tilt_deg, degrees=True).as_matrix() @ signed_permutation(*axes)
    volume = make_volume(direction, shape, spacing)
    array_sra, spacing_sra_mm = to_canonical(volume)
    assert array_sra.shape == volume.geometry.shape_sra
    assert sorted(spacing_sra_mm) == sorted(spacing)
    # A tilt of at most 14 degrees per axis changes no axis: the plain axes give the same array.
    plain = make_volume(signed_permutation(*axes), shape, spacing)
    np.testing.assert_array_equal(array_sra, to_canonical(plain).array_sra)
    back = from_canonical(array_sra, volume)
    assert back.geometry is volume.geometry
    np.testing.assert_array_equal(back.array_zyx, volume.array_zyx)
    assert back.array_zyx.flags.c_contiguous


def test_canonical_array_is_a_view():
    volume = make_volume(SAGITTAL)
    assert np.shares_memory(to_canonical(volume).array_sra, volume.array_zyx)


def test_an_array_of_another_size_than_its_grid_is_refused():
    with pytest.raises(ValueError, match="on a grid of size"):
        Volume(np.zeros((5, 4, 3)), make_volume(SAGITTAL).geometry)


def test_from_canonical_refuses_another_shape():
    volume = make_volume(SAGITTAL)
    with pytest.raises(ValueError, match="needed"):
        from_canonical(np.zeros((4, 4, 5)), volume)


def oblique_volume(dtype=np.int16):
    tilt = Rotation.from_euler("xyz", (7.3, -11.1, 3.7), degrees=True).as_matrix()
    return make_volume(tilt @ np.reshape(SAGITTAL, (3, 3)), (5, 7, 9), (0.47, 0.61, 4.4), dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_mha_keeps_every_bit(tmp_path, dtype):
    volume = oblique_volume(dtype)
    write_volume(tmp_path / "a.mha", volume)
    again = read_volume(tmp_path / "a.mha")
    assert again.geometry == volume.geometry
    assert again.array_zyx.dtype == dtype
    np.testing.assert_array_equal(again.array_zyx, volume.array_zyx)


def test_negative_intensities_are_read_as_stored(tmp_path):
    volume = make_volume(SAGITTAL)
    volume.array_zyx[0] = -1000
    write_volume(tmp_path / "a.mha", volume)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.mha").array_zyx, volume.array_zyx)


def test_nifti_is_the_same_grid_within_tolerance(tmp_path):
    volume = oblique_volume()
    write_volume(tmp_path / "a.nii.gz", volume)
    again = read_volume(tmp_path / "a.nii.gz")
    assert again.geometry != volume.geometry  # NIfTI rounds to float32 ...
    assert grid_differences(again.geometry, volume.geometry) == []  # ... which is no difference
    np.testing.assert_array_equal(again.array_zyx, volume.array_zyx)


def test_grid_differences_name_what_differs():
    a = make_volume(SAGITTAL).geometry
    b = Geometry((5, 4, 2), (0.7, 0.8, 0.9), (-11.5, 22.25, 33.2), a.direction)
    differences = grid_differences(a, b)
    assert [text.split()[0] for text in differences] == ["size", "origin_xyz_mm"]


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nii", ".nii.gz", ".nrrd"])
def test_every_format_is_read(tmp_path, suffix):
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetDirection(SAGITTAL)
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(read_volume(tmp_path / f"a{suffix}").array_zyx.ravel(), np.arange(60))


def test_a_mask_of_whole_floats_becomes_integer(tmp_path):
    volume = oblique_volume(np.float32)
    write_volume(tmp_path / "a.mha", volume)
    mask = read_mask(tmp_path / "a.mha")
    assert mask.array_zyx.dtype == np.int32
    np.testing.assert_array_equal(mask.array_zyx, volume.array_zyx)


def test_a_mask_with_fractions_is_refused(tmp_path):
    volume = make_volume(SAGITTAL, dtype=np.float32)
    volume.array_zyx[0, 0, 0] = 0.5
    write_volume(tmp_path / "a.mha", volume)
    with pytest.raises(VolumeError, match=r"whole numbers, found 0\.5 \(1 such voxels\)"):
        read_mask(tmp_path / "a.mha")


def test_a_mask_with_a_number_that_int32_cannot_hold_is_refused():
    volume = make_volume(SAGITTAL, dtype=np.float32)
    volume.array_zyx[0, 0, 0] = -(2.0**31)  # fits, but is no label
    volume.array_zyx[0, 0, 1] = 2.0**31
    with pytest.raises(
        VolumeError, match=r"masks\.mha.*whole numbers, found .*2\.14748e\+09 \(2 such voxels\)"
    ):
        labels_of(volume, "masks.mha")


def test_boolean_masks_are_written_as_bytes(tmp_path):
    volume = make_volume(SAGITTAL)
    write_volume(tmp_path / "a.mha", Volume(volume.array_zyx > 30, volume.geometry))
    assert read_volume(tmp_path / "a.mha").array_zyx.dtype == np.uint8


def write_2d(path, direction=(1, 0, 0, 1)):
    image = sitk.GetImageFromArray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    image.SetSpacing((0.6, 0.7))
    image.SetOrigin((5.5, -6.5))
    image.SetDirection(direction)
    sitk.WriteImage(image, str(path))
    return image


def test_2d_images_are_refused_without_saying_how_rows_run(tmp_path):
    write_2d(tmp_path / "a.mha")
    with pytest.raises(VolumeError, match="--rows-2d superior-first"):
        read_volume(tmp_path / "a.mha")


@pytest.mark.parametrize(("rows", "step"), [("superior-first", 1), ("inferior-first", -1)])
def test_2d_images_become_one_sagittal_slice(tmp_path, rows, step):
    write_2d(tmp_path / "a.mha")
    volume = read_volume(tmp_path / "a.mha", rows_2d=rows)
    array_sra, spacing_sra_mm = to_canonical(volume)
    np.testing.assert_array_equal(array_sra[0], np.arange(12).reshape(3, 4)[::step])
    assert spacing_sra_mm[1:] == (0.7, 0.6)
    assert volume.geometry.source_2d


@pytest.mark.parametrize("direction", [(1, 0, 0, 1), (1, 0, 0, -1), (0.6, -0.8, 0.8, 0.6)])
def test_2d_images_are_written_on_their_own_grid(tmp_path, direction):
    image = write_2d(tmp_path / "a.mha", direction)
    volume = read_volume(tmp_path / "a.mha", rows_2d="inferior-first")
    write_volume(tmp_path / "b.mha", from_canonical(to_canonical(volume).array_sra, volume))
    again = sitk.ReadImage(str(tmp_path / "b.mha"))
    assert again.GetDimension() == 2
    np.testing.assert_array_equal(sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(image))
    for get in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(again, get)() == getattr(image, get)()


def test_writing_leaves_only_the_complete_file(tmp_path):
    write_volume(tmp_path / "new" / "a.mha", oblique_volume())
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "a.mha"]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    write_volume(tmp_path / "a.mha", oblique_volume())
    before = (tmp_path / "a.mha").read_bytes()

    def fail_half_way(image, name, **options):
        Path(name).write_bytes(b"half")
        raise RuntimeError("no space left")

    monkeypatch.setattr(sitk, "WriteImage", fail_half_way)
    with pytest.raises(VolumeError, match="cannot be written"):
        write_volume(tmp_path / "a.mha", make_volume(SAGITTAL))
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mha"]
    assert (tmp_path / "a.mha").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize("name", ["a.mha", "a.nii.gz"])
def test_a_full_disk_is_noticed(tmp_path, name):
    program = """
import resource, sys
import numpy as np
from spider2d.data.volume import Geometry, Volume, write_volume
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0).integers(0, 3000, (10, 60, 60)).astype(np.int16)
geometry = Geometry((60, 60, 10), (0.6, 0.6, 4.0), (0.0, 0.0, 0.0), (0.0, 0, 1, 1, 0, 0, 0, -1, 0))
write_volume(sys.argv[1], Volume(noise, geometry))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / name], capture_output=True, encoding="utf-8"
    )
    assert "VolumeError" in done.stderr.splitlines()[-1]
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_writing_below_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(VolumeError, match=r"cannot be written \(.*\). Check that the folder is writable"):
        write_volume(tmp_path / "file" / "a.mha", oblique_volume())


def test_other_endings_are_not_written(tmp_path):
    with pytest.raises(VolumeError, match=r"\.mha or \.nii\.gz"):
        write_volume(tmp_path / "a.png", oblique_volume())
