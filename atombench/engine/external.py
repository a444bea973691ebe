"""Submitted methods: a folder with `submission.yaml` and a Python file that follows the contract (see contract.py).

Their code is never imported here, only `submission.yaml` is read; the code runs in a child process (see sandbox/parent.py).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from atombench.engine.entry import Entry
from atombench.errors import ConfigError
from atombench.io.paths import SUBMISSIONS
from atombench.io.schema import read_yaml, validated

NAME = re.compile(r"^[a-z0-9][a-z0-9-]{1,39}$")
FILE = "submission.yaml"
MOST_MEMORY_MB, MOST_DISK_MB, MOST_MINUTES = 128_000, 20_000, 1440  # what a submission may ask for
MOST_PRETRAINED_MB = 2000  # of each file
WEIGHTS = ".safetensors"
ADDRESS = r"^https?://[^\s<>\"'@?#*\[\]]{3,400}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}[.]safetensors$"


class Pretrained(BaseModel):
    """A file of pretrained weights: safetensors in the folder of the submission, or at an address."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_]{1,40}$", description="key of the file in `resources.pretrained`")
    file: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+\.safetensors$", description="file in the folder")
    url: str | None = Field(default=None, pattern=ADDRESS, description="address, instead of a file")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file")

    @model_validator(mode="after")
    def _one_place(self) -> Pretrained:
        if (self.file is None) == (self.url is None):
            raise ValueError("expected either file or url")
        return self


class MethodFile(BaseModel):
    """Location of the class of a method, and how to run it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+\.py$", description="Python file in the folder")
    cls: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="class in that file")
    entry_point: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.]+:[A-Za-z_][A-Za-z0-9_]*$",
        description="instead of file and cls: module:class of an installed package",
    )
    learned: bool = Field(default=True, description="whether it is a trained network, which uses a GPU if there is one")
    seeded: bool = Field(default=True, description="whether results depend on the seed; otherwise it runs once")
    memory_mb: int = Field(default=6000, ge=200, le=MOST_MEMORY_MB, description="memory limit in MiB")
    disk_mb: int = Field(default=2000, ge=100, le=MOST_DISK_MB, description="limit of the files that it writes, in MiB")
    minutes: int = Field(default=60, ge=1, le=MOST_MINUTES, description="time limit for each of training and predicting")
    pretrained: list[Pretrained] = Field(default=[], max_length=8, description="pretrained weights, up to 2 GB each")
    requirements: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]+\.txt$",
        description="file with packages that the platform does not have: one NAME==VERSION --hash=sha256:... per line",
    )
    options: dict[str, bool | int | float | str] = Field(default={}, description="default options")

    @model_validator(mode="after")
    def _different_names(self) -> MethodFile:
        if len({file.name for file in self.pretrained}) != len(self.pretrained):
            raise ValueError("two files of pretrained weights have the same name")
        return self

    @property
    def place(self) -> str:
        """Location of the class: `FILE:CLASS` or `MODULE:CLASS`.

        Raises:
            ConfigError: neither or both are given.
        """
        if (self.entry_point is None) == (self.file is None) or (self.file is None) != (self.cls is None):
            raise ConfigError("a method needs either file and cls, or entry_point")
        return self.entry_point or f"{self.file}:{self.cls}"


class _Submission(BaseModel):
    """The keys of submission.yaml that running a method needs; `atombench validate` checks the rest."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(pattern=NAME.pattern)
    task: str = "atom"
    note: str = ""
    method: MethodFile | None = None
    seeds: list[int] = []


_SUBMISSION: TypeAdapter[_Submission] = TypeAdapter(_Submission)


@cache
def read_submission(name: str, root: Path = SUBMISSIONS) -> _Submission | None:
    """Read the `submission.yaml` of a submission; None if there is no such folder.

    Raises:
        ConfigError: the file is not valid, or states another name than that of its folder.
    """
    path = root / name / FILE
    if not NAME.match(name) or not path.is_file():
        return None
    submission = validated(_SUBMISSION, read_yaml(path, untrusted=True), str(path))
    if submission.name != name:
        msg = f"{path}: the name must be that of the folder, got {submission.name!r}"
        raise ConfigError(msg)
    if submission.method is not None:
        _ = submission.method.place  # raises if it is not valid
    return submission


def external_entry(name: str, task: str) -> Entry | None:
    """Return the entry of a submission (a method or predictions); None if the task has no such submission.

    Raises:
        ConfigError: `submission.yaml` is not valid.
    """
    submission = read_submission(name)
    if submission is None or (submission.method is not None and submission.task != task):
        return None
    method = submission.method
    seeded = method.seeded if method else len(submission.seeds) > 1
    return Entry("", "", "submission", seeded, submission.note, learned=bool(method and method.learned))


def folder_digest(name: str, root: Path = SUBMISSIONS) -> str:
    """Return the SHA-256 of the files of a submission, without tests and predictions, and of the version of its package.

    Pretrained weights are covered by the checksums in `submission.yaml`.
    """
    digest = hashlib.sha256("\0".join(_installed(name)).encode())
    folder = root / name
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        skipped = relative.parts[0] in ("predictions", "__pycache__", "tests") or path.suffix == WEIGHTS
        if path.is_file() and not path.is_symlink() and not skipped:
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _installed(name: str) -> list[str]:
    """Return name and version of the package of an entry point, so that a new version changes the digest."""
    submission = read_submission(name)
    if submission is None or submission.method is None or submission.method.entry_point is None:
        return []
    top = submission.method.entry_point.partition(":")[0].partition(".")[0]
    packages = importlib.metadata.packages_distributions().get(top, [])
    return sorted(f"{package}=={importlib.metadata.version(package)}" for package in packages)


def external_options(name: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the default options of a submitted method, updated with overrides; the method checks them in its child process."""
    submission = read_submission(name)
    defaults = dict(submission.method.options) if submission and submission.method else {}
    return {**defaults, **overrides}
