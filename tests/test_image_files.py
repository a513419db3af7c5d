import gzip
import os
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from spider2d.data.geometry import check_grid
from spider2d.data.volume import read_volume
from spider2d.errors import VolumeError

SAGITTAL = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
SHAPE_ZYX = (7, 61, 53)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(-1000, 3000, SHAPE_ZYX).astype(np.int16)


def write(path, array, compress=False, **options):
    image = sitk.GetImageFromArray(array, **options)
    if image.GetDimension() == 3:
        image.SetDirection(SAGITTAL)
        image.SetSpacing((0.6, 0.7, 4.4))
    sitk.WriteImage(image, str(path), compress)
    return path


def write_meta(path, data=b"", **changes):
    """Write a .mha by hand, to give it a header that ITK would not write."""
    header = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "0 1 0 0 0 -1 1 0 0",
        "Offset": "0 0 0",
        "ElementSpacing": "0.6 0.7 4.4",
        "DimSize": "4 3 2",
        "ElementType": "MET_SHORT",
    } | changes
    lines = "".join(f"{key} = {value}\n" for key, value in header.items())
    path.write_bytes(lines.encode() + b"ElementDataFile = LOCAL\n" + (data or bytes(48)))
    return path


@pytest.mark.parametrize("kept", [0.5, 0.999])
@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("a.mha", False),
        ("a.mha", True),
        ("a.nii", False),
        ("a.nii.gz", True),
        ("a.nrrd", False),
        ("a.nrrd", True),
    ],
)
def test_truncated_files_are_refused(tmp_path, noise, name, compress, kept):
    path = write(tmp_path / name, noise, compress)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(VolumeError, match="damaged, truncated or not really"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.mha", "a.nii.gz", "a.nrrd"])
def test_compressed_data_with_wrong_bytes_is_refused(tmp_path, noise, name):
    # ITK alone returns such images without an error.
    path = write(tmp_path / name, noise, compress=True)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(byte ^ 0x5A for byte in content[middle : middle + 100])
    path.write_bytes(content)
    with pytest.raises(VolumeError, match="damaged"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_sound_compressed_files_pass_the_checksum(tmp_path, noise, name, dtype):
    path = write(tmp_path / name, noise.astype(dtype), compress=True)
    np.testing.assert_array_equal(read_volume(path).array_zyx, noise.astype(dtype))


def test_gzip_streams_inside_mha_are_read(tmp_path):
    values = np.arange(24, dtype=np.int16)
    packed = gzip.compress(values.tobytes())
    sizes = {"CompressedData": "True", "CompressedDataSize": len(packed)}
    path = write_meta(tmp_path / "a.mha", packed, **sizes)
    np.testing.assert_array_equal(read_volume(path).array_zyx.ravel(), values)


def test_big_endian_compressed_mha_passes_the_checksum(tmp_path):
    values = np.arange(24, dtype=np.int16)
    packed = zlib.compress(values.astype(">i2").tobytes())
    sizes = {"CompressedData": "True", "CompressedDataSize": len(packed), "BinaryDataByteOrderMSB": "True"}
    path = write_meta(tmp_path / "a.mha", packed, **sizes)
    np.testing.assert_array_equal(read_volume(path).array_zyx.ravel(), values)


def test_concatenated_gzip_members_of_nifti_are_read(tmp_path, noise):
    whole = write(tmp_path / "a.nii", noise).read_bytes()
    path = tmp_path / "b.nii.gz"
    path.write_bytes(gzip.compress(whole[:1000]) + gzip.compress(whole[1000:]))
    np.testing.assert_array_equal(read_volume(path).array_zyx, noise)


@pytest.mark.parametrize("name", ["a.mha", "a.nii.gz", "a.nrrd"])
def test_text_with_the_ending_of_an_image_is_refused(tmp_path, name):
    (tmp_path / name).write_text("this is no image\n")
    with pytest.raises(VolumeError, match="not really a"):
        read_volume(tmp_path / name)


def test_a_missing_data_file_is_named_as_possible_reason(tmp_path, noise):
    path = write(tmp_path / "a.mhd", noise)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(VolumeError, match="the data file it names is missing"):
        read_volume(path)


def test_empty_missing_and_unknown_files(tmp_path):
    (tmp_path / "a.mha").touch()
    with pytest.raises(VolumeError, match="0 bytes"):
        read_volume(tmp_path / "a.mha")
    with pytest.raises(VolumeError, match="no such file"):
        read_volume(tmp_path / "b.mha")
    (tmp_path / "slice.dcm").touch()
    with pytest.raises(VolumeError, match="for DICOM the folder"):
        read_volume(tmp_path / "slice.dcm")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DimSize": "4 0 2"}, "without voxels"),
        ({"ElementSpacing": "0.6 0 4.4"}, r"spacing \(0.6, 0.0, 4.4\)"),
        ({"ElementSpacing": "0.6 -0.7 4.4"}, "Needed: positive"),
        ({"TransformMatrix": "0 1 0.3 0 0 -1 1 0 0"}, "not orthonormal"),
        ({"TransformMatrix": "0 1 0 0 1 0 1 0 0"}, "not orthonormal"),
        ({"ElementType": "MET_NONSENSE"}, "damaged"),
    ],
)
def test_impossible_headers_are_refused(tmp_path, changes, message):
    with pytest.raises(VolumeError, match=message):
        read_volume(write_meta(tmp_path / "a.mha", **changes))


def test_a_size_beyond_memory_is_one_clear_error(tmp_path):
    path = write_meta(tmp_path / "a.mha", DimSize="400000 400000 200000")
    with pytest.raises(VolumeError, match="does not fit into memory"):
        read_volume(path)


def test_colour_and_4d_are_refused_but_one_time_point_is_not(tmp_path):
    with pytest.raises(VolumeError, match="3 values per voxel"):
        read_volume(write(tmp_path / "rgb.mha", np.zeros((2, 3, 4, 3), np.uint8), isVector=True))
    with pytest.raises(VolumeError, match=r"4D image of size \(5, 4, 3, 2\)"):
        read_volume(write(tmp_path / "4d.mha", np.zeros((2, 3, 4, 5), np.float32), isVector=False))
    single = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    volume = read_volume(write(tmp_path / "one.mha", single, isVector=False))
    np.testing.assert_array_equal(volume.array_zyx, single[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_voxels_that_are_not_finite_are_refused(tmp_path, bad):
    array = np.ones((2, 3, 4), np.float32)
    array[0, 1, 2] = bad
    with pytest.raises(VolumeError, match="1 of 24 voxels are NaN or infinite"):
        read_volume(write(tmp_path / "a.mha", array))


@pytest.mark.parametrize(
    ("matrix", "plane"),
    [("1 0 0 0 1 0 0 0 1", "an axial"), ("1 0 0 0 0 -1 0 1 0", "a coronal")],
)
def test_thick_slices_of_another_plane_are_refused(tmp_path, matrix, plane):
    with pytest.raises(VolumeError, match=f"{plane} acquisition"):
        read_volume(write_meta(tmp_path / "a.mha", TransformMatrix=matrix))
    # The same axes with (nearly) isotropic voxels are a fine volume.
    near = write_meta(tmp_path / "b.mha", TransformMatrix=matrix, ElementSpacing="0.6 0.7 1.0")
    assert read_volume(near).array_zyx.shape == (2, 3, 4)


def test_thin_sagittal_slices_are_no_coronal_acquisition(tmp_path):
    thin = write_meta(tmp_path / "a.mha", ElementSpacing="0.9 0.9 0.4")
    assert read_volume(thin).geometry.spacing_sra_mm == pytest.approx((0.4, 0.9, 0.9))


def test_a_single_slice_is_accepted_only_when_sagittal(tmp_path):
    one = {"DimSize": "4 3 1", "ElementSpacing": "1 1 1"}
    assert read_volume(write_meta(tmp_path / "a.mha", **one)).geometry.shape_sra == (1, 3, 4)
    with pytest.raises(VolumeError, match="an axial acquisition"):
        read_volume(write_meta(tmp_path / "b.mha", TransformMatrix="1 0 0 0 1 0 0 0 1", **one))


def test_an_origin_that_is_no_number_is_refused(tmp_path):
    geometry = replace(read_volume(write_meta(tmp_path / "a.mha")).geometry, origin_xyz_mm=(0.0, np.nan, 0.0))
    with pytest.raises(VolumeError, match=r"a\.mha: origin \(0\.0, nan, 0\.0\) mm"):
        check_grid(geometry, "a.mha")


def test_a_sheared_nifti_is_named_as_such(tmp_path, noise):
    path = write(tmp_path / "a.nii", noise)
    header = bytearray(path.read_bytes())
    struct.pack_into("<hh", header, 252, 0, 1)  # qform_code, sform_code
    struct.pack_into("<12f", header, 280, 0, 0.05, 4.4, 0, 0.6, 0, 0, 0, 0, 0.7, 0, 0)
    path.write_bytes(header)
    with pytest.raises(VolumeError, match="not perpendicular"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".mha", ".nii", ".nii.gz", ".nrrd"])
def test_upper_case_endings_are_read(tmp_path, noise, suffix):
    lower = write(tmp_path / f"spine{suffix}", noise, compress=suffix != ".nii")
    upper = lower.rename(tmp_path / f"SPINE{suffix.upper()}")
    assert np.array_equal(read_volume(upper).array_zyx, noise)


def test_a_name_that_is_not_utf_8_is_refused_before_itk_ends_the_program(tmp_path, noise):
    latin_1 = tmp_path / os.fsdecode(b"1_t1\xe9.mha")
    try:
        write(tmp_path / "spine.mha", noise).rename(latin_1)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(VolumeError, match="not valid UTF-8"):
        read_volume(latin_1)
