"""The doctor checks a machine and gives advice."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from atombench import doctor
from atombench.cli import main
from atombench.doctor import Check, examine
from atombench.engine.sandbox.probes import PROBES
from atombench.volumes.fetch import SourceFile
from atombench.volumes.registry import find_row
from tests.conftest import ROOT

CONSTRAINTS = ROOT / "constraints.txt"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("ATOMBENCH_DATA_DIRS", raising=False)


def checks(tmp_path: Path, *datasets: str, constraints: Path = CONSTRAINTS, store: str = "") -> dict[str, Check]:
    rows = {name: find_row(name, ROOT / "config/datasets.yaml") for name in datasets}
    found = examine(rows, tmp_path / "results", store or f"sqlite:///{tmp_path}/none.db", constraints)
    return {check.what: check for check in found}


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_bare_machine_can_execute_the_default_run(tmp_path: Path) -> None:
    found = checks(tmp_path, "mni-subjects")
    assert {name for name, check in found.items() if check.status == "problem"} == set()
    assert found["data mni-subjects"].status == "ok"
    assert "MiB in" in found["data mni-subjects"].found
    assert "does not exist yet" in found["MLflow"].found
    assert found["packages"].found == "as pinned"


def test_missing_data_are_reported_with_the_folders_searched_and_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checks(tmp_path, "vesselmnist3d", "ixi-t1")
    assert found["data folders"].status == "note"
    assert "ATOMBENCH_DATA_DIRS is not set" in found["data vesselmnist3d"].found
    assert "fetched from https://" in found["data vesselmnist3d"].advice
    assert "put a copy into a folder" in found["data ixi-t1"].advice
    monkeypatch.setenv("ATOMBENCH_DATA_DIRS", str(tmp_path))
    (tmp_path / "vesselmnist3d.npz").write_text("something else")
    damaged = checks(tmp_path, "vesselmnist3d")["data vesselmnist3d"]
    assert damaged.status == "note"
    assert f"searched {tmp_path}" in damaged.found
    assert "has md5" in damaged.found
    monkeypatch.setenv("ATOMBENCH_DATA_DIRS", str(tmp_path / "gone"))
    assert checks(tmp_path)["data folders"].status == "problem"


def test_downloaded_files_count_as_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a file"
    sources = [SourceFile("set.npz", "md5", hashlib.md5(content).hexdigest(), "https://example.org/set.npz")]
    monkeypatch.setattr("atombench.volumes.medmnist.sources", lambda row: sources)
    assert checks(tmp_path, "vesselmnist3d")["data vesselmnist3d"].status == "note"
    (tmp_path / "results/downloads").mkdir(parents=True)
    (tmp_path / "results/downloads/set.npz").write_bytes(content)
    assert checks(tmp_path, "vesselmnist3d")["data vesselmnist3d"].status == "ok"


def test_versions_that_differ_from_the_pinned_ones_are_reported(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("# pins\nnumpy==0.0.1\nnot-installed==3\n")
    found = checks(tmp_path, constraints=tmp_path / "pins.txt")["packages"]
    assert found.status == "note"
    assert "(pinned 0.0.1)" in found.found
    assert "not-installed" not in found.found


def test_a_cluster_is_described_and_missing_accounting_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "sbatch", "exit 0")
    program(tmp_path, "sinfo", "echo 'gpu* up 1:00:00 4 gpu:2'")
    program(tmp_path, "sacct", "echo 'accounting storage is disabled' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = checks(tmp_path)
    assert "gpu* up 1:00:00 4 gpu:2" in found["SLURM"].found
    assert found["SLURM accounting"].status == "note"
    program(tmp_path, "sinfo", "exit 1")
    assert "does not respond" in checks(tmp_path)["SLURM"].found


def test_a_folder_that_cannot_be_written_or_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = os.statvfs_result((4096, 4096, 10**6, 10, 10, 10, 10, 10, 0, 255))
    monkeypatch.setattr("shutil.os.statvfs", lambda path: usage)
    assert checks(tmp_path)["disk"].status == "problem"
    assert "GiB free" in checks(tmp_path)["disk"].found
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written" in checks(tmp_path)["disk"].found


def test_a_damaged_store_is_a_problem_and_the_command_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow/mlflow.db").write_text("no database" * 100)
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as caught:
        main(["doctor", "mni-subjects", "--results", str(tmp_path)])
    assert caught.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("PROBLEM MLflow:") for line in lines)
    assert any(line.startswith("ok      data mni-subjects:") for line in lines)
    assert not any("vesselmnist3d" in line for line in lines)


@pytest.mark.parametrize(
    ("separate", "landlock", "calls", "status", "message"),
    [
        (True, 7, True, "ok", "namespaces, Landlock 7, seccomp"),
        (False, 7, True, "note", "unshare not available"),
        (True, 0, False, "note", "Landlock, libseccomp not available"),
        (True, 2, True, "note", "Landlock 2 is weaker: files outside may be emptied"),
    ],
)
def test_missing_or_weaker_mechanisms_of_confinement_are_named(
    separate: bool, landlock: int, calls: bool, status: str, message: str
) -> None:
    check = doctor._mechanisms(separate, landlock, calls)
    assert check.status == status
    assert message in check.found


def test_every_probe_of_the_sandbox_is_listed_with_its_result() -> None:
    found = {probe.name: probe.name == "netlink sockets" for probe in PROBES}
    checks = list(doctor._sandbox(found))
    assert [check.what for check in checks] == [f"sandbox, {kind}" for kind in ("network", "files", "processes", "memory")]
    assert [check.status for check in checks] == ["note", "ok", "ok", "ok"]
    assert checks[0].found == "POSSIBLE: netlink sockets"
    listed = " ".join(check.found for check in checks[1:])
    assert all(probe.name in listed for probe in PROBES if probe.kind != "network")
