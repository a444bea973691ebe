"""Methods of others: a folder with `submission.yaml` and a method file on the contract (see contract.py).

Their code is never imported here. What is read is what the folder says of it; it runs in a child process (see sandbox.py).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from atombench.errors import ConfigError
from atombench.io.paths import SUBMISSIONS
from atombench.io.schema import read_yaml, validated
from atombench.tasks.atom.methods.table import METHODS, Entry

NAME = re.compile(r"^[a-z0-9][a-z0-9-]{1,39}$")
FILE = "submission.yaml"


class MethodFile(BaseModel):
    """Where a method's class is, and how it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+\.py$", description="Python file in the folder")
    cls: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="class in that file")
    entry_point: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_.]+:[A-Za-z_][A-Za-z0-9_]*$",
        description="instead of file and cls: module:class of an installed package",
    )  # fmt: skip
    learned: bool = Field(default=True, description="a network, which uses a GPU where there is one")
    seeded: bool = Field(default=True, description="whether seeds differ; otherwise it runs once")
    memory_mb: int = Field(default=6000, ge=200, le=10**6, description="memory that it may use")
    minutes: int = Field(default=60, ge=1, le=10**5, description="time that each of training and predicting may take")
    options: dict[str, bool | int | float | str] = Field(default={}, description="default options")

    @property
    def place(self) -> str:
        """`FILE:CLASS` or `MODULE:CLASS`.

        Raises:
            ConfigError: neither or both are given.
        """
        if (self.entry_point is None) == (self.file is None) or (self.file is None) != (self.cls is None):
            raise ConfigError("a method needs either file and cls, or entry_point")
        return self.entry_point or f"{self.file}:{self.cls}"


class _Stated(BaseModel):
    """What running a method needs of submission.yaml; the rest is checked by `atombench validate`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(pattern=NAME.pattern)
    note: str = ""
    method: MethodFile | None = None
    seeds: list[int] = []


_STATED: TypeAdapter[_Stated] = TypeAdapter(_Stated)


@cache
def stated(name: str, root: Path = SUBMISSIONS) -> _Stated | None:
    """What a submission's folder says of it; None if there is no such folder.

    Raises:
        ConfigError: it says it wrongly, or takes a name that is not its own.
    """
    path = root / name / FILE
    if not NAME.match(name) or not path.is_file():
        return None
    found = validated(_STATED, read_yaml(path, untrusted=True), str(path))
    if found.name != name or name in METHODS:
        msg = f"{path}: the name must be that of the folder, and no method of the platform may have it; got {found.name!r}"
        raise ConfigError(msg)
    if found.method is not None:
        _ = found.method.place
    return found


def external_entry(name: str) -> Entry | None:
    """The entry of somebody else's method or predictions; None if there is no such submission.

    Raises:
        ConfigError: its folder is not in order.
    """
    found = stated(name)
    if found is None:
        return None
    method = found.method
    seeded = method.seeded if method else len(found.seeds) > 1
    return Entry("", "", "submission", seeded, found.note, learned=bool(method and method.learned))


def folder_digest(name: str, root: Path = SUBMISSIONS) -> str:
    """SHA-256 over the files of a method's folder, its tests and predictions left out, and the version of its package."""
    digest = hashlib.sha256("\0".join(_installed(name)).encode())
    folder = root / name
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and relative.parts[0] not in ("predictions", "__pycache__", "tests"):
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _installed(name: str) -> list[str]:
    """Name and version of the package behind an entry point, so that another version counts as other code."""
    found = stated(name)
    if found is None or found.method is None or found.method.entry_point is None:
        return []
    top = found.method.entry_point.partition(":")[0].partition(".")[0]
    packages = importlib.metadata.packages_distributions().get(top, [])
    return sorted(f"{package}=={importlib.metadata.version(package)}" for package in packages)


def external_options(name: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """A method's own default options with a run's overrides; the method itself checks them, in its child process."""
    found = stated(name)
    defaults = dict(found.method.options) if found and found.method else {}
    return {**defaults, **overrides}
