"""Execution of submitted methods in a child process with limits, without network, and with its own folder.

Three mechanisms of Linux are used if available: namespaces (`unshare` of util-linux) remove the network and end all processes
of the child together; Landlock (Linux 5.13) allows writing only in the folder and reading only the interpreter and packages; a
seccomp filter covers the rest (see confine.py). If one of them is missing, the method still runs, and its record states what
was not confined, as found by probes (probes.py). Arrays are passed as NumPy files and returned as safetensors. Nothing from
the child is unpickled or imported, and its files are checked before they are opened.
"""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from atombench.engine.answers import Answers, Column, Field, Ragged, check_answers
from atombench.engine.contract import Options, Resources, Weights
from atombench.engine.external import WEIGHTS, read_submission
from atombench.engine.failure import MethodFailure
from atombench.engine.sandbox.call import call
from atombench.engine.sandbox.packing import pack, unpack
from atombench.engine.sandbox.probes import confinement
from atombench.engine.sandbox.processes import Limits, make_readable
from atombench.engine.sandbox.supplies import Supplies, supplies_of
from atombench.errors import AtomBenchError, ConfigError, DataError
from atombench.io.paths import SUBMISSIONS
from atombench.io.tensors import load_tensors, save_tensors
from atombench.io.text import one_line

LONGEST_CURVE = 10_000_000  # bytes
LONGEST_ROW = 4096  # values of a ragged answer
SPARE_BYTES = 1 << 20
MOST_STEPS = 2**53
LENGTHS = ".lengths"  # suffix of the array with the row lengths of a ragged array


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
            weights, _ = self._output(work / "out.safetensors", self.method.memory_mb * 2**20)
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
            arrays, texts = self._output(work / "out.safetensors", self._largest(len(queries)))
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

    @cached_property
    def supplies(self) -> Supplies:
        """Pretrained weights and packages, fetched at first use.

        Raises:
            MethodFailure: they are not valid.
        """
        try:
            return supplies_of(self.folder, self.method)
        except (AtomBenchError, OSError) as error:
            raise MethodFailure(str(error)) from error

    @property
    def confinement(self) -> dict[str, Any]:
        """What is confined on this system, as verified by probes, and the limits of the method, for the record."""
        limits = {"memory_mb": self.method.memory_mb, "disk_mb": self.method.disk_mb, "minutes": self.method.minutes}
        return {**confinement(), **limits, "code": self.method.place}

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """Create a folder with a copy of the method; delete it with all its content at the end of the call."""
        work = Path(tempfile.mkdtemp(prefix="atombench-method-"))
        try:
            (work / "method").mkdir()
            for path in self.folder.iterdir():
                if path.is_file() and not path.is_symlink() and path.suffix != WEIGHTS:
                    shutil.copyfile(path, work / "method" / path.name)
            yield work
        finally:
            make_readable(work)
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
            "pretrained": {name: str(path) for name, path in self.supplies.pretrained.items()},
            "packages": [str(self.supplies.packages)] if self.supplies.packages else [],
        }
        limits = Limits(self.method.memory_mb, self.method.disk_mb, self.method.minutes)
        problem = call(work, job, limits, resources.threads)
        if problem:
            msg = f"{'training' if step == 'fit' else 'predicting'}: {problem}"
            raise MethodFailure(msg)

    def _largest(self, queries: int) -> int:
        """Return the size in bytes that no file of valid answers exceeds."""
        numbers = sum(LONGEST_ROW if field.width is None else field.width for field in self.fields)
        return min(self.method.memory_mb * 2**20, 8 * numbers * queries + SPARE_BYTES)

    def _output(self, path: Path, largest: int) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        try:
            if (problem := _file_problem(path, largest)) is not None:
                msg = f"{path.name} {problem}"
                raise DataError(msg)
            return load_tensors(path)
        except (DataError, TypeError, ValueError, AttributeError) as error:  # the last three: numbers that NumPy does not have
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
    if about.st_blocks * 512 + SPARE_BYTES < about.st_size:
        return "has holes"
    return None


def _curve(path: Path) -> str:
    """Return the valid lines of the curve that the method wrote: numbers by name, with the step."""
    if _file_problem(path, LONGEST_CURVE) is not None:
        return ""
    kept = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
            numbers = {one_line(str(name), 60): float(value) for name, value in row.items() if np.isfinite(float(value))}
            if 0 <= numbers["step"] < MOST_STEPS:
                kept.append(json.dumps({**numbers, "step": int(numbers["step"])}))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            continue
    return "".join(f"{line}\n" for line in kept)


def _facts(text: str) -> dict[str, Any]:
    """Return the plain facts about a method, such as its number of parameters."""
    try:
        content = json.loads(text[:10_000])
    except (ValueError, RecursionError):
        return {}
    facts = content.items() if isinstance(content, dict) else ()
    plain = {one_line(str(name), 60): value for name, value in facts if isinstance(value, str | bool | int)}
    return {name: one_line(value, 200) if isinstance(value, str) else value for name, value in plain.items() if _short(value)}


def _short(value: str | int) -> bool:
    return len(value if isinstance(value, str) else str(value)) <= 200


def read_input(work: Path, job: dict[str, Any]) -> Any:
    """Read the training data or queries of a job."""
    arrays = {name: np.load(work / f"{name}.npy", allow_pickle=False) for name in job["arrays"]}
    return unpack(job["given"], arrays)
