"""Which files a command line names, and what they are called."""

import pytest

from spider2d.data.volume import folders_left_out, list_volumes, read_volume, volume_name
from spider2d.errors import VolumeError


@pytest.mark.parametrize(
    ("path", "name"),
    [("x/12_t2.mha", "12_t2"), ("a.b.nii.gz", "a.b"), ("A.NII.GZ", "A"), ("x/study 1/", "study 1")],
)
def test_volume_name(path, name):
    assert volume_name(path) == name


def test_list_volumes_expands_folders_once_and_in_order(tmp_path):
    for name in ("b.mha", "a.nii.gz", "notes.txt", ".unfinished-1-c.mha", "sub/d.mha"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list_volumes([tmp_path / "b.mha", tmp_path])
    assert [path.name for path in found] == ["b.mha", "a.nii.gz"]


def test_list_volumes_takes_the_images_of_a_spider_folder(tmp_path):
    for name in ("images/1_t2.mha", "masks/1_t2.mha"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert list_volumes([tmp_path]) == [tmp_path / "images" / "1_t2.mha"]


def test_list_volumes_looks_into_sub_folders(tmp_path):
    for name in ("p1/a.mha", "p2/deep/b.mha"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert [path.name for path in list_volumes([tmp_path])] == ["a.mha", "b.mha"]


def test_list_volumes_takes_dicom_folders_beside_files(tmp_path):
    for name in ("b.mha", "series/1", "b/1", "notes/readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for folder in ("series", "b"):  # b.mha was made of b
        (tmp_path / folder / "1").write_bytes(bytes(128) + b"DICM")
    assert [path.name for path in list_volumes([tmp_path])] == ["b.mha", "series"]
    assert list_volumes([tmp_path / "series"]) == [tmp_path / "series"]


def nothing_skipped(_):
    return False


def test_folders_left_out_hold_volumes_beside_which_files_lie(tmp_path):
    for name in ("b.mha", "deep/er/c.mha", "b/old.mha", "notes/readme.txt", ".hidden/d.mha", "series/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / "series" / "1").write_bytes(bytes(128) + b"DICM")
    assert folders_left_out([tmp_path], nothing_skipped) == [tmp_path / "deep"]  # b.mha was made of b
    (tmp_path / "loose").write_bytes(bytes(128) + b"DICM")
    assert folders_left_out([tmp_path], nothing_skipped) == [tmp_path, tmp_path / "deep"]
    named = [tmp_path / "deep", tmp_path / "b.mha", tmp_path / "series"]
    assert folders_left_out(named, nothing_skipped) == []


def test_folders_beside_loose_dicom_files_are_left_out(tmp_path):
    for name in ("localiser.dcm", "series/1.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    assert list_volumes([tmp_path]) == [tmp_path]
    assert folders_left_out([tmp_path], nothing_skipped) == [tmp_path / "series"]


def test_a_link_whose_file_is_not_there_is_listed_and_refused_when_read(tmp_path):
    try:
        (tmp_path / "1_t2.mha").symlink_to(tmp_path / "not fetched")
    except OSError:
        pytest.skip("this system lets users make no links")
    (link,) = list_volumes([tmp_path])
    with pytest.raises(VolumeError, match="a link whose file is not there"):
        read_volume(link)


def test_list_volumes_refuses_nothing_to_do(tmp_path):
    with pytest.raises(VolumeError, match="no volume in this folder"):
        list_volumes([tmp_path])
    (tmp_path / "1.dcm").write_bytes(bytes(200))
    with pytest.raises(VolumeError, match=r"1\.dcm lacks the mark of DICOM files"):
        list_volumes([tmp_path])
    with pytest.raises(VolumeError, match="no such file"):
        list_volumes([tmp_path / "missing.mha"])


def test_a_link_is_called_by_its_own_name_and_a_folder_by_its_real_one(tmp_path, monkeypatch):
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "MD5-1.mha").touch()
    link = tmp_path / "1_t1.mha"
    try:
        link.symlink_to(tmp_path / "objects" / "MD5-1.mha")
    except OSError:
        pytest.skip("this system lets users make no links")
    assert volume_name(link) == "1_t1"
    monkeypatch.chdir(tmp_path / "objects")
    assert volume_name(".") == "objects"
