"""Running methods of others: in a child process that has limits, no network, and a folder of its own.

What Linux allows is used: namespaces (util-linux's `unshare`) cut the network and end all processes of the child with it,
Landlock (Linux 5.13) keeps it from writing anywhere but in its folder and from reading more than programs and libraries, and a
seccomp filter closes what these leave open (local sockets, modes and times of files). Where the system lacks one of them the
method still runs, and its record says what was not confined. Arrays go in as NumPy files and come back as safetensors; nothing
of the child's is unpickled or imported, and what it leaves is looked at before it is opened.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import ConfigDict

from atombench.engine.contract import Options, Predictions, Resources, Training, Weights
from atombench.engine.external import MethodFile, stated
from atombench.engine.failure import MethodFailure
from atombench.errors import ConfigError, DataError
from atombench.io.files import read_json, write_json
from atombench.io.paths import SUBMISSIONS
from atombench.io.tensors import load_tensors, save_tensors
from atombench.tasks.atom.manifest import Sections
from atombench.tasks.atom.queries import Queries

CHILD = "atombench.engine.sandbox.child"
SECONDS_BETWEEN_LOOKS = 0.2
LONGEST_CURVE = 10_000_000  # bytes
LONGEST_SAID = 50_000_000
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
ANSWERS = ("boxes", "coarse", "fine", "centres", "normals")
NAMESPACES = (("--user", "--map-current-user", "--net", "--pid"), ("--net", "--pid"))


class AnyOptions(Options):
    """Options of somebody else's method; its own class checks them."""

    model_config = ConfigDict(extra="allow", frozen=True)


class SandboxedMethod:
    """A submitted method on the platform's contract; each call runs it in a child process."""

    Options: ClassVar[type[Options]] = AnyOptions
    smoke: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, name: str, options: Mapping[str, Any], root: Path = SUBMISSIONS) -> None:
        found = stated(name, root)
        if found is None or found.method is None:
            msg = f"{root / name} says nothing of a method that could be run; its predictions are scored as they are"
            raise ConfigError(msg)
        self.folder, self.method = root / name, found.method
        self.options = AnyOptions(**options)

    def fit(self, training: Training, resources: Resources) -> Weights:
        """Let the method learn; gives its arrays.

        Raises:
            MethodFailure: it ended with an error, or used more memory or time than it said.
        """
        with self._box() as work:
            np.save(work / "volumes.npy", training.volumes)
            _save_sections(work, "train", training.train)
            _save_sections(work, "val", training.val)
            self._run(work, "fit", training.grid.scale, training.gathering, resources)
            weights, _ = self._output(work / "out.safetensors")
            if resources.curve is not None:
                resources.curve.write_text(_curve(work / "curve.jsonl"), encoding="utf-8")
        return weights

    def predict(self, weights: Weights, queries: Queries, resources: Resources) -> Predictions:
        """Let the method answer.

        Raises:
            MethodFailure: it ended with an error, or used more memory or time than it said.
        """
        with self._box() as work:
            save_tensors(work / "weights.safetensors", weights)
            for name in ("volumes", "volume_index", "pixels"):
                np.save(work / f"{name}.npy", getattr(queries, name))
            self._run(work, "predict", queries.grid.scale, queries.gathering, resources)
            arrays, texts = self._output(work / "out.safetensors")
        if odd := set(arrays) - set(ANSWERS):
            msg = f"predicting: unknown arrays {sorted(odd)}"
            raise MethodFailure(msg)
        about = {**_facts(texts.get("about", "{}")), "sandbox": self.confinement}
        return Predictions(**_typed(arrays), probabilities=texts.get("probabilities") == "true", about=about)

    @property
    def confinement(self) -> dict[str, Any]:
        """What a run is kept from on this system, and its limits; goes into the record."""
        files = "own folder" if landlock_works() and seccomp_works() else "not confined"
        network = "none" if namespaces() and seccomp_works() else "not confined"
        return {"network": network, "files": files, "memory_mb": self.method.memory_mb, "minutes": self.method.minutes}

    @contextmanager
    def _box(self) -> Iterator[Path]:
        """A folder with a copy of the method, which goes when the call ends, whatever was put into it."""
        work = Path(tempfile.mkdtemp(prefix="atombench-method-"))
        try:
            (work / "method").mkdir()
            for path in self.folder.iterdir():
                if path.is_file() and not path.is_symlink():
                    shutil.copyfile(path, work / "method" / path.name)
            yield work
        finally:
            subprocess.run(["rm", "-rf", "--", str(work)], check=False, capture_output=True)

    def _run(self, work: Path, step: str, scale: int, gathering: str, resources: Resources) -> None:
        job = {
            "step": step, "place": self.method.place, "options": self.options.model_dump(), "scale": scale,
            "gathering": gathering, "seed": resources.seed, "device": resources.device, "threads": resources.threads,
            "landlock": landlock_works(), "seccomp": seccomp_works(),
        }  # fmt: skip
        write_json(work / "job.json", job)
        command = [*namespaces(), sys.executable, "-m", CHILD, str(work)]
        with tempfile.TemporaryFile() as said:  # out of the method's reach
            child = subprocess.Popen(
                command, cwd=work, env=_environment(work, resources), stdin=subprocess.PIPE, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
            try:
                trouble = _watch(child, self.method, said)
            finally:
                _end(child)
            if not trouble and child.returncode != 0:
                trouble = _last_words(said, child.returncode)
        if trouble:
            msg = f"{'training' if step == 'fit' else 'predicting'}: {trouble}"
            raise MethodFailure(msg)

    def _output(self, path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        try:
            if (odd := _odd(path, self.method.memory_mb * 2**20)) is not None:
                msg = f"{path.name} {odd}"
                raise DataError(msg)
            return load_tensors(path)
        except DataError as error:
            msg = f"the method left no usable arrays ({error})"
            raise MethodFailure(msg) from error


def _odd(path: Path, largest: int) -> str | None:
    """Why a file that a method left must not be opened; None if it may."""
    try:
        about = path.lstat()
    except OSError as error:
        return error.strerror or "cannot be read"
    if not stat.S_ISREG(about.st_mode):
        return "is a link, or no file"
    if about.st_size > largest:
        return f"has {about.st_size} bytes, more than {largest}"
    return None


@cache
def namespaces() -> tuple[str, ...]:
    """The start of a command that runs without network, and whose processes all end with it; empty where there is none."""
    for kinds in NAMESPACES:
        command = ("unshare", *kinds, "--fork", "--kill-child")
        try:
            if subprocess.run([*command, "true"], capture_output=True, timeout=20, check=False).returncode == 0:
                return command
        except (OSError, subprocess.TimeoutExpired):
            return ()
    return ()


@cache
def landlock_works() -> bool:
    """Whether this system can keep a process from files."""
    try:
        import landlockpy
    except ImportError:
        return False
    return bool(landlockpy.supported())


@cache
def seccomp_works() -> bool:
    """Whether system calls can be refused; the library needs libseccomp of the system."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return False
    return bool(pyseccomp.get_api())


def _environment(work: Path, resources: Resources) -> dict[str, str]:
    """What the child is told: no names, keys or addresses of the user's."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    places = {"HOME": str(work), "TMPDIR": str(work), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}
    return {**kept, **places, "OMP_NUM_THREADS": str(resources.threads)}


def _watch(child: subprocess.Popen[bytes], method: MethodFile, said: IO[bytes]) -> str:
    """Wait for the child; says which limit it went over, if it did."""
    end = time.monotonic() + 60 * method.minutes
    while child.poll() is None:
        if time.monotonic() > end:
            return f"took more than the {method.minutes} minutes that it says it needs"
        if (used := _memory_mb(child.pid)) > method.memory_mb:
            return f"used {used:.0f} MB, more than the {method.memory_mb} MB that it says it needs"
        if os.fstat(said.fileno()).st_size > LONGEST_SAID:
            return f"printed more than {LONGEST_SAID} bytes"
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return ""


def _memory_mb(pid: int) -> float:
    total = 0
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _last_words(said: IO[bytes], status: int) -> str:
    said.seek(max(0, os.fstat(said.fileno()).st_size - 4000))
    text = said.read(4000).decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return f"ended with status {status}: {lines[-1] if lines else 'without a word'}"


def _curve(path: Path) -> str:
    """The curve that the method wrote, if it is one: lines of numbers by name, with the step."""
    if _odd(path, LONGEST_CURVE) is not None:
        return ""
    kept = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
            numbers = {str(name): float(value) for name, value in row.items() if np.isfinite(float(value))}
            kept.append(json.dumps({**numbers, "step": int(numbers["step"])}))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return "".join(f"{line}\n" for line in kept)


def _facts(text: str) -> dict[str, Any]:
    """Plain facts about a method, such as its number of parameters."""
    try:
        found = json.loads(text[:10_000])
    except (ValueError, RecursionError):
        return {}
    plain = found.items() if isinstance(found, dict) else ()
    return {str(name)[:60]: value for name, value in plain if isinstance(value, str | bool | int) and len(str(value)) <= 200}


def _typed(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    kinds = {name: np.float64 if name in ("centres", "normals") else np.float32 for name in ANSWERS}
    with np.errstate(over="ignore"):
        return {name: array.astype(kinds[name]) for name, array in arrays.items()}


def _save_sections(work: Path, part: str, sections: Sections) -> None:
    for name in ("volume", "index", "centres", "normals"):
        np.save(work / f"{part}_{name}.npy", getattr(sections, name))


def read_job(work: Path) -> dict[str, Any]:
    """What a child is to do; written by `SandboxedMethod`."""
    found: dict[str, Any] = read_json(work / "job.json")
    return found
