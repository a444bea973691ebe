"""Run the workflow in a separate folder, as a user would."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.records.run import Run
from tests.conftest import ROOT

BIN = Path(sys.executable).parent
TINY = ("--configfile", "tests/workflow/tiny.yaml")

# Paths of results, as patterns; below a seed there is a folder for each condition.
CURATED = "results/data/*/cube20/curated.npz"
MANIFESTS = "results/atom/*/*/manifest.parquet"
RECORDS = "results/atom/*/*/*/seed*/*/record.json"
PREDICTIONS = "results/atom/*/*/*/seed*/*/predictions.parquet"
WEIGHTS = "results/atom/*/*/*/seed*/weights.safetensors"
AUDITS = ("results/data/*/cube20/audit.json", "results/atom/*/*/audit.json")
EXACT = (CURATED, MANIFESTS, *AUDITS, PREDICTIONS, WEIGHTS)  # the same bytes on every run


def record_of(folder: Path, board: str, method: str, seed: int) -> Path:
    """Return the record of a run; `board` is dataset and name, such as `mni-subjects/easy-none-x1`."""
    return Layout(folder / "results").record(Run.of(Board.read(board), method, seed))


def copied(place: Path) -> Path:
    """Copy the working tree (what git tracks or would track) into a new folder; the package is imported from there."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def continued(finished: Path, place: Path) -> Path:
    """Copy a folder with all results and the times of its files, so that a finished run can be changed and continued."""
    shutil.copytree(finished, place, symlinks=True, dirs_exist_ok=True)
    return place


def almost_finished(finished: Path, place: Path, *missing: str) -> Path:
    """Copy a finished run without its board and without files that match a pattern: the next call makes them again."""
    folder = continued(finished, place)
    for name in ("board", "runs"):
        shutil.rmtree(folder / "results" / name)
    for pattern in missing:
        (path,) = folder.glob(pattern)
        path.unlink()
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which `atombench` and the rules use the package in that folder."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call snakemake in a folder and wait for it; output and errors are in `stdout`."""
    command = ["snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def jobs(output: str) -> dict[str, int]:
    """Return the number of jobs by rule from the output of snakemake; empty if there is nothing to do."""
    table = re.search(r"^job +count\n-[- ]+\n((?:\w+ +\d+\n)+)", output, re.MULTILINE)
    if table is None:
        assert "Nothing to be done" in output, output
        return {}
    counts = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
    counts.pop("total")
    return counts


def killed_in(folder: Path, step: str, victim: str, *arguments: str) -> None:
    """Start snakemake and kill (-9) the `run` with all processes, the `main` process, or the `step` while the step runs."""
    command = ["snakemake", "--cores", "2", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=environment(folder), start_new_session=True, **quiet) as run:
        seen = step_of(run, step)
        root = psutil.Process(run.pid)
        families = {"run": [root, *root.children(recursive=True)], "main": [root], "step": [seen]}
        for process in families[victim]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        run.wait(timeout=300)
        assert run.returncode != 0


def step_of(run: subprocess.Popen[bytes], step: str) -> psutil.Process:
    """Wait for the process of a step of a run."""
    parent, end = psutil.Process(run.pid), time.monotonic() + 300
    while time.monotonic() < end:
        assert run.poll() is None, f"snakemake ended before {step} was seen"
        for process in parent.children(recursive=True):
            try:
                line = process.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if len(line) > 2 and line[1].endswith("/atombench") and line[2] == step:
                return process
        time.sleep(0.005)
    message = f"{step} was never started"
    raise TimeoutError(message)


def digests(folder: Path, *patterns: str) -> dict[str, str]:
    """Return the SHA-256 of all files that match, by relative path."""
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    assert paths
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
