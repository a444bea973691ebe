"""A small wheel, built by hand, and the environment with which pip installs it without an index."""

import base64
import hashlib
import zipfile
from pathlib import Path


def tiny_wheel(
    folder: Path, name: str = "tinything", code: str = "ANSWER = 42\n", more: dict[str, str] | None = None
) -> tuple[Path, str]:
    """Write a wheel with one module; return its path and a requirement with its hash."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": code,
        **(more or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel, f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def offline(folder: Path) -> dict[str, str]:
    """Return variables with which pip finds packages in a folder only."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
