"""Downloading SPIDER from Zenodo: resumable, checked against the record's own checksums, then unpacked."""

import hashlib
import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from spider2d.atomic_write import write_text
from spider2d.errors import DatasetError

RECORD_URL = "https://zenodo.org/api/records/10159290"
TIMEOUT_S = 60
MAX_ATTEMPTS = 5
"""How often a transfer that broke off is taken up again."""
RETRY_WAIT_S = 3.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """One file of a Zenodo record; ``checksum`` is an MD5 in hexadecimal."""

    name: str
    size: int
    checksum: str
    url: str


def list_record(record_url: str = RECORD_URL) -> list[RemoteFile]:
    """Return the files of a Zenodo record.

    Raises:
        DatasetError: The server cannot be reached, or its answer is not a record.
    """
    try:
        with urllib.request.urlopen(record_url, timeout=TIMEOUT_S) as answer:
            record = json.load(answer)
        return [_remote_file(entry) for entry in record["files"]]
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(record_url, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{record_url}: no Zenodo record with MD5 checksums ({error!r}). Check the address."
        ) from error


def _remote_file(entry: dict) -> RemoteFile:
    algorithm, checksum = entry["checksum"].split(":")
    name = entry["key"]
    if algorithm != "md5" or name != Path(name).name:
        raise ValueError(f"{name}: {entry['checksum']}")
    return RemoteFile(name, int(entry["size"]), checksum, entry["links"]["self"])


def download_file(remote: RemoteFile, folder: Path) -> Path:
    """Fetch one file into a folder, going on where an earlier run stopped.

    The file carries the ending ``.part`` until its size and checksum are right; a file that is already there
    and right is not fetched again.

    Raises:
        DatasetError: The server cannot be reached, or what arrived is not what the record describes.
    """
    target, part = folder / remote.name, folder / f"{remote.name}.part"
    if target.is_file() and target.stat().st_size == remote.size and md5_of(target) == remote.checksum:
        return target
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            _fetch_rest(remote, part)
        except (OSError, http.client.HTTPException) as error:
            if attempt == MAX_ATTEMPTS or isinstance(error, urllib.error.HTTPError):
                raise _unreachable(remote.url, error) from error
            time.sleep(RETRY_WAIT_S)
        if part.is_file() and part.stat().st_size >= remote.size:
            break
    _check_arrived(remote, part)
    return part.replace(target)


def _fetch_rest(remote: RemoteFile, part: Path) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have >= remote.size:
        return
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(total=remote.size, initial=file.tell(), desc=remote.name, unit="B", unit_scale=True) as bar,
        ):
            while chunk := answer.read(_CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))


def _check_arrived(remote: RemoteFile, part: Path) -> None:
    size = part.stat().st_size
    if size == remote.size and md5_of(part) == remote.checksum:
        return
    if size < remote.size:
        raise DatasetError(
            f"{remote.url}: broke off {MAX_ATTEMPTS} times, {size} of {remote.size} bytes are here. "
            "Run the same command again to go on."
        )
    part.unlink()
    raise DatasetError(
        f"{remote.name}: what arrived does not match the record's checksum and was removed. "
        "Run the same command again to fetch it anew."
    )


def md5_of(path: Path) -> str:
    """Return the MD5 checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _unreachable(url: str, error: Exception) -> DatasetError:
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return DatasetError(
        f"{urlsplit(url).netloc}: no answer for {url} ({reason}). Check the connection and run "
        "the same command again; what has arrived is kept."
    )


def unpack(archive: Path, folder: Path) -> dict[str, int]:
    """Unpack a zip file into a folder; files that are already there in full are left alone.

    Returns:
        The size of each unpacked file by its path in the folder.

    Raises:
        DatasetError: Not a zip file, a damaged one, or one that would write outside the folder.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if _is_wanted(member)]
            sizes = {
                _unpack_member(packed, member, folder).relative_to(folder).as_posix(): member.file_size
                for member in tqdm(members, desc=f"unpacking {archive.name}")
            }
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{archive}: damaged zip file ({error}). Delete it and run again.") from error
    return sizes


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    return not member.is_dir() and not member.filename.startswith("__MACOSX/")


def _unpack_member(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Path:
    # images.zip holds a folder images/; should its files ever lie bare in it, they get that folder.
    bare = "/" not in member.filename
    target = (folder / Path(packed.filename).stem if bare else folder) / member.filename
    if not target.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{packed.filename}: refuses to unpack {member.filename!r} outside {folder}.")
    if target.is_file() and target.stat().st_size == member.file_size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with packed.open(member) as source, part.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
    return part.replace(target)


def download_dataset(
    folder: Path, record_url: str = RECORD_URL, only: Sequence[str] = (), keep_archives: bool = False
) -> list[RemoteFile]:
    """Download the files of a record into a folder and unpack its zip files there.

    Args:
        folder: Where the data set goes; made if missing.
        record_url: The record in Zenodo's API.
        only: Names of the files to fetch; empty for all.
        keep_archives: Keep zip files after unpacking.

    Returns:
        The files that are now there. Archives unpacked by an earlier run are not fetched again.

    Raises:
        DatasetError: A name the record does not have, too little disk space, or as the steps raise.
    """
    record = list_record(record_url)
    names = [remote.name for remote in record]
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise DatasetError(f"no file {', '.join(unknown)} in the record. Choose from: {', '.join(names)}.")
    wanted = [remote for remote in record if not only or remote.name in only]
    missing = [remote for remote in wanted if not _is_unpacked(remote, folder)]
    folder.mkdir(parents=True, exist_ok=True)
    _check_space(missing, folder)
    for remote in missing:
        file = download_file(remote, folder)
        if file.suffix == ".zip":
            unpacked = {"checksum": remote.checksum, "files": unpack(file, folder)}
            write_text(_unpacked_mark(remote, folder), json.dumps(unpacked))
            if not keep_archives:
                file.unlink()
    return wanted


def _unpacked_mark(remote: RemoteFile, folder: Path) -> Path:
    return folder / f".{remote.name}.unpacked"


def _is_unpacked(remote: RemoteFile, folder: Path) -> bool:
    """Return whether an archive was unpacked and all its files are still there."""
    mark = _unpacked_mark(remote, folder)
    unpacked = json.loads(mark.read_text("utf-8")) if mark.is_file() else {}
    return unpacked.get("checksum") == remote.checksum and all(
        _size_of(folder / name) == size for name, size in unpacked["files"].items()
    )


def _size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 where there is neither."""
    if path.is_dir():
        return sum(_size_of(entry) for entry in path.iterdir())
    return path.stat().st_size if path.is_file() else 0


def _check_space(wanted: list[RemoteFile], folder: Path) -> None:
    """Refuse to start when archives and contents cannot both fit (images hardly compress further)."""
    needed = 0
    for remote in wanted:
        fetched = max(_size_of(folder / name) for name in (remote.name, f"{remote.name}.part"))
        needed += max(0, remote.size - fetched)
        if remote.name.endswith(".zip"):
            needed += max(0, remote.size - _size_of(folder / Path(remote.name).stem))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{folder}: {free / 1e9:.1f} GB free, needed about {needed / 1e9:.1f} GB. "
            "Make room or choose another folder with --output."
        )
