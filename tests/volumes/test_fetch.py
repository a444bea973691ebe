import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from atombench.errors import DataError, FetchError
from atombench.volumes.fetch import DATA_DIRS, SourceFile, data_dirs, fetch, find_folder, read_receipt, write_receipt

CONTENT = b"forty-two volumes"
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    failures = 0
    answer = CONTENT

    def do_GET(self) -> None:
        if type(self).failures > 0:
            type(self).failures -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Server.failures, Server.answer = 0, CONTENT
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/volumes.bin"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_DIRS, raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between pooch's tries


def test_a_local_copy_is_found_by_name_and_checksum_before_any_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "deep" / "right").mkdir(parents=True)
    (tmp_path / "wrong" / "volumes.bin").write_bytes(b"something else")
    (tmp_path / "deep" / "right" / "volumes.bin").write_bytes(CONTENT)
    monkeypatch.setenv(DATA_DIRS, f"{tmp_path / 'wrong'}:{tmp_path / 'deep'}")
    file = SourceFile("volumes.bin", "md5", MD5, "http://127.0.0.1:1/never-asked")
    assert fetch([file], tmp_path / "cache")["volumes.bin"] == tmp_path / "deep" / "right" / "volumes.bin"


def test_a_download_is_verified_and_kept(tmp_path: Path, address: str) -> None:
    path = fetch([SourceFile("volumes.bin", "md5", MD5, address)], tmp_path)["volumes.bin"]
    assert path.read_bytes() == CONTENT
    Server.failures = 99
    assert fetch([SourceFile("volumes.bin", "md5", MD5, address)], tmp_path)["volumes.bin"] == path


def test_a_failing_server_is_asked_again(tmp_path: Path, address: str) -> None:
    Server.failures = 2
    assert fetch([SourceFile("volumes.bin", "md5", MD5, address)], tmp_path)["volumes.bin"].read_bytes() == CONTENT


def test_a_checksum_mismatch_names_both_sums_and_leaves_nothing(tmp_path: Path, address: str) -> None:
    Server.answer = b"tampered"
    with pytest.raises(FetchError) as error:
        fetch([SourceFile("volumes.bin", "md5", MD5, address)], tmp_path)
    assert MD5 in str(error.value)
    assert hashlib.md5(b"tampered").hexdigest() in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_no_network_names_the_address_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:1/gone.*put a copy into a folder named in ATOMBENCH_DATA_DIRS"):
        fetch([SourceFile("volumes.bin", "md5", MD5, "http://127.0.0.1:1/gone")], tmp_path)


def test_a_local_mismatch_is_named_when_there_is_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "volumes.bin").write_bytes(b"old")
    monkeypatch.setenv(DATA_DIRS, str(tmp_path))
    with pytest.raises(FetchError, match=f"{hashlib.md5(b'old').hexdigest()}, expected {MD5}"):
        fetch([SourceFile("volumes.bin", "md5", MD5)], tmp_path / "cache")


def test_a_folder_is_found_by_the_checksum_of_its_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brains").mkdir()
    (tmp_path / "brains" / "SUMS").write_bytes(CONTENT)
    monkeypatch.setenv(DATA_DIRS, str(tmp_path))
    assert find_folder("brains", "SUMS", hashlib.sha256(CONTENT).hexdigest()) == tmp_path / "brains"
    with pytest.raises(FetchError, match="expected 0000"):
        find_folder("brains", "SUMS", "0000")
    with pytest.raises(FetchError, match="the folder hearts"):
        find_folder("hearts", "SUMS", "0000")


def test_a_file_that_changed_after_fetching_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "volumes.bin"
    path.write_bytes(CONTENT)
    file = SourceFile("volumes.bin", "md5", MD5)
    write_receipt(tmp_path / "receipt.json", "toy", [file], {"volumes.bin": path})
    assert read_receipt(tmp_path / "receipt.json", "toy") == {"volumes.bin": path}
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match=f"expected {MD5}"):
        read_receipt(tmp_path / "receipt.json", "toy")
    path.unlink()
    with pytest.raises(DataError, match="is gone"):
        read_receipt(tmp_path / "receipt.json", "toy")
    with pytest.raises(DataError, match="is the receipt of 'toy', expected that of 'other'"):
        read_receipt(tmp_path / "receipt.json", "other")


def test_a_data_folder_of_an_unknown_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_DIRS, "~nosuchuser/data")
    with pytest.raises(FetchError, match="ATOMBENCH_DATA_DIRS holds a folder that cannot be found"):
        data_dirs()
