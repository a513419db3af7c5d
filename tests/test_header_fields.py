"""Headers that leave out what ITK then puts by itself: spacing and directions."""

import gzip
import re
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from spider2d.data.volume import read_volume
from spider2d.errors import VolumeError

SHAPE_ZYX = (7, 61, 53)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(-1000, 3000, SHAPE_ZYX).astype(np.int16)


def write(path, array):
    """Write an image of 1 mm voxels, whose directions ITK guesses rightly where they are missing."""
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    return path


def change_field(path, field, new_line=b""):
    """Replace the line of a text header that begins with ``field``."""
    content, n_replaced = re.subn(b"(?m)^" + field + b".*\n", new_line, path.read_bytes())
    assert n_replaced == 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("bad", [0, np.nan, np.inf])
def test_a_nifti_without_spacing_is_refused(tmp_path, noise, name, bad):
    path = write(tmp_path / name, noise)
    header = bytearray(gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes())
    struct.pack_into("<f", header, 84, bad)  # pixdim[2]; ITK would put 1 mm for 0
    path.write_bytes(gzip.compress(header) if name.endswith("gz") else header)
    with pytest.raises(VolumeError, match=r"a\.nii.*: spacing .* mm\. Needed: positive numbers"):
        read_volume(path)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_codes_say_whether_directions_are_stated(tmp_path, noise, name, codes):
    path = write(tmp_path / name, noise)
    header = bytearray(gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes())
    struct.pack_into("<hh", header, 252, *codes)
    path.write_bytes(gzip.compress(header) if name.endswith("gz") else header)
    assert read_volume(path).directions_stated == any(codes)


@pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
def test_a_meta_image_without_a_matrix_does_not_state_directions(tmp_path, noise, name):
    path = write(tmp_path / name, noise)
    assert read_volume(path).directions_stated
    change_field(path, b"TransformMatrix")
    assert not read_volume(path).directions_stated


@pytest.mark.parametrize("space", ["left-posterior-superior", "RAS", "Left-Anterior-Superior"])
def test_an_nrrd_in_a_space_of_the_patient_states_directions(tmp_path, noise, space):
    path = write(tmp_path / "a.nrrd", noise)
    change_field(path, b"space:", f"space: {space}\n".encode())
    volume = read_volume(path)
    assert volume.directions_stated
    signs = {"l": (1, 1, 1), "R": (-1, -1, 1), "L": (1, -1, 1)}[space[0]]
    np.testing.assert_array_equal(np.reshape(volume.geometry.direction, (3, 3)), np.diag(signs))


@pytest.mark.parametrize("line", [b"space: scanner-xyz\n", b"space dimension: 3\n"])
def test_an_nrrd_in_another_space_does_not_state_directions(tmp_path, noise, line):
    path = write(tmp_path / "a.nrrd", noise)
    change_field(path, b"space:", line)
    assert not read_volume(path).directions_stated


def test_an_nrrd_with_spacings_alone_is_read_without_directions(tmp_path, noise):
    path = write(tmp_path / "a.nrrd", noise)
    change_field(path, b"space:")
    change_field(path, b"space origin:")
    change_field(path, b"space directions:", b"spacings: 1.25 1.25 1.5\n")
    volume = read_volume(path)
    assert not volume.directions_stated and volume.geometry.spacing_xyz_mm == (1.25, 1.25, 1.5)


@pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
def test_a_meta_image_without_spacing_is_refused(tmp_path, noise, name):
    path = write(tmp_path / name, noise)
    change_field(path, b"ElementSpacing", b"ElementSize = 1 1 1.5\n")
    assert read_volume(path).geometry.spacing_xyz_mm == (1, 1, 1.5)
    change_field(path, b"ElementSize")
    with pytest.raises(VolumeError, match=r"a\.mh.: its header states no spacing\. Export"):
        read_volume(path)


@pytest.mark.parametrize("line", [b"", b"spacings: NaN NaN NaN\n"])
def test_an_nrrd_without_spacing_is_refused(tmp_path, noise, line):
    path = write(tmp_path / "a.nrrd", noise)
    for field in (b"space:", b"space origin:"):
        change_field(path, field)
    change_field(path, b"space directions:", line)
    with pytest.raises(VolumeError, match=r"a\.nrrd: its header states no spacing\. Export"):
        read_volume(path)
