"""What a submitted method brings besides its code: pretrained weights, and packages in a folder of their own.

Both are fetched and checked before the sandbox starts. Weights are safetensors with a stated SHA-256; packages are wheels with
stated hashes, so that nothing is executed while they are installed.
"""

from __future__ import annotations

import hashlib
import os
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

from atombench.engine.external import MOST_PRETRAINED_MB, MethodFile, Pretrained
from atombench.errors import ConfigError, DataError
from atombench.io.files import file_digest
from atombench.io.text import one_line
from atombench.progress import logger
from atombench.volumes.fetch import SourceFile, fetch

STORE = Path("results/supplies")
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.!+_-]+")
HASH = re.compile(r"--hash=sha(256|384|512):[0-9a-f]{64,128}")
LONGEST_REQUIREMENTS = 1 << 20  # bytes
COMPLETE = "complete"


@dataclass(frozen=True)
class Supplies:
    """Supplies of a method, ready for use.

    Attributes:
        packages: folder with its packages; none if it needs only those of the platform. It is added to the path of Python
            after the process is confined, because importing a package executes it.
        pretrained: files of pretrained weights by name.
    """

    packages: Path | None = None
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
    return Supplies(_packages(folder / method.requirements, store / "packages"), pretrained)


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


def read_requirements(text: str) -> tuple[list[str], list[str]]:
    """Return the requirements in a file, one line each, and the problems of the other lines.

    Only `NAME==VERSION --hash=sha256:...` is accepted. pip never sees the file itself, but the lines returned here: it would
    also understand options, addresses, variables and other encodings.
    """
    if len(text) > LONGEST_REQUIREMENTS:
        return [], [f"has more than {LONGEST_REQUIREMENTS} characters"]
    accepted, problems, pending = [], [], ""
    for line in text.split("\n"):
        part = line.strip()
        if not pending and (not part or part.startswith("#")):
            continue
        pending = f"{pending} {part.removesuffix(chr(92)).strip()}".strip()
        if part.endswith("\\"):
            continue
        name, *hashes = pending.split()
        if REQUIREMENT.fullmatch(name) is None or not all(HASH.fullmatch(one) for one in hashes):
            problems.append(f"expected NAME==VERSION --hash=sha256:..., got {one_line(pending, 80)!r}")
        elif not hashes:
            problems.append(f"{name[:80]!r} has no --hash; `pip-compile --generate-hashes` states it")
        else:
            accepted.append(" ".join([name, *hashes]))
        pending = ""
    if pending:
        problems.append("the last line is continued, but there is no next one")
    return accepted, problems


def _packages(requirements: Path, store: Path) -> Path:
    """Return the folder with the required packages, installed from wheels.

    Raises:
        ConfigError: a requirement is not valid.
        DataError: pip cannot install them; its output is in the log only.
    """
    try:
        text = requirements.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{requirements} cannot be read as ASCII text"
        raise ConfigError(msg) from error
    accepted, problems = read_requirements(text)
    if problems:
        msg = f"{requirements}: {'; '.join(problems)}"
        raise ConfigError(msg)
    wanted = "\n".join(accepted) + "\n"
    place = store / hashlib.sha256(f"{sys.version}\0{wanted}".encode()).hexdigest()[:16]
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / f"{place.name}.lock"):
        if not (place / COMPLETE).is_file():
            shutil.rmtree(place, ignore_errors=True)
            logger.info("installing the packages of %s", requirements)
            _run([sys.executable, "-m", "venv", str(place)], requirements)
            listed = place / "requirements.txt"
            listed.write_text(wanted, encoding="ascii")
            options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--only-binary", ":all:"]
            _run([str(place / "bin/python"), "-m", "pip", "install", *options, "--requirement", str(listed)], requirements)
            (place / COMPLETE).touch()
    (packages,) = place.glob("lib/python*/site-packages")
    return packages.resolve()


def _run(command: list[str], requirements: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATOMBENCH_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        for line in (done.stderr or done.stdout).splitlines()[-10:]:
            logger.error("pip: %s", one_line(line, 600))
        msg = f"the packages of {requirements} cannot be installed; the log has the output of pip"
        raise DataError(msg)
