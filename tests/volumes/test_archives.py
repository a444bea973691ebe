"""Archives of collections are downloaded from a loopback server, verified, and unpacked without leaving their folder."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from atombench.commands import fetch as command
from atombench.errors import ConfigError, DataError, FetchError
from atombench.volumes.archives import unpacked
from atombench.volumes.curate import curate
from atombench.volumes.fetch import DATA_DIRS, fetch, read_receipt
from atombench.volumes.registry import CollectionRow, find_row
from atombench.volumes.sources import reader_of
from tests.conftest import ROOT
from tests.volumes.building import COMMON, SUBJECTS, row_of
from tests.volumes.on_disk import brains, save_nifti, save_table

Files = dict[str, bytes]


class Quiet(SimpleHTTPRequestHandler):
    """Serve a folder without a log."""

    def log_message(self, *words: Any) -> None:
        """Write nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Return the address of a server of `tmp_path/published`."""
    (tmp_path / "published").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "published")) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_DIRS, raising=False)


def images(place: Path) -> Files:
    """Return the files of a small collection, as they are in its archive, with some that nobody asked for."""
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        save_nifti(place / f"Task/imagesTr/{name}.nii.gz", array)
    save_table(place / "Task/people.csv", ["subject", "sex"], [(name, "F") for name in SUBJECTS])
    files = {path.relative_to(place).as_posix(): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}
    return {**files, "Task/imagesTr/._s01.nii.gz.swp": b"junk", "Task/labelsTr/s01.nii.gz": b"label", "other.txt": b"x"}


def as_tar(files: Files, mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def as_zip(files: Files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


FORMS: dict[str, Callable[[Files], bytes]] = {
    "a.tar": as_tar,
    "a.tar.gz": partial(as_tar, mode="w:gz"),
    "a.zip": as_zip,
}


def published(server: str, tmp_path: Path, file: str, content: bytes, **change: Any) -> CollectionRow:
    """Publish an archive; return the row that names it."""
    (tmp_path / "published" / file).write_bytes(content)
    archive = {"name": file, "url": f"{server}/{file}", "md5": hashlib.md5(content).hexdigest(), "top": "Task"}
    row = {
        **COMMON, "kind": "nifti-folder", "folder": "Task", "images": "imagesTr/{subject}.nii.gz", "table": "people.csv",
        "label_column": "sex", "archives": [{**archive, **change}],
    }  # fmt: skip
    found: CollectionRow = row_of(row, tmp_path)
    return found


@pytest.mark.parametrize("name", FORMS)
def test_a_published_archive_becomes_curated_volumes(name: str, server: str, tmp_path: Path) -> None:
    row = published(server, tmp_path, name, FORMS[name](images(tmp_path / "made")))
    receipt, downloads = tmp_path / "receipt.json", tmp_path / "downloads"
    command.run("mine", receipt, downloads, tmp_path / "datasets.yaml")
    files = read_receipt(receipt, "mine")
    assert set(files) == {"people.csv", *(f"imagesTr/{subject}.nii.gz" for subject in SUBJECTS)}
    assert not [path for path in downloads.rglob("*") if "label" in path.name or "swp" in path.name or path.name == "other.txt"]
    volumes = curate("mine", reader_of(row.kind).read(row, files), 20)
    assert len(volumes.ids) == 10
    assert set(volumes.labels) == {"F"}
    (tmp_path / "published" / name).unlink()  # nothing is downloaded or unpacked again
    before = {path: path.stat().st_mtime_ns for path in downloads.rglob("*")}
    command.run("mine", receipt, downloads, tmp_path / "datasets.yaml")
    assert {path: path.stat().st_mtime_ns for path in downloads.rglob("*")} == before


def test_several_archives_fill_folders_of_one_row(server: str, tmp_path: Path) -> None:
    files = images(tmp_path / "made")
    parts = {"imagesTr": files["Task/imagesTr/s01.nii.gz"], "": files["Task/people.csv"]}
    row = published(server, tmp_path, "a.tar", as_tar({"s01.nii.gz": parts["imagesTr"]}), top="", into="imagesTr")
    other = published(server, tmp_path, "b.zip", as_zip({"people.csv": parts[""]}), top="")
    both = row.model_copy(update={"archives": (*row.archives, *other.archives)})
    found = unpacked(both, tmp_path / "downloads", download=True)
    assert isinstance(found, CollectionRow)
    names = sorted(path.relative_to(found.folder).as_posix() for path in Path(found.folder).rglob("*") if path.is_file())
    assert names == ["imagesTr/s01.nii.gz", "people.csv"]


def test_a_local_folder_or_archive_is_used_without_a_download(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = as_tar(images(tmp_path / "made"))
    row = published(server, tmp_path, "a.tar", content)
    (tmp_path / "published/a.tar").unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.tar").write_bytes(content)
    monkeypatch.setenv(DATA_DIRS, str(tmp_path / "mine"))
    assert isinstance(unpacked(row, tmp_path / "downloads", download=True), CollectionRow)
    monkeypatch.setenv(DATA_DIRS, str(tmp_path / "made"))
    assert unpacked(row, tmp_path / "elsewhere", download=True) is row
    assert not (tmp_path / "elsewhere").exists()


def test_a_collection_that_is_not_unpacked_says_what_to_do(server: str, tmp_path: Path) -> None:
    row = published(server, tmp_path, "a.tar", as_tar(images(tmp_path / "made")))
    with pytest.raises(FetchError, match=r"Task has not been unpacked from a\.tar; `atombench fetch` does that"):
        unpacked(row, tmp_path / "downloads")


def test_a_wrong_checksum_is_refused_and_nothing_is_unpacked(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atombench.volumes.fetch.RETRIES", 0)
    row = published(server, tmp_path, "a.tar", as_tar(images(tmp_path / "made")), md5="0" * 32)
    with pytest.raises(FetchError, match=r"no valid copy of a\.tar"):
        unpacked(row, tmp_path / "downloads", download=True)
    assert [path.name for path in (tmp_path / "downloads").glob("Task-*")] == []


GOOD = {"Task/imagesTr/s01.nii.gz": b"image"}


def with_link() -> bytes:
    """Return an archive in which an image is a symbolic link to a file outside."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo("Task/imagesTr/s01.nii.gz")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (as_tar({**GOOD, "Task/../../outside": b"x"}), "a member whose name leads outside"),
        (as_tar({**GOOD, "/Task/imagesTr/s02.nii.gz": b"x"}), "a member whose name leads outside"),
        (as_zip({**GOOD, "Task/imagesTr/../../s02.nii.gz": b"x"}), "a member whose name leads outside"),
        (with_link(), "no member of its archives matches"),
        (as_zip({"Task/readme.txt": b"x"}), "no member of its archives matches"),
        (b"neither", "is neither a zip nor a tar archive"),
        (as_zip(GOOD)[:-30], "is neither a zip nor a tar archive"),
        (as_tar({"Task/imagesTr/s01.nii.gz": bytes(100_000)})[:60_000], "cannot be unpacked"),
        (as_tar({**GOOD, "./Task/imagesTr/s01.nii.gz": b"again"}), "cannot be unpacked"),
    ],
    ids=["parent", "absolute", "zip parent", "link", "nothing", "no archive", "cut zip", "cut tar", "twice"],
)
def test_bad_archives_are_refused_and_leave_nothing(content: bytes, message: str, server: str, tmp_path: Path) -> None:
    row = published(server, tmp_path, "a.bin", content)
    with pytest.raises(DataError, match=message):
        unpacked(row, tmp_path / "downloads", download=True)
    assert sorted(path.name for path in (tmp_path / "downloads").iterdir()) == ["a.bin"]
    assert not (tmp_path / "outside").exists()


def test_a_bomb_is_refused_before_it_fills_the_disk(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atombench.volumes.archives.SLACK_BYTES", 1000)
    row = published(server, tmp_path, "a.zip", as_zip({"Task/imagesTr/s01.nii.gz": bytes(10_000_000)}))
    with pytest.raises(DataError, match="unpacks to more than 50 times its size"):
        unpacked(row, tmp_path / "downloads", download=True)
    assert sorted(path.name for path in (tmp_path / "downloads").iterdir()) == ["a.zip"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"md5": None}, "an archive needs either md5 or sha256"),
        ({"sha256": "0" * 64}, "an archive needs either md5 or sha256"),
        ({"url": "ftp://example.invalid/a.tar"}, "String should match pattern"),
        ({"top": "../up"}, "expected a folder inside the archive"),
        ({"name": "../a.tar"}, "String should match pattern"),
    ],
)
def test_an_archive_of_a_row_is_checked(change: dict[str, Any], message: str, server: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        published(server, tmp_path, "a.tar", as_tar(GOOD), **change)


def test_the_shipped_archive_names_the_images_of_the_local_copy() -> None:
    """The public archive and the local folder hold the same images under other names."""
    local, public = (find_row(name, ROOT / "config/datasets.yaml") for name in ("hippocampus", "msd-hippocampus"))
    assert public.same_subject == local.same_subject
    assert public.archives[0].md5 == "9d24dba78a72977dbd1d2e110310f31b"
    assert public.checksums is None


def test_the_shipped_row_of_small_heads_takes_images_and_masks_from_its_archive(server: str, tmp_path: Path) -> None:
    """The row `ixi-tiny` as it ships, but for the address and checksum of its archive."""
    shipped = find_row("ixi-tiny", ROOT / "config/datasets.yaml")
    assert isinstance(shipped, CollectionRow)
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        mask = np.zeros_like(array)
        mask[2:20, 3:18, 4:16] = 1
        save_nifti(tmp_path / f"made/ixi_tiny/image/{name}_image.nii.gz", array)
        save_nifti(tmp_path / f"made/ixi_tiny/label/{name}_label.nii.gz", mask)
    content = as_zip(
        {path.relative_to(tmp_path / "made").as_posix(): path.read_bytes() for path in (tmp_path / "made").rglob("*.gz")}
    )
    (tmp_path / "published/ixi_tiny.zip").write_bytes(content)
    moved = {"url": f"{server}/ixi_tiny.zip?dl=1", "md5": hashlib.md5(content).hexdigest()}
    row = shipped.model_copy(update={"archives": (shipped.archives[0].model_copy(update=moved),)})
    found = unpacked(row, tmp_path / "downloads", download=True)
    reader = reader_of(row.kind)
    files = fetch(reader.sources(found), tmp_path / "downloads")
    assert len(files) == 20
    volumes = curate("ixi-tiny", reader.read(found, files), 20, row.mixed_shapes)
    assert volumes.ids == tuple(SUBJECTS)
    np.testing.assert_allclose(volumes.spacing[0], [2 * 17 / 19, 3 * 14 / 19, 4 * 11 / 19])
