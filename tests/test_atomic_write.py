import errno
import os
import stat
import sys

import pytest

from spider2d.atomic_write import make_writable_folder, replacing, write_bytes, write_text
from spider2d.errors import OutputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_only_at_the_end(tmp_path):
    target = tmp_path / "new" / "scan.nii.gz"
    with replacing(target) as unfinished:
        unfinished.write_bytes(b"half")
        assert not target.exists()
        assert unfinished.parent == target.parent
        assert unfinished.name.endswith(target.name)
    assert target.read_bytes() == b"half"
    assert names(target.parent) == ["scan.nii.gz"]


def test_an_existing_file_is_replaced(tmp_path):
    write_bytes(tmp_path / "a", b"old and long")
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path, error):
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(error), replacing(tmp_path / "a") as unfinished:
        unfinished.write_bytes(b"half")
        raise error
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_the_block_s_own_error_counts_when_nothing_was_written(tmp_path):
    with pytest.raises(ValueError, match="mine"), replacing(tmp_path / "a"):
        raise ValueError("mine")
    assert names(tmp_path) == []


def test_a_text_keeps_its_line_ends(tmp_path):
    write_text(tmp_path / "a", "1\r\n2\nÄ")
    assert (tmp_path / "a").read_bytes() == b"1\r\n2\n\xc3\x84"


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    make_writable_folder(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == []


def test_a_file_in_the_way_is_reported(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match=r"a: cannot be written to \(.+\); give another --output"):
        make_writable_folder(tmp_path / "a")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom permissions hold back"
)
def test_a_read_only_folder_is_reported(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OutputError, match="cannot be written to"):
        make_writable_folder(tmp_path)
    tmp_path.chmod(stat.S_IRWXU)


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError) as caught, replacing(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "a")
