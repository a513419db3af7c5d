import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian
from test_dicom import ORIENTATION, write_series

from spider2d.data.volume import read_volume, to_canonical
from spider2d.errors import VolumeError

ROW_MM, COLUMN_MM = 0.7, 0.6
X_MM = (8.8, 4.4, 0, -4.4)  # from left to right: the canonical order
FRAMES = np.random.default_rng(1).integers(0, 2000, (4, 8, 6)).astype(np.uint16)


def groups(**sequences):
    group = Dataset()
    for name, values in sequences.items():
        (keyword, value) = values
        item = Dataset()
        setattr(item, keyword, value)
        setattr(group, name, Sequence([item]))
    return group


def write_multiframe(folder, frames=FRAMES, x_mm=X_MM, described=None):
    """Write one enhanced MR file; orientation and pixels are shared, positions stand with each frame."""
    folder.mkdir(exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = EnhancedMRImageStorage, "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = Dataset()
    header.file_meta = meta
    header.SOPClassUID, header.SOPInstanceUID = EnhancedMRImageStorage, "1.2.3.4"
    header.Modality, header.StudyInstanceUID, header.SeriesInstanceUID = "MR", "1.2", "1.2.3"
    header.NumberOfFrames, header.Rows, header.Columns = frames.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 0
    shared = groups(
        PlaneOrientationSequence=("ImageOrientationPatient", ORIENTATION.split("\\")),
        PixelMeasuresSequence=("PixelSpacing", [ROW_MM, COLUMN_MM]),
    )
    header.SharedFunctionalGroupsSequence = Sequence([shared])
    positions = [groups(PlanePositionSequence=("ImagePositionPatient", [x, -50, 100])) for x in x_mm]
    header.PerFrameFunctionalGroupsSequence = Sequence(positions[:described])
    header.PixelData = frames.tobytes()
    header.save_as(folder / "frames.dcm", enforce_file_format=True)
    return folder


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_frames_are_sorted_by_position(tmp_path, order):
    x_mm = [X_MM[index] for index in order]
    volume = read_volume(write_multiframe(tmp_path / "s", FRAMES[list(order)], x_mm))
    array_sra, spacing_sra_mm = to_canonical(volume)
    np.testing.assert_array_equal(array_sra, FRAMES)
    assert spacing_sra_mm == pytest.approx((4.4, ROW_MM, COLUMN_MM))
    assert volume.geometry.origin_xyz_mm == pytest.approx((8.8, -50, 100))


@pytest.mark.parametrize(
    ("x_mm", "message"),
    [
        ((8.8, 4.4, 0, -8.8), r"8\.80 mm between slices 3 and 4, elsewhere 4\.40 mm\. Export the missing"),
        ((8.8, 4.4, 4.4, 0), "several slices at the same position"),
        ((8.8, 4.4, 0.1, -4.3), r"4\.30 mm between slices 2 and 3, .*\. Resample them"),
    ],
)
def test_frames_that_make_no_stack_are_refused(tmp_path, x_mm, message):
    with pytest.raises(VolumeError, match=message):
        read_volume(write_multiframe(tmp_path / "s", x_mm=x_mm))


@pytest.mark.parametrize("described", [0, 3])
def test_frames_without_a_position_are_refused(tmp_path, described):
    with pytest.raises(VolumeError, match=f"4 frames, but {described} descriptions of frames"):
        read_volume(write_multiframe(tmp_path / "s", described=described))


def test_frames_beside_single_slices_are_refused(tmp_path):
    write_series(tmp_path / "s", n_slices=2)
    write_multiframe(tmp_path / "s")
    with pytest.raises(VolumeError, match="3 files, one with 4 frames"):
        read_volume(tmp_path / "s")


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("ImagePositionPatient", None, "is missing"),
        ("ImagePositionPatient", ["0", "1"], r"is \[0, 1\]"),
        ("ImageOrientationPatient", ["0"] * 6, r"is \[0\. 0\."),
        ("ImageOrientationPatient", ["0", "1", "0", "0", "0"], "is"),
        ("PixelSpacing", None, "is missing"),
        ("PixelSpacing", ["0", "0.6"], r"is \[0\.  0\.6\]"),
    ],
)
def test_slices_that_do_not_say_where_they_lie_are_refused(tmp_path, keyword, value, message):
    write_series(tmp_path / "s", n_slices=3)
    for path in (tmp_path / "s").iterdir():
        header = pydicom.dcmread(path)
        setattr(header, keyword, value)
        header.save_as(path)
    with pytest.raises(VolumeError, match=rf"the DICOM tag {keyword} {message}.*Needed: position"):
        read_volume(tmp_path / "s")


def test_a_position_that_is_no_number_is_told(tmp_path):
    write_series(tmp_path / "s", n_slices=1)
    (path,) = (tmp_path / "s").iterdir()
    content = path.read_bytes()
    assert content.count(b"20\\-50\\100") == 1
    path.write_bytes(content.replace(b"20\\-50\\100", b"xx\\-50\\100"))
    with pytest.raises(VolumeError, match=r"the DICOM tag ImagePositionPatient is .*xx"):
        read_volume(tmp_path / "s")


@pytest.mark.parametrize("change", [{"PixelSpacing": [0.9, 0.9]}, {"Rows": 8}])
def test_slices_of_different_size_are_refused(tmp_path, change):
    write_series(tmp_path / "s", n_slices=3)
    path = sorted((tmp_path / "s").iterdir())[0]
    header = pydicom.dcmread(path)
    for keyword, value in change.items():
        setattr(header, keyword, value)
    header.PixelData = header.PixelData[: 2 * header.Rows * header.Columns]
    header.save_as(path)
    with pytest.raises(
        VolumeError, match=r"slices of different size, .* and .*16 x 12 pixels of 0\.7 x 0\.6"
    ):
        read_volume(tmp_path / "s")
