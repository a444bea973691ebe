"""What a submitted method brings besides its code: pretrained weights, and packages in an environment of its own.

Both are fetched and checked before the sandbox starts. Weights are safetensors with a stated SHA-256; packages are wheels with
stated hashes, so that nothing is executed while they are installed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from filelock import FileLock
from safetensors import SafetensorError, safe_open

import atombench
from atombench.engine.external import MOST_PRETRAINED_MB, MethodFile, Pretrained
from atombench.errors import ConfigError, DataError
from atombench.io.files import file_digest
from atombench.io.text import one_line
from atombench.progress import logger
from atombench.volumes.fetch import SourceFile, fetch

STORE = Path("results/supplies")
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.!+_-]+( *;[^\\#]*)?")
HASH = re.compile(r"--hash=sha(256|384|512):[0-9a-f]{64,128}")
LONGEST_REQUIREMENTS = 1 << 20  # bytes
COMPLETE = "complete"


@dataclass(frozen=True)
class Supplies:
    """Supplies of a method, ready for use.

    Attributes:
        python: interpreter of its environment.
        pretrained: files of pretrained weights by name.
    """

    python: Path = Path(sys.executable)
    pretrained: Mapping[str, Path] = field(default_factory=dict)


def supplies_of(folder: Path, method: MethodFile, store: Path = STORE) -> Supplies:
    """Fetch and check what a method brings; a second call finds everything in the store.

    Args:
        folder: the submission.
        method: its keys in `submission.yaml`.
        store: folder for downloads and environments.

    Raises:
        DataError: weights are too large, are not safetensors or have another checksum, or packages cannot be installed.
        ConfigError: the requirements are not valid.
        FetchError: weights cannot be downloaded.
    """
    pretrained = {file.name: _pretrained(folder, file, store / "pretrained") for file in method.pretrained}
    if method.requirements is None:
        return Supplies(pretrained=pretrained)
    return Supplies(_environment(folder / method.requirements, store / "environments"), pretrained)


def _pretrained(folder: Path, file: Pretrained, downloads: Path) -> Path:
    if file.file is not None:
        path = folder / file.file
        if not path.is_file() or path.is_symlink() or file_digest(path) != file.sha256:
            msg = f"{path} is missing, or does not have the stated SHA-256"
            raise DataError(msg)
    else:
        name = PurePosixPath(urlsplit(str(file.url)).path).name
        path = fetch([SourceFile(name, "sha256", file.sha256, file.url)], downloads / file.sha256[:16])[name]
    if (size := path.stat().st_size) > MOST_PRETRAINED_MB * 10**6:
        msg = f"{path} has {size} bytes, more than {MOST_PRETRAINED_MB} MB"
        raise DataError(msg)
    try:
        with safe_open(path, "numpy") as tensors:
            tensors.keys()
    except (SafetensorError, OSError) as error:
        msg = f"{path} is not a safetensors file: {one_line(str(error))}"
        raise DataError(msg) from error
    return path.resolve()


def requirement_problems(text: str) -> list[str]:
    """Return why requirements cannot be installed: every line must pin one package, with hashes."""
    if len(text) > LONGEST_REQUIREMENTS:
        return [f"has more than {LONGEST_REQUIREMENTS} characters"]
    problems = []
    for line in text.replace("\\\n", " ").splitlines():
        content = re.sub(r"(^|\s)#.*", "", line).strip()
        if not content:
            continue
        requirement, *hashes = re.split(r"\s+(?=--hash)", content)
        if REQUIREMENT.fullmatch(requirement.strip()) is None or not all(HASH.fullmatch(one.strip()) for one in hashes):
            problems.append(f"expected NAME==VERSION --hash=sha256:..., got {one_line(content, 80)!r}")
        elif not hashes:
            problems.append(f"{one_line(requirement, 80)!r} has no --hash; `pip-compile --generate-hashes` states it")
    return problems


def _environment(requirements: Path, store: Path) -> Path:
    """Return the interpreter of a virtual environment with the required packages, and those of the platform after them."""
    try:
        text = requirements.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{requirements} cannot be read"
        raise ConfigError(msg) from error
    if problems := requirement_problems(text):
        msg = f"{requirements}: {'; '.join(problems)}"
        raise ConfigError(msg)
    place = store / hashlib.sha256(f"{sys.version}\0{sys.prefix}\0{text}".encode()).hexdigest()[:16]
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / f"{place.name}.lock"):
        if not (place / COMPLETE).is_file():
            shutil.rmtree(place, ignore_errors=True)
            logger.info("installing the packages of %s", requirements)
            _run([sys.executable, "-m", "venv", str(place)], requirements)
            python = str(place / "bin/python")
            options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--only-binary", ":all:"]
            _run([python, "-m", "pip", "install", *options, "--requirement", str(requirements)], requirements)
            (packages,) = place.glob("lib/python*/site-packages")
            (packages / "atombench-platform.pth").write_text("\n".join(_platform()) + "\n", encoding="utf-8")
            (place / COMPLETE).touch()
    return (place / "bin/python").absolute()


def _platform() -> list[str]:
    """Return the folders from which the platform itself is imported."""
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return [*installed, str(Path(atombench.__file__).parents[1])]


def _run(command: list[str], requirements: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        msg = f"the packages of {requirements} cannot be installed: {one_line(' '.join(lines[-3:]), 600)}"
        raise DataError(msg)
