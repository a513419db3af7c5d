import hashlib
import io
import json
import threading
import zipfile
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from spider2d.data import download
from spider2d.data.download import RemoteFile, download_dataset, download_file, list_record, unpack
from spider2d.errors import DatasetError


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return buffer.getvalue()


CONTENTS = {
    "images.zip": zip_of(
        {"images/1_t1.mha": b"image" * 1000, "images/1_t2.mha": b"other", "__MACOSX/x": b"junk"}
    ),
    "masks.zip": zip_of({"1_t1.mha": b"mask"}),
    "overview.csv": b"new_file_name,subset\r\n1_t1,training\r\n",
}


class Zenodo(BaseHTTPRequestHandler):
    """A small stand-in for Zenodo's API and file server."""

    def do_GET(self):  # noqa: N802 (the name http.server asks for)
        self.server.requests.append((self.path, self.headers.get("Range")))
        name = self.path.rsplit("/", 1)[-1]
        if name == "record":
            self.reply(200, json.dumps(self.server.record).encode())
        elif name in CONTENTS:
            self.send_content(CONTENTS[name])
        else:
            self.send_error(404)

    def send_content(self, content):
        start = int((self.headers.get("Range") or "bytes=0-")[len("bytes=") : -1])
        start = start if self.server.knows_ranges else 0
        breaks_off = self.server.break_offs > 0
        self.server.break_offs -= breaks_off
        rest = content[start:]
        self.reply(206 if start else 200, rest[: len(rest) // 2] if breaks_off else rest, len(rest))

    def reply(self, status, body, announced_length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(announced_length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Keep the test output quiet."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "RETRY_WAIT_S", 0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Zenodo)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.requests, server.break_offs, server.knows_ranges = [], 0, True
    server.record = {"files": [entry(name, server.url) for name in CONTENTS]}
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def entry(name, url):
    content = CONTENTS[name]
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    return {"key": name, "size": len(content), "checksum": checksum, "links": {"self": f"{url}/files/{name}"}}


def remote(server, name="images.zip"):
    return next(file for file in list_record(f"{server.url}/record") if file.name == name)


def fetched(server):
    return [path.rsplit("/", 1)[-1] for path, _ in server.requests]


def test_a_data_set_is_downloaded_and_unpacked(server, tmp_path):
    download_dataset(tmp_path / "new" / "spider", f"{server.url}/record")
    files = {
        path.relative_to(tmp_path / "new/spider").as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert files == {
        "images/1_t1.mha",
        "images/1_t2.mha",
        "masks/1_t1.mha",  # bare in its archive
        "overview.csv",
        ".images.zip.unpacked",
        ".masks.zip.unpacked",
    }
    assert (tmp_path / "new/spider/images/1_t1.mha").read_bytes() == b"image" * 1000


def test_a_second_run_fetches_nothing_but_the_record(server, tmp_path):
    download_dataset(tmp_path, f"{server.url}/record")
    server.requests.clear()
    download_dataset(tmp_path, f"{server.url}/record")
    assert fetched(server) == ["record"]


def test_files_that_were_deleted_after_unpacking_come_again(server, tmp_path):
    download_dataset(tmp_path, f"{server.url}/record")
    (tmp_path / "images" / "1_t2.mha").unlink()
    server.requests.clear()
    download_dataset(tmp_path, f"{server.url}/record")
    assert fetched(server) == ["record", "images.zip"] and (tmp_path / "images" / "1_t2.mha").is_file()


def test_what_is_there_already_needs_no_room(server, tmp_path, monkeypatch):
    size = len(CONTENTS["images.zip"])
    (tmp_path / "images.zip").write_bytes(CONTENTS["images.zip"])
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "half").write_bytes(b"x" * (size - 60))
    (tmp_path / "unrelated").write_bytes(b"x" * 10**6)
    for free, refused in ((50, True), (70, False)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with pytest.raises(DatasetError, match="needed about") if refused else nullcontext():
            download_dataset(tmp_path, f"{server.url}/record", only=["images.zip"])


def test_only_the_named_files(server, tmp_path):
    download_dataset(tmp_path, f"{server.url}/record", only=["overview.csv"])
    assert fetched(server) == ["record", "overview.csv"]
    with pytest.raises(DatasetError, match=r"no file pictures\.zip.*Choose from: images\.zip"):
        download_dataset(tmp_path, f"{server.url}/record", only=["pictures.zip"])


def test_archives_are_kept_on_request(server, tmp_path):
    download_dataset(tmp_path, f"{server.url}/record", keep_archives=True)
    assert (tmp_path / "images.zip").read_bytes() == CONTENTS["images.zip"]


def test_a_part_from_an_earlier_run_is_completed(server, tmp_path):
    (tmp_path / "images.zip.part").write_bytes(CONTENTS["images.zip"][:100])
    path = download_file(remote(server), tmp_path)
    assert path.read_bytes() == CONTENTS["images.zip"]
    assert server.requests[-1][1] == "bytes=100-"
    assert list(tmp_path.iterdir()) == [path]


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    server.knows_ranges = False
    (tmp_path / "images.zip.part").write_bytes(b"x" * 100)
    assert download_file(remote(server), tmp_path).read_bytes() == CONTENTS["images.zip"]


def test_broken_transfers_are_taken_up_again(server, tmp_path):
    server.break_offs = 3
    assert download_file(remote(server), tmp_path).read_bytes() == CONTENTS["images.zip"]
    assert len(server.requests) == 1 + 4


def test_after_too_many_breaks_the_part_is_kept(server, tmp_path):
    server.break_offs = download.MAX_ATTEMPTS
    with pytest.raises(DatasetError, match=r"broke off.*Run the same command again"):
        download_file(remote(server), tmp_path)
    assert (tmp_path / "images.zip.part").stat().st_size > 0


def test_a_wrong_checksum_is_never_taken_for_the_file(server, tmp_path):
    (tmp_path / "images.zip.part").write_bytes(bytes(len(CONTENTS["images.zip"])))
    with pytest.raises(DatasetError, match="does not match the record's checksum"):
        download_file(remote(server), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_files_and_servers_are_clear_errors(server, tmp_path):
    lost = RemoteFile("x.zip", 10, "0", f"{server.url}/files/x.zip")
    with pytest.raises(DatasetError, match="Not Found"):
        download_file(lost, tmp_path)
    with pytest.raises(DatasetError, match="Check the connection"):
        list_record("http://127.0.0.1:9/record")


@pytest.mark.parametrize(
    "record", [{}, {"files": [{"key": "a"}]}, [], {"files": [{"key": "a", "checksum": "sha:1"}]}]
)
def test_an_answer_that_is_no_record(server, record):
    server.record = record
    with pytest.raises(DatasetError, match="no Zenodo record"):
        list_record(f"{server.url}/record")


def test_file_names_of_the_record_stay_in_the_folder(server):
    server.record["files"][0]["key"] = "../outside.zip"
    with pytest.raises(DatasetError, match="no Zenodo record"):
        list_record(f"{server.url}/record")


def test_too_little_space_is_said_before_anything_is_fetched(server, tmp_path):
    server.record["files"][0]["size"] = 10**18
    with pytest.raises(DatasetError, match="GB free, needed about"):
        download_dataset(tmp_path, f"{server.url}/record")
    assert fetched(server) == ["record"]


def test_archives_cannot_write_outside_the_folder(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zip_of({"../../outside.txt": b"x"}))
    with pytest.raises(DatasetError, match="outside"):
        unpack(archive, tmp_path / "inner")
    assert not (tmp_path.parent / "outside.txt").exists()


def test_damaged_archives_are_refused(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"PK not a zip file")
    with pytest.raises(DatasetError, match="damaged zip file"):
        unpack(archive, tmp_path)
