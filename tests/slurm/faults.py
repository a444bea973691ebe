"""Faults of the kinds that clusters have, each brought about for real in a run that is under way."""

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
    """A run under way, into which a fault comes.

    Attributes:
        slurm: its cluster.
        folder: where it works.
        run: the main process.
        dice: what is left to chance.
    """

    slurm: Cluster
    folder: Path
    run: subprocess.Popen[bytes]
    dice: random.Random

    def wait(self, what: str, ready: Callable[[], object], seconds: float = 240) -> bool:
        """Wait until something is so or the run has ended; gives whether it is so."""
        end = time.monotonic() + seconds
        while self.run.poll() is None:
            if ready():
                return True
            if time.monotonic() > end:
                message = f"waited in vain: {what}"
                raise TimeoutError(message)
            time.sleep(0.1)
        return bool(ready())

    def running(self) -> list[str]:
        """Ids of this folder's jobs that run."""
        rows = self.slurm.answer("squeue", "--noheader", "--states=RUNNING", "--format=%A|%Z").splitlines()
        return [row.split("|")[0] for row in rows if row.endswith(f"|{self.folder}")]

    def steps(self) -> list[psutil.Process]:
        """Processes of `atombench` inside this folder's jobs."""
        return [process for process in self._inside() if any(part.endswith("/atombench") for part in process.cmdline()[:2])]

    def _inside(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(self.folder) and "SLURM_JOB_ID" in process.environ():
                    found.append(process)
        return found

    def inside(self) -> list[psutil.Process]:
        """All processes of this folder's jobs, the scheduler's own (slurmstepd) included."""
        keepers = [process for process in psutil.process_iter() if process.name().startswith("slurmstepd")]
        return [*keepers, *self._inside()]

    def files(self) -> list[Path]:
        """Outputs that are there and whose end can be told."""
        return sorted(path for path in self.folder.glob("results/*/**/*") if path.suffix in CHECKS and path.is_file())


def _some_step(scene: Scene) -> psutil.Process | None:
    steps: list[psutil.Process] = []

    def seen() -> bool:
        steps[:] = scene.steps()
        return bool(steps)

    return scene.dice.choice(steps) if scene.wait("a step", seen) and steps else None


def cancelled(scene: Scene) -> str:
    """Somebody cancels a running job."""
    if not scene.wait("a running job", scene.running):
        return "nothing was running"
    job = scene.dice.choice(scene.running() or ["0"])
    subprocess.run(["scancel", job], env=scene.slurm.environment, check=False)
    return f"scancel {job}"


def step_killed(scene: Scene) -> str:
    """kill -9 of a job's process."""
    step = _some_step(scene)
    if step is None:
        return "nothing was running"
    told = " ".join(step.cmdline()[1:4])
    with suppress(psutil.NoSuchProcess):
        step.kill()
    return f"kill -9 {told}"


def main_killed(scene: Scene) -> str:
    """kill -9 of Snakemake; its jobs go on."""
    scene.wait("a running job", scene.running)
    scene.run.kill()
    return f"kill -9 snakemake while {len(scene.running())} jobs were running"


def daemon_killed(scene: Scene) -> str:
    """kill -9 of the node's daemon; its jobs go on, and it comes back."""
    scene.wait("a running job", scene.running)
    scene.slurm.kill("slurmd")
    time.sleep(scene.dice.uniform(2, 8))
    scene.slurm.start_node()
    return "kill -9 slurmd, restarted"


def node_lost(scene: Scene) -> str:
    """The node goes down with everything on it, and comes back."""
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
    """A step hangs until its job's time is over."""
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
    """Networks get less memory than they need, at their first attempt."""
    return "250 MB for train and predict at the first attempt"


def read_only(scene: Scene) -> str:
    """The folder of results cannot be written for a while."""
    results = scene.folder / "results"
    scene.wait("results", results.is_dir)
    with _mounted(["--bind", str(results), str(results)], results):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(results)], check=True)
        seconds = scene.dice.uniform(5, 25)
        time.sleep(seconds)
    return f"results were read-only for {seconds:.0f} s"


def disk_full(scene: Scene) -> str:
    """The file system has no room left until the run has ended or somebody makes room."""
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
    """A finished output loses its end."""
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
    """A file system of its own, with little room."""
    place.mkdir(parents=True)
    with _mounted(["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], place):
        yield place


def finished_trainings(folder: Path) -> dict[str, tuple[int, int]]:
    """Kept states of trainings that have ended, with what tells whether a file was written again."""
    found = {}
    for path in folder.glob("results/checkpoints/*.safetensors"):
        with suppress(DataError):
            state = json.loads(load_tensors(path)[1]["checkpoint"])["state"]
            if state["done"]:
                found[path.name] = (path.stat().st_ino, path.stat().st_mtime_ns)
    return found
