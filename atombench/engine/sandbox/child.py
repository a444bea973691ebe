"""The child in which a method of others runs: confines itself, imports the method, and does one step.

Started by sandbox.py, with the folder that it may use as its only argument.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import json
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import TypeAdapter

import atombench
from atombench.engine.contract import Method, Resources, Training
from atombench.engine.sandbox.parent import ANSWERS, read_job
from atombench.errors import AtomBenchError
from atombench.io.schema import validated
from atombench.io.tensors import load_tensors, save_tensors
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import Sections
from atombench.tasks.atom.queries import Queries

READABLE = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/opt")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
PASSED_OVER = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat",
    "futimesat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr",
    "removexattrat",
)  # fmt: skip
REFUSED = ("io_uring_setup", "mount", "umount2", "open_tree", "move_mount", "ptrace", "bpf", "keyctl", "add_key", "request_key")
AF_NETLINK, AF_VSOCK = 16, 40
GPU_DEVICES = ("nvidia*", "dri", "kfd")


def confine(work: Path) -> None:
    """Keep this process, and all that it starts, from writing outside a folder and from reading what is not a program."""
    from landlockpy import AccessFS, Ruleset, Scope

    read = AccessFS.READ_FILE | AccessFS.READ_DIR | AccessFS.EXECUTE
    package = Path(atombench.__file__).parent
    paths = {*READABLE, sys.prefix, sys.base_prefix, sys.exec_prefix, str(package), *_library_folders()}
    with Ruleset(handled_net=None, scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET) as rules:
        for path in sorted(paths):
            if Path(path).exists():
                rules.allow_path(path, read)
        for device in (*map(Path, DEVICES), *(found for pattern in GPU_DEVICES for found in Path("/dev").glob(pattern))):
            if device.exists():
                use = AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.IOCTL_DEV
                rules.allow_path(device, use | AccessFS.READ_DIR if device.is_dir() else use)
        odd = AccessFS.MAKE_CHAR | AccessFS.MAKE_BLOCK | AccessFS.MAKE_FIFO | AccessFS.MAKE_SOCK
        rules.allow_path(work, rules.handled_fs & ~odd)
        rules.restrict()


def refuse_calls() -> None:
    """Refuse system calls that neither namespaces nor Landlock cover.

    Changes of modes, owners, times and attributes of files are passed over in silence, since libraries make them without need;
    sockets other than of the (cut) network, and ways around this filter, are refused.
    """
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    for name in PASSED_OVER:
        with suppress(OSError, ValueError):  # not a call of this kernel's or processor's
            rules.add_rule(seccomp.ERRNO(0), name)
    for name in REFUSED:
        with suppress(OSError, ValueError):
            rules.add_rule(seccomp.ERRNO(errno.EPERM), name)
    for family in (socket.AF_UNIX, AF_NETLINK, AF_VSOCK):
        rules.add_rule(seccomp.ERRNO(errno.EPERM), "socket", seccomp.Arg(0, seccomp.EQ, int(family)))
    rules.load()


def _library_folders() -> set[str]:
    """Folders of installed packages on the path; not a checkout, whose results are nobody's business."""
    return {place for place in sys.path if place.endswith(("site-packages", "dist-packages"))}


def load_method(work: Path, job: dict[str, Any]) -> Method:
    """Import the method's class and build it with its options."""
    place, _, cls = job["place"].partition(":")
    sys.path.insert(0, str(work / "method"))
    module = _from_file(work / "method" / place) if place.endswith(".py") else importlib.import_module(place)
    found = getattr(module, cls)
    method: Method = found(validated(TypeAdapter(found.Options), job["options"], f"options of {cls}"))
    return method


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("submitted_method", path)
    if spec is None or spec.loader is None:
        msg = f"{path.name} cannot be imported"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def fit(method: Method, work: Path, job: dict[str, Any], resources: Resources) -> None:
    """Let the method learn and write its arrays."""
    grid = BlockGrid(job["scale"])
    volumes = np.load(work / "volumes.npy", allow_pickle=False)
    training = Training(grid, job["gathering"], volumes, _sections(work, "train"), _sections(work, "val"))
    save_tensors(work / "out.safetensors", method.fit(training, resources))


def predict(method: Method, work: Path, job: dict[str, Any], resources: Resources) -> None:
    """Let the method answer and write its answers."""
    arrays = {name: np.load(work / f"{name}.npy", allow_pickle=False) for name in ("volumes", "volume_index", "pixels")}
    queries = Queries(BlockGrid(job["scale"]), job["gathering"], **arrays)
    weights, _ = load_tensors(work / "weights.safetensors")
    found = method.predict(weights, queries, resources)
    found.check(len(queries))
    answers = {name: np.asarray(array) for name in ANSWERS if (array := getattr(found, name)) is not None}
    texts = {"about": json.dumps(dict(found.about), default=str), "probabilities": str(bool(found.probabilities)).lower()}
    save_tensors(work / "out.safetensors", answers, texts)


def _sections(work: Path, part: str) -> Sections:
    names = ("volume", "index", "centres", "normals")
    return Sections(*(np.load(work / f"{part}_{name}.npy", allow_pickle=False) for name in names))


def _end_with_parent() -> None:
    """The parent holds the other end of standard input; when it has gone, so does this process."""

    def wait() -> None:
        os.read(0, 1)
        os._exit(143)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Do the one step that the folder asks for."""
    work = Path(sys.argv[1])
    job = read_job(work)
    if job["landlock"]:
        confine(work)
    if job["seccomp"]:
        refuse_calls()
    _end_with_parent()
    resources = Resources(seed=job["seed"], device=job["device"], threads=job["threads"], curve=work / "curve.jsonl")
    try:
        method = load_method(work, job)
        {"fit": fit, "predict": predict}[job["step"]](method, work, job, resources)
    except AtomBenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
