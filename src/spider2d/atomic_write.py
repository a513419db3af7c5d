"""Writing files so that a kill or a full disk never leaves half a file under its final name."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from spider2d.errors import OutputError

UNFINISHED_PREFIX = ".unfinished-"
"""Files of this prefix are unfinished; a killed program leaves them behind, and they may be deleted."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of an unfinished file, which takes the place of ``path`` when the block ends well.

    The unfinished file lies in the same folder, because only there renaming is one step; its mark stands in
    front of the name, because some writers choose the format by the name's ending. After an error it is
    removed, and what was under ``path`` before is still there.

    Args:
        path: File to write; its folder is made where it is missing. An existing file is replaced.

    Raises:
        OSError: The folder cannot be made, or the file cannot be renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{UNFINISHED_PREFIX}{os.getpid()}-{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk is told without the file
        raise
    finally:
        with contextlib.suppress(OSError):  # there is none after success; after an error that one counts
            unfinished.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file by way of ``replacing``."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8 by way of ``replacing``, with line ends as they are on every system."""
    write_bytes(path, text.encode("utf-8"))


def make_writable_folder(folder: Path) -> None:
    """Make a folder and try to write in it, so that nothing is computed in vain.

    Raises:
        OutputError: The folder cannot be made or written to.
    """
    trial = folder / f"{UNFINISHED_PREFIX}{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written to ({error.strerror}); give another --output folder"
        ) from error
