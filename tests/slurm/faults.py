"""Typical faults of clusters, injected into an active run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from atombench.errors import DataError
from atombench.io.tensors import load_tensors
from atombench.workflow.truncated import CHECKS
from tests.slurm.cluster import Cluster

STARVED = ("--set-resources", *(f"{rule}:mem_mb=250 if attempt < 2 else 1500" for rule in ("train", "predict")))


@dataclass
class Scene:
    """An active run into which a fault is injected.

    Attributes:
        slurm: cluster of the run.
        folder: working folder.
        run: main process.
        dice: random numbers.
    """

    slurm: Cluster
    folder: Path
    run: subprocess.Popen[bytes]
    dice: random.Random

    def wait(self, what: str, ready: Callable[[], object], seconds: float = 240) -> bool:
        """Wait until a condition holds or the run has ended; return whether the condition holds."""
        end = time.monotonic() + seconds
        while self.run.poll() is None:
            if ready():
                return True
            if time.monotonic() > end:
                message = f"timeout while waiting for {what}"
                raise TimeoutError(message)
            time.sleep(0.1)
        return bool(ready())

    def running(self) -> list[str]:
        """Return the ids of the running jobs of this folder."""
        rows = self.slurm.answer("squeue", "--noheader", "--states=RUNNING", "--format=%A|%Z").splitlines()
        return [row.split("|")[0] for row in rows if row.endswith(f"|{self.folder}")]

    def steps(self) -> list[psutil.Process]:
        """Return the `atombench` processes in the jobs of this folder."""
        return [process for process in self._inside() if any(part.endswith("/atombench") for part in process.cmdline()[:2])]

    def _inside(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(self.folder) and "SLURM_JOB_ID" in process.environ():
                    found.append(process)
        return found

    def inside(self) -> list[psutil.Process]:
        """Return all processes of the jobs of this folder, including those of the scheduler (slurmstepd)."""
        keepers = [process for process in psutil.process_iter() if process.name().startswith("slurmstepd")]
        return [*keepers, *self._inside()]

    def files(self) -> list[Path]:
        """Return the existing outputs in formats with a check for truncation."""
        return sorted(path for path in self.folder.glob("results/*/**/*") if path.suffix in CHECKS and path.is_file())


def _some_step(scene: Scene) -> psutil.Process | None:
    steps: list[psutil.Process] = []

    def seen() -> bool:
        steps[:] = scene.steps()
        return bool(steps)

    return scene.dice.choice(steps) if scene.wait("a step", seen) and steps else None


def cancelled(scene: Scene) -> str:
    """Cancel a running job."""
    if not scene.wait("a running job", scene.running):
        return "nothing was running"
    job = scene.dice.choice(scene.running() or ["0"])
    subprocess.run(["scancel", job], env=scene.slurm.environment, check=False)
    return f"scancel {job}"


def step_killed(scene: Scene) -> str:
    """Kill (-9) the process of a job."""
    step = _some_step(scene)
    if step is None:
        return "nothing was running"
    told = " ".join(step.cmdline()[1:4])
    with suppress(psutil.NoSuchProcess):
        step.kill()
    return f"kill -9 {told}"


def main_killed(scene: Scene) -> str:
    """Kill (-9) Snakemake while its jobs continue."""
    scene.wait("a running job", scene.running)
    scene.run.kill()
    return f"kill -9 snakemake while {len(scene.running())} jobs were running"


def daemon_killed(scene: Scene) -> str:
    """Kill (-9) the daemon of the node while its jobs continue, and restart it."""
    scene.wait("a running job", scene.running)
    scene.slurm.kill("slurmd")
    time.sleep(scene.dice.uniform(2, 8))
    scene.slurm.start_node()
    return "kill -9 slurmd, restarted"


def node_lost(scene: Scene) -> str:
    """Kill the node with all its processes, and restart it."""
    _some_step(scene)
    scene.slurm.kill("slurmd")
    lost = scene.inside()
    for process in lost:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    time.sleep(scene.dice.uniform(25, 35))  # SLURM misses a job only if it began 20 seconds or more before the node comes back
    scene.slurm.start_node()
    return f"node lost with {len(lost)} processes, restarted"


def over_time(scene: Scene) -> str:
    """Suspend a step until the time limit of its job."""
    step = _some_step(scene)
    if step is None:
        return "nothing was running"
    try:
        job = step.environ()["SLURM_JOB_ID"]
        told = " ".join(step.cmdline()[1:4])
        step.send_signal(signal.SIGSTOP)
    except psutil.NoSuchProcess:
        return "the step had just ended"
    subprocess.run(["scontrol", "update", f"JobId={job}", "TimeLimit=0:01"], env=scene.slurm.environment, check=True)
    return f"job {job} ({told}) hung until its time was over"


def over_memory(scene: Scene) -> str:
    """Limit the memory of networks below their need in the first attempt."""
    return "250 MB for train and predict at the first attempt"


def read_only(scene: Scene) -> str:
    """Make the results folder read-only for some seconds."""
    results = scene.folder / "results"
    scene.wait("results", results.is_dir)
    with _mounted(["--bind", str(results), str(results)], results):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(results)], check=True)
        seconds = scene.dice.uniform(5, 25)
        time.sleep(seconds)
    return f"results were read-only for {seconds:.0f} s"


def disk_full(scene: Scene) -> str:
    """Fill the file system, and free it after some seconds."""
    ballast = scene.folder.parent / "ballast"
    try:
        with ballast.open("wb", buffering=0) as stream:
            while stream.write(b"\0" * 65536):
                pass
    except OSError:
        pass
    seconds = scene.dice.choice([15.0, 40.0])
    with suppress(subprocess.TimeoutExpired):
        scene.run.wait(timeout=seconds)
    ballast.unlink()
    return f"no room for {seconds:.0f} s"


def output_cut_short(scene: Scene) -> str:
    """Truncate a finished output."""
    scene.wait("an output", scene.files)
    path = scene.dice.choice(scene.files())
    size = path.stat().st_size
    left = scene.dice.randrange(size) if size else 0
    os.truncate(path, left)
    return f"{path.relative_to(scene.folder)} cut from {size} to {left} bytes"


KINDS: tuple[Callable[[Scene], str], ...] = (
    cancelled, step_killed, main_killed, daemon_killed, node_lost,
    over_time, over_memory, read_only, disk_full, output_cut_short,
)  # fmt: skip


@contextmanager
def _mounted(arguments: list[str], place: Path) -> Iterator[None]:
    subprocess.run(["mount", *arguments], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Mount a small file system."""
    place.mkdir(parents=True)
    with _mounted(["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], place):
        yield place


def finished_trainings(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the checkpoints of finished trainings, with inode and time of modification to detect rewriting."""
    found = {}
    for path in folder.glob("results/checkpoints/*.safetensors"):
        with suppress(DataError):
            state = json.loads(load_tensors(path)[1]["checkpoint"])["state"]
            if state["done"]:
                found[path.name] = (path.stat().st_ino, path.stat().st_mtime_ns)
    return found
