"""Execution of submitted methods in a child process with limits, without network, and with its own folder.

Three mechanisms of Linux are used if available: namespaces (`unshare` of util-linux) remove the network and end all processes
of the child together; Landlock (Linux 5.13) allows writing only in the folder and reading only programs and libraries; a
seccomp filter covers the rest (local sockets, modes and times of files). If one of them is missing, the method still runs, and
its record states what was not confined. Arrays are passed as NumPy files and returned as safetensors. Nothing from the child
is unpickled or imported, and its files are checked before they are opened.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import ConfigDict

from atombench.engine.answers import Answers, Column, Field, Ragged, check_answers
from atombench.engine.contract import Options, Resources, Weights
from atombench.engine.external import MethodFile, read_submission
from atombench.engine.failure import MethodFailure
from atombench.engine.sandbox.packing import pack, unpack
from atombench.errors import ConfigError, DataError
from atombench.io.files import read_json, write_json
from atombench.io.paths import SUBMISSIONS
from atombench.io.tensors import load_tensors, save_tensors

CHILD = "atombench.engine.sandbox.child"
POLL_SECONDS = 0.2
LONGEST_CURVE = 10_000_000  # bytes
LONGEST_OUTPUT = 50_000_000  # bytes
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
LENGTHS = ".lengths"  # suffix of the array with the row lengths of a ragged array
NAMESPACES = (("--user", "--map-current-user", "--net", "--pid"), ("--net", "--pid"))


class AnyOptions(Options):
    """Options of a submitted method; its own class checks them in the child process."""

    model_config = ConfigDict(extra="allow", frozen=True)


class SandboxedMethod:
    """A submitted method that follows the contract; each call runs it in a child process."""

    Options: ClassVar[type[Options]] = AnyOptions
    smoke: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, name: str, options: Mapping[str, Any], fields: Sequence[Field], root: Path | None = None) -> None:
        root = root or SUBMISSIONS
        submission = read_submission(name, root)
        if submission is None or submission.method is None:
            msg = f"{root / name} contains no method to run; predictions are scored with `atombench score`"
            raise ConfigError(msg)
        self.folder, self.method = root / name, submission.method
        self.options, self.fields = AnyOptions(**options), fields

    def fit(self, training: Any, resources: Resources) -> Weights:
        """Train the method and return its weights.

        Raises:
            MethodFailure: the method failed, or exceeded its limit of memory or time.
        """
        with self._workspace() as work:
            self._run(work, "fit", training, resources)
            weights, _ = self._output(work / "out.safetensors")
            if resources.curve is not None:
                resources.curve.write_text(_curve(work / "curve.jsonl"), encoding="utf-8")
        return weights

    def predict(self, weights: Weights, queries: Any, resources: Resources) -> Answers:
        """Return the answers of the method to the queries, which must have a length.

        Raises:
            MethodFailure: the method failed, exceeded its limit of memory or time, or its answers are not valid.
        """
        with self._workspace() as work:
            save_tensors(work / "weights.safetensors", weights)
            self._run(work, "predict", queries, resources)
            arrays, texts = self._output(work / "out.safetensors")
        about = {**_facts(texts.get("about", "{}")), "sandbox": self.confinement}
        answers = Answers.of(self._columns(arrays), texts.get("probabilities") == "true", about)
        try:
            check_answers(answers, self.fields, len(queries))
        except DataError as error:
            msg = f"predicting: {error}"
            raise MethodFailure(msg) from error
        return answers

    def _columns(self, arrays: dict[str, NDArray[Any]]) -> dict[str, Column]:
        """Return the arrays of the fields of the task, converted to their types.

        Raises:
            MethodFailure: an array belongs to no field, or the lengths of rows do not match the values.
        """
        known = {field.name: field for field in self.fields}
        if unknown := sorted(set(arrays) - {*known, *(f"{name}{LENGTHS}" for name in known)}):
            msg = f"predicting: unknown arrays {unknown}"
            raise MethodFailure(msg)
        columns: dict[str, Column] = {}
        for name in sorted(set(arrays) & set(known)):
            with np.errstate(over="ignore"):
                values = arrays[name].astype(known[name].dtype)
            lengths = arrays.get(f"{name}{LENGTHS}")
            if lengths is not None and (lengths.ndim != 1 or values.shape != (lengths.sum(),) or (lengths < 0).any()):
                msg = f"predicting: the lengths of {name} do not add up to its {values.size} values"
                raise MethodFailure(msg)
            columns[name] = values if lengths is None else Ragged(values, lengths.astype(np.int64))
        return columns

    @property
    def confinement(self) -> dict[str, Any]:
        """Confinement of the method on this system, and its limits, for the record."""
        files = "own folder" if landlock_works() and seccomp_works() else "not confined"
        network = "none" if namespaces() and seccomp_works() else "not confined"
        return {"network": network, "files": files, "memory_mb": self.method.memory_mb, "minutes": self.method.minutes}

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """Create a folder with a copy of the method; delete it with all its content at the end of the call."""
        work = Path(tempfile.mkdtemp(prefix="atombench-method-"))
        try:
            (work / "method").mkdir()
            for path in self.folder.iterdir():
                if path.is_file() and not path.is_symlink():
                    shutil.copyfile(path, work / "method" / path.name)
            yield work
        finally:
            subprocess.run(["rm", "-rf", "--", str(work)], check=False, capture_output=True)

    def _run(self, work: Path, step: str, data: Any, resources: Resources) -> None:
        arrays, tree = pack(data)
        for name, array in arrays.items():
            np.save(work / f"{name}.npy", array, allow_pickle=False)
        job = {
            "step": step,
            "place": self.method.place,
            "options": self.options.model_dump(),
            "given": tree,
            "arrays": sorted(arrays),
            "seed": resources.seed,
            "device": resources.device,
            "threads": resources.threads,
            "landlock": landlock_works(),
            "seccomp": seccomp_works(),
        }
        write_json(work / "job.json", job)
        command = [*namespaces(), sys.executable, "-m", CHILD, str(work)]
        with tempfile.TemporaryFile() as output:  # the method cannot access it
            child = subprocess.Popen(
                command,
                cwd=work,
                env=_environment(work, resources),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                problem = _watch(child, self.method, output)
            finally:
                _end(child)
            if not problem and child.returncode != 0:
                problem = _exit_reason(output, child.returncode)
        if problem:
            msg = f"{'training' if step == 'fit' else 'predicting'}: {problem}"
            raise MethodFailure(msg)

    def _output(self, path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        try:
            if (problem := _file_problem(path, self.method.memory_mb * 2**20)) is not None:
                msg = f"{path.name} {problem}"
                raise DataError(msg)
            return load_tensors(path)
        except DataError as error:
            msg = f"the method wrote no valid arrays ({error})"
            raise MethodFailure(msg) from error


def _file_problem(path: Path, largest: int) -> str | None:
    """Return why a file written by a method must not be opened; None if it can be opened."""
    try:
        about = path.lstat()
    except OSError as error:
        return error.strerror or "cannot be read"
    if not stat.S_ISREG(about.st_mode):
        return "is not a regular file"
    if about.st_size > largest:
        return f"has {about.st_size} bytes, more than {largest}"
    return None


@cache
def namespaces() -> tuple[str, ...]:
    """Return the prefix of a command that runs it without network and ends all its processes with it; empty if unavailable."""
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
    """Return whether this system can restrict the file access of a process."""
    try:
        import landlockpy
    except ImportError:
        return False
    return bool(landlockpy.supported())


@cache
def seccomp_works() -> bool:
    """Return whether this system can block system calls; this needs libseccomp."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return False
    return bool(pyseccomp.get_api())


def _environment(work: Path, resources: Resources) -> dict[str, str]:
    """Return the environment of the child, without names, keys and addresses of the user."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    private = {"HOME": str(work), "TMPDIR": str(work), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}
    return {**kept, **private, "OMP_NUM_THREADS": str(resources.threads)}


def _watch(child: subprocess.Popen[bytes], method: MethodFile, output: IO[bytes]) -> str:
    """Wait for the child; return the limit that it exceeded, or an empty text."""
    end = time.monotonic() + 60 * method.minutes
    while child.poll() is None:
        if time.monotonic() > end:
            return f"took more than its limit of {method.minutes} minutes"
        if (used := _memory_mb(child.pid)) > method.memory_mb:
            return f"used {used:.0f} MB, more than its limit of {method.memory_mb} MB"
        if os.fstat(output.fileno()).st_size > LONGEST_OUTPUT:
            return f"printed more than {LONGEST_OUTPUT} bytes"
        time.sleep(POLL_SECONDS)
    return ""


def _memory_mb(pid: int) -> float:
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and all its processes."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _exit_reason(output: IO[bytes], status: int) -> str:
    """Return the exit status of the child and the last line that it printed."""
    output.seek(max(0, os.fstat(output.fileno()).st_size - 4000))
    text = output.read(4000).decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return f"exited with status {status}: {lines[-1] if lines else 'no error message'}"


def _curve(path: Path) -> str:
    """Return the valid lines of the curve that the method wrote: numbers by name, with the step."""
    if _file_problem(path, LONGEST_CURVE) is not None:
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
    """Return the plain facts about a method, such as its number of parameters."""
    try:
        content = json.loads(text[:10_000])
    except (ValueError, RecursionError):
        return {}
    facts = content.items() if isinstance(content, dict) else ()
    return {str(name)[:60]: value for name, value in facts if isinstance(value, str | bool | int) and len(str(value)) <= 200}


def read_job(work: Path) -> dict[str, Any]:
    """Return the job of a child, as written by `SandboxedMethod`."""
    job: dict[str, Any] = read_json(work / "job.json")
    return job


def read_input(work: Path, job: dict[str, Any]) -> Any:
    """Read the training data or queries of a job."""
    arrays = {name: np.load(work / f"{name}.npy", allow_pickle=False) for name in job["arrays"]}
    return unpack(job["given"], arrays)
