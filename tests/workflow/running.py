"""Running the workflow in a folder of its own, as a user would."""

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

from tests.conftest import ROOT

BIN = Path(sys.executable).parent


def copied(place: Path) -> Path:
    """Copy the working tree (what git tracks or would track) into a new folder; the package is imported from there."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def environment(folder: Path) -> dict[str, str]:
    """Environment in which `atombench` and the rules use the package of that folder."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call snakemake in a folder and wait for it; output and errors are in `stdout`."""
    command = ["snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def jobs(output: str) -> dict[str, int]:
    """Jobs by rule, as snakemake announces them; empty if there is nothing to do."""
    table = re.search(r"^job +count\n-[- ]+\n((?:\w+ +\d+\n)+)", output, re.MULTILINE)
    if table is None:
        assert "Nothing to be done" in output, output
        return {}
    found = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
    found.pop("total")
    return found


def killed_in(folder: Path, step: str, victim: str, *arguments: str) -> None:
    """Start snakemake and kill -9 while a step's process lives: the `run` with all its processes, `main`, or the `step`."""
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
    """SHA-256 of the files that match, by name."""
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    assert paths
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
