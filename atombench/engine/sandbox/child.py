"""The child process of a submitted method: it confines itself, imports the method, and executes one step.

parent.py starts it with its working folder as the only argument.
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
from atombench.engine.answers import Ragged
from atombench.engine.contract import Method, Resources
from atombench.engine.sandbox.parent import LENGTHS, read_input, read_job
from atombench.errors import AtomBenchError
from atombench.io.schema import validated
from atombench.io.tensors import load_tensors, save_tensors

READABLE = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/opt")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
IGNORED = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "utimensat", "futimesat"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
)
REFUSED = ("io_uring_setup", "mount", "umount2", "open_tree", "move_mount", "ptrace", "bpf", "keyctl", "add_key", "request_key")
AF_NETLINK, AF_VSOCK = 16, 40
GPU_DEVICES = ("nvidia*", "dri", "kfd")


def confine(work: Path) -> None:
    """Restrict this process and its children to writing in one folder and to reading programs and libraries."""
    from landlockpy import AccessFS, Ruleset, Scope

    read = AccessFS.READ_FILE | AccessFS.READ_DIR | AccessFS.EXECUTE
    package = Path(atombench.__file__).parent
    paths = {*READABLE, sys.prefix, sys.base_prefix, sys.exec_prefix, str(package), *_library_folders()}
    with Ruleset(handled_net=None, scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET) as rules:
        for path in sorted(paths):
            if Path(path).exists():
                rules.allow_path(path, read)
        for device in (*map(Path, DEVICES), *(path for pattern in GPU_DEVICES for path in Path("/dev").glob(pattern))):
            if device.exists():
                use = AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.IOCTL_DEV
                rules.allow_path(device, use | AccessFS.READ_DIR if device.is_dir() else use)
        special = AccessFS.MAKE_CHAR | AccessFS.MAKE_BLOCK | AccessFS.MAKE_FIFO | AccessFS.MAKE_SOCK
        rules.allow_path(work, rules.handled_fs & ~special)
        rules.restrict()


def refuse_calls() -> None:
    """Block system calls that neither namespaces nor Landlock cover.

    Changes of modes, owners, times and attributes of files are silently ignored, because libraries make them unnecessarily.
    Sockets that the network namespace does not cover, and calls that could bypass this filter, are refused.
    """
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    for name in IGNORED:
        with suppress(OSError, ValueError):  # this kernel or processor does not have the call
            rules.add_rule(seccomp.ERRNO(0), name)
    for name in REFUSED:
        with suppress(OSError, ValueError):
            rules.add_rule(seccomp.ERRNO(errno.EPERM), name)
    for family in (socket.AF_UNIX, AF_NETLINK, AF_VSOCK):
        rules.add_rule(seccomp.ERRNO(errno.EPERM), "socket", seccomp.Arg(0, seccomp.EQ, int(family)))
    rules.load()


def _library_folders() -> set[str]:
    """Return the folders of installed packages on the path, without a checkout, which contains results."""
    return {folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))}


def load_method(work: Path, job: dict[str, Any]) -> Method:
    """Import the class of the method and build it with its options."""
    place, _, cls = job["place"].partition(":")
    sys.path.insert(0, str(work / "method"))
    module = _from_file(work / "method" / place) if place.endswith(".py") else importlib.import_module(place)
    method_class = getattr(module, cls)
    method: Method = method_class(validated(TypeAdapter(method_class.Options), job["options"], f"options of {cls}"))
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
    """Train the method and write its weights."""
    save_tensors(work / "out.safetensors", method.fit(read_input(work, job), resources))


def predict(method: Method, work: Path, job: dict[str, Any], resources: Resources) -> None:
    """Predict with the method and write its answers."""
    weights, _ = load_tensors(work / "weights.safetensors")
    answers = method.predict(weights, read_input(work, job), resources)
    columns = {name: np.asarray(array) for name, array in answers.arrays.items() if not isinstance(array, Ragged)}
    for name, array in answers.arrays.items():
        if isinstance(array, Ragged):
            columns |= {name: array.values, f"{name}{LENGTHS}": array.lengths}
    texts = {"about": json.dumps(dict(answers.about), default=str), "probabilities": str(bool(answers.probabilities)).lower()}
    save_tensors(work / "out.safetensors", columns, texts)


def _end_with_parent() -> None:
    """Exit when standard input is closed, which means that the parent has exited."""

    def wait() -> None:
        os.read(0, 1)
        os._exit(143)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Execute the step that the job file in the folder describes."""
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
