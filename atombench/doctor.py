"""Check whether this machine can execute a run (Python, torch, data, disk, SLURM, MLflow) and advise what to change."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from atombench.engine.sandbox.call import landlock_version, seccomp_works
from atombench.engine.sandbox.probes import PROBES, succeeded
from atombench.engine.sandbox.processes import namespaces
from atombench.errors import AtomBenchError
from atombench.extras import how_to_install, is_installed
from atombench.io.files import file_digest
from atombench.io.paths import in_checkout
from atombench.tracking import check_store, without_password
from atombench.volumes.archives import unpacked
from atombench.volumes.fetch import DATA_DIRS, SourceFile, data_dirs, find_local
from atombench.volumes.registry import DatasetRow
from atombench.volumes.sources import reader_of

Status = Literal["ok", "note", "problem"]
OLDEST_PYTHON = (3, 11)
LEAST_FREE_GIB = 5.0  # the default run needs less than one; a run on VesselMNIST3D takes about 0.2
COMMAND_TIMEOUT_SECONDS = 20
TRUNCATION = 3  # version of Landlock that forbids truncating files


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        status: `ok`; `note` if only some runs are affected; `problem` if every run is.
        what: subject of the check.
        found: result, for the reader.
        advice: recommended action; empty if there is none.
    """

    status: Status
    what: str
    found: str
    advice: str = ""


def examine(datasets: dict[str, DatasetRow], results: Path, store: str, constraints: Path) -> Iterator[Check]:
    """Yield all checks, in the order in which a run depends on them.

    Args:
        datasets: registry rows of the datasets to check.
        results: folder of the results; it need not exist yet.
        store: address of the MLflow store.
        constraints: file with the pinned versions.
    """
    yield _python()
    yield _versions(constraints)
    yield _workflow()
    yield from _torch()
    yield _disk(results)
    yield _folders()
    for name, row in datasets.items():
        yield _dataset(name, row, results / "downloads")
    yield from _slurm(_output)
    yield _mlflow(store)
    yield _mechanisms(bool(namespaces()), landlock_version(), seccomp_works())
    yield from _sandbox(succeeded())


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Check("problem", "Python", version, "install Python 3.11 or newer and run `make run PYTHON=...`")
    return Check("ok", "Python", f"{version}, {sys.executable}")


def _versions(constraints: Path) -> Check:
    """Compare the installed versions of packages with the pinned ones."""
    if not constraints.is_file():
        return Check("note", "packages", f"{constraints} does not exist", "pass the file of pinned versions with --constraints")
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
        install = "`rm -r .venv` and `make run`" if in_checkout() else f"`pip install -c {constraints} atombench`"
        return Check("note", "packages", ", ".join(differing), f"{install} install the pinned versions")
    return Check("ok", "packages", "as pinned")


def _workflow() -> Check:
    """Check that Snakemake is installed and that the current folder holds the workflow."""
    if not is_installed("snakemake"):
        return Check("note", "workflow", "Snakemake is not installed", how_to_install("snakemake"))
    if not in_checkout():
        advice = "single commands work here; for whole runs, clone the repository and execute `make run` in it"
        return Check("note", "workflow", "no Snakefile in this folder", advice)
    return Check("ok", "workflow", f"Snakemake {importlib.metadata.version('snakemake')}")


def _torch() -> Iterator[Check]:
    if not is_installed("torch"):
        yield Check("note", "torch", "not installed; networks cannot be trained", how_to_install("torch"))
        return
    import torch

    yield Check("ok", "torch", torch.__version__)
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(number)
            yield Check("ok", f"GPU {number}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
        return
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None:
        yield Check("ok", "accelerator", str(accelerator))
    elif shutil.which("nvidia-smi"):
        advice = "install the CUDA build of the pinned torch (plain pip from the public index), or update the driver"
        yield Check("note", "GPU", "nvidia-smi is installed, but torch detects no GPU", advice)
    else:
        yield Check("note", "GPU", "none; networks are trained on the CPU", "")


def _disk(results: Path) -> Check:
    existing = next(folder for folder in (results.absolute(), *results.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if not os.access(existing, os.W_OK):
        return Check("problem", "disk", f"{existing} cannot be written", "work in a folder that you can write")
    if free < LEAST_FREE_GIB:
        return Check(
            "problem", "disk", f"{free:.1f} GiB free in {existing}", "free disk space: predictions take 0.1 to 0.3 GiB per run"
        )
    return Check("ok", "disk", f"{free:.0f} GiB free in {existing}")


def _folders() -> Check:
    try:
        folders = data_dirs()
    except AtomBenchError as error:
        return Check("problem", "data folders", str(error), f"correct {DATA_DIRS}")
    if not folders:
        return Check(
            "note", "data folders", f"{DATA_DIRS} is not set", "set it to a colon-separated list of folders with your data"
        )
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        return Check("problem", "data folders", f"{', '.join(missing)} missing", f"correct {DATA_DIRS}")
    return Check("ok", "data folders", ", ".join(map(str, folders)))


def _dataset(name: str, row: DatasetRow, downloads: Path) -> Check:
    """Check that the files of a dataset are present, and report their size and the folders searched."""
    what = f"data {name}"
    try:
        files = reader_of(row.kind).sources(unpacked(row, downloads))
        located = {file.name: _locate(file, downloads) for file in files}
    except AtomBenchError as error:
        return Check("note", what, "missing", " ".join(str(error).split()))
    paths = [path for path, _ in located.values() if path is not None]
    size = sum(path.stat().st_size for path in paths) / 2**20
    if len(paths) == len(files):
        where = paths[0].parent if len({path.parent for path in paths}) == 1 else Path(os.path.commonpath(paths))
        return Check("ok", what, f"{len(files)} file{'s' if len(files) > 1 else ''}, {size:.1f} MiB in {where}")
    missing = [file for file in files if located[file.name][0] is None]
    damaged = [note for file in missing for note in located[file.name][1]]
    published = sorted({file.url for file in missing if file.url})
    advice = f"fetched from {published[0]} when a run needs it" if published else f"put it into a folder listed in {DATA_DIRS}"
    searched = f"searched {', '.join(map(str, data_dirs()))}" if data_dirs() else f"{DATA_DIRS} is not set"
    summary = f"{len(missing)} of {len(files)} files missing ({searched})"
    return Check("note", what, "; ".join([summary, *damaged[:2]]), advice)


def _locate(file: SourceFile, downloads: Path) -> tuple[Path | None, list[str]]:
    """Return a valid copy in the data folders or among the downloads, or None; and notes on invalid copies."""
    path, notes = find_local(file)
    earlier = downloads / Path(file.name).name
    if path is None and earlier.is_file() and file_digest(earlier, file.algorithm) == file.checksum:
        return earlier, notes
    return path, notes


def _slurm(output_of: Callable[[list[str]], str | None]) -> Iterator[Check]:
    if not shutil.which("sbatch"):
        yield Check("note", "SLURM", "sbatch is not installed", "")
        return
    plugin = "snakemake_executor_plugin_slurm"
    if not is_installed(plugin):
        yield Check("note", "SLURM", "the executor plugin is not installed", how_to_install(plugin))
    partitions = output_of(["sinfo", "--noheader", "--format=%P %a %l %D %G"])
    if partitions is None:
        yield Check(
            "note",
            "SLURM",
            "sinfo does not respond",
            "check that the controller runs, and execute this command on a login node",
        )
        return
    yield Check("ok", "SLURM", "; ".join(partitions.split("\n")) or "no partition")
    if output_of(["sacct", "--noheader", "--allocations", "--starttime=now-1hour", "--format=jobid"]) is None:
        advice = (
            "the profile queries squeue, which needs no database; finished jobs must stay visible for some minutes (MinJobAge)"
        )
        yield Check("note", "SLURM accounting", "sacct does not respond", advice)
    else:
        yield Check("ok", "SLURM accounting", "sacct responds")


def _output(command: list[str]) -> str | None:
    """Return the standard output of a command; None if the command fails or times out."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _mlflow(store: str) -> Check:
    if not is_installed("mlflow"):
        return Check("note", "MLflow", "not installed; records are not mirrored", how_to_install("mlflow"))
    try:
        return Check("ok", "MLflow", f"{without_password(store)}: {check_store(store)}")
    except AtomBenchError as error:
        return Check(
            "problem", "MLflow", str(error), "follow the advice in the message; no step of a run before `track` needs the store"
        )


def _mechanisms(separate: bool, landlock: int, calls: bool) -> Check:
    """Check which mechanisms of the system confine submitted methods."""
    missing = [name for name, there in (("unshare", separate), ("Landlock", landlock), ("libseccomp", calls)) if not there]
    if missing:
        advice = "run submitted methods on a newer Linux or on a separate machine"
        return Check("note", "sandbox", f"{', '.join(missing)} not available; other mechanisms are used alone", advice)
    if landlock < TRUNCATION:
        advice = "Linux 6.2 or newer forbids it"
        return Check("note", "sandbox", f"Landlock {landlock} is weaker: files outside may be emptied (not read)", advice)
    return Check("ok", "sandbox", f"namespaces, Landlock {landlock}, seccomp")


def _sandbox(found: Mapping[str, bool]) -> Iterator[Check]:
    """Report by kind which forbidden actions a submitted method could carry out; each was tried just now."""
    advice = "records of submitted methods state what was not confined"
    for kind, probes in groupby(PROBES, key=lambda probe: probe.kind):
        names = [probe.name for probe in probes]
        possible = [name for name in names if found[name]]
        if possible:
            yield Check("note", f"sandbox, {kind}", f"POSSIBLE: {', '.join(possible)}", advice)
        else:
            yield Check("ok", f"sandbox, {kind}", f"blocked: {', '.join(names)}")
