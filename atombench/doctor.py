"""What this machine has and lacks for a run: Python, torch, data, disk, SLURM, MLflow; and what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atombench.engine.sandbox.parent import landlock_works, namespaces, seccomp_works
from atombench.errors import AtomBenchError
from atombench.io.files import file_digest
from atombench.tracking import check_store, without_password
from atombench.volumes.fetch import DATA_DIRS, SourceFile, data_dirs, find_local
from atombench.volumes.registry import DatasetRow
from atombench.volumes.sources import reader_of

Status = Literal["ok", "note", "problem"]
OLDEST_PYTHON = (3, 11)
LEAST_FREE_GIB = 5.0  # the default run leaves less than one; a unit of VesselMNIST3D takes about 0.2
SECONDS_FOR_AN_ANSWER = 20


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        status: `ok`; `note` for what some runs need; `problem` for what every run needs.
        what: its name.
        found: what was found.
        advice: what to do; empty if nothing.
    """

    status: Status
    what: str
    found: str
    advice: str = ""


def examine(datasets: dict[str, DatasetRow], results: Path, store: str, constraints: Path) -> Iterator[Check]:
    """Look at everything, in the order in which a run needs it.

    Args:
        datasets: rows of the registry to look for.
        results: folder of the results, which need not exist yet.
        store: address of the MLflow store.
        constraints: file with the pinned versions.
    """
    yield _python()
    yield _versions(constraints)
    yield from _torch()
    yield _disk(results)
    yield _folders()
    for name, row in datasets.items():
        yield _dataset(name, row, results / "downloads")
    yield from _slurm(_answer)
    yield _mlflow(store)
    yield _sandbox(bool(namespaces()), landlock_works(), seccomp_works())


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Check("problem", "Python", found, "install Python 3.11 or newer and run `make run PYTHON=...`")
    return Check("ok", "Python", f"{found}, {sys.executable}")


def _versions(constraints: Path) -> Check:
    """Compare what is installed with what is pinned."""
    if not constraints.is_file():
        return Check("note", "packages", f"no {constraints} here", "call this in the folder of the checkout")
    pins = (
        line.split("==") for line in constraints.read_text(encoding="utf-8").splitlines() if "==" in line[1:] and line[0] != "#"
    )
    differing = []
    for name, pinned in pins:
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # not every pin is needed everywhere
        if installed.partition("+")[0] != pinned.partition("+")[0]:
            differing.append(f"{name} {installed} (pinned {pinned})")
    if differing:
        return Check("note", "packages", ", ".join(differing), "`rm -r .venv` and `make run` install what is pinned")
    return Check("ok", "packages", "as pinned")


def _torch() -> Iterator[Check]:
    import torch

    yield Check("ok", "torch", torch.__version__)
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(number)
            yield Check("ok", f"GPU {number}", f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB")
        return
    other = torch.accelerator.current_accelerator(check_available=True)
    if other is not None:
        yield Check("ok", "accelerator", str(other))
    elif shutil.which("nvidia-smi"):
        advice = "install the CUDA build of the pinned torch (plain pip from the public index), or update the driver"
        yield Check("note", "GPU", "nvidia-smi is here, but this torch sees no GPU", advice)
    else:
        yield Check("note", "GPU", "none; networks are trained on the processor", "")


def _disk(results: Path) -> Check:
    place = next(folder for folder in (results.absolute(), *results.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free / 2**30
    if not os.access(place, os.W_OK):
        return Check("problem", "disk", f"{place} cannot be written", "run in a folder of your own")
    if free < LEAST_FREE_GIB:
        return Check("problem", "disk", f"{free:.1f} GiB free in {place}", "make room: predictions take 0.1 to 0.3 GiB per run")
    return Check("ok", "disk", f"{free:.0f} GiB free in {place}")


def _folders() -> Check:
    try:
        folders = data_dirs()
    except AtomBenchError as error:
        return Check("problem", "data folders", str(error), f"correct {DATA_DIRS}")
    if not folders:
        return Check(
            "note", "data folders", f"{DATA_DIRS} is not set", "set it to folders with data of your own, colon-separated"
        )
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        return Check("problem", "data folders", f"{', '.join(missing)} not there", f"correct {DATA_DIRS}")
    return Check("ok", "data folders", ", ".join(map(str, folders)))


def _dataset(name: str, row: DatasetRow, downloads: Path) -> Check:
    """Whether a dataset is at hand, how large it is, and where was looked."""
    what = f"data {name}"
    try:
        files = reader_of(row.kind).sources(row)
        found = {file.name: _find(file, downloads) for file in files}
    except AtomBenchError as error:
        return Check("note", what, "missing", " ".join(str(error).split()))
    paths = [path for path, _ in found.values() if path is not None]
    size = sum(path.stat().st_size for path in paths) / 2**20
    if len(paths) == len(files):
        where = paths[0].parent if len({path.parent for path in paths}) == 1 else Path(os.path.commonpath(paths))
        return Check("ok", what, f"{len(files)} file{'s' if len(files) > 1 else ''}, {size:.1f} MiB in {where}")
    missing = [file for file in files if found[file.name][0] is None]
    damaged = [note for file in missing for note in found[file.name][1]]
    published = sorted({file.url for file in missing if file.url})
    advice = f"fetched from {published[0]} when a run needs it" if published else f"put it into a folder named in {DATA_DIRS}"
    looked = f"looked in {', '.join(map(str, data_dirs()))}" if data_dirs() else f"{DATA_DIRS} is not set"
    lacking = f"{len(missing)} of {len(files)} files missing ({looked})"
    return Check("note", what, "; ".join([lacking, *damaged[:2]]), advice)


def _find(file: SourceFile, downloads: Path) -> tuple[Path | None, list[str]]:
    """A valid copy in the data folders, or one that was downloaded."""
    path, notes = find_local(file)
    earlier = downloads / Path(file.name).name
    if path is None and earlier.is_file() and file_digest(earlier, file.algorithm) == file.checksum:
        return earlier, notes
    return path, notes


def _slurm(answer: Callable[[list[str]], str | None]) -> Iterator[Check]:
    if not shutil.which("sbatch"):
        yield Check("note", "SLURM", "no sbatch here", "")
        return
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        yield Check("note", "SLURM", "the executor plugin is not installed", "pip install -c constraints.txt '.[slurm]'")
    partitions = answer(["sinfo", "--noheader", "--format=%P %a %l %D %G"])
    if partitions is None:
        yield Check("note", "SLURM", "sinfo gives no answer", "ask whether the controller runs; call this on a login node")
        return
    yield Check("ok", "SLURM", "; ".join(partitions.split("\n")) or "no partition")
    if answer(["sacct", "--noheader", "--allocations", "--starttime=now-1hour", "--format=jobid"]) is None:
        advice = "the profile asks squeue, which needs no database; jobs must stay visible to it for some minutes (MinJobAge)"
        yield Check("note", "SLURM accounting", "sacct gives no answer", advice)
    else:
        yield Check("ok", "SLURM accounting", "sacct answers")


def _answer(command: list[str]) -> str | None:
    """What a command prints; None if it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_AN_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _mlflow(store: str) -> Check:
    try:
        return Check("ok", "MLflow", f"{without_password(store)}: {check_store(store)}")
    except AtomBenchError as error:
        return Check("problem", "MLflow", str(error), "correct MLFLOW_TRACKING_URI, or delete the store: records make it anew")


def _sandbox(network: bool, files: bool, calls: bool) -> Check:
    """Whether submitted methods can be confined here."""
    lacks = [what for what, there in (("network", network and calls), ("files", files and calls)) if not there]
    if not lacks:
        return Check("ok", "sandbox", "submitted methods run without network and with a folder of their own")
    advice = "run submitted methods on a newer Linux, or in a machine of their own; records say what was not confined"
    return Check(
        "note",
        "sandbox",
        f"submitted methods cannot be kept from {' and '.join(lacks)} (unshare, Landlock, libseccomp)",
        advice,
    )
