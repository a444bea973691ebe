"""Probes: forbidden actions on decoys, tried in a child process that is confined like a submitted method.

The record of a submitted method states what these probes found on this system, not what was configured.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from atombench.engine.sandbox.call import call
from atombench.engine.sandbox.processes import Limits
from atombench.errors import DataError
from atombench.io.files import read_json

Decoys = Mapping[str, Any]
LIMITS = Limits(memory_mb=1000, disk_mb=50, minutes=1)
RESULT = "probes.json"
HIGH = 1 << 32  # a bit that the kernel ignores in an argument of 32 bits
SYS_SOCKET = {"x86_64": 41, "aarch64": 198}
SYS_MEMFD = {"x86_64": 319, "aarch64": 279}
PR_SET_PDEATHSIG, CLONE_NEWUSER = 1, 0x10000000
PTRACE_ATTACH = 16
DEATH_SECONDS = 5.0


@dataclass(frozen=True)
class Probe:
    """A forbidden action.

    Attributes:
        kind: what it concerns: network, files, processes or memory.
        name: what a method could do if it succeeded, in the words of the record.
        attempt: tries the action in the child; it returns whether it succeeded, or raises OSError.
    """

    kind: str
    name: str
    attempt: Callable[[Decoys], bool]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _raw(number: int | None, *arguments: Any) -> int:
    """Call the kernel directly; return its answer.

    Raises:
        OSError: the call failed, or its number is not known for this processor.
    """
    if number is None:
        raise OSError(errno.ENOSYS, "unknown processor")
    answer = int(_libc().syscall(ctypes.c_long(number), *arguments))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def _connected(family: int, kind: int, address: Any) -> bool:
    with socket.socket(family, kind) as own:
        own.settimeout(2)
        own.connect(address)
    return True


def _socket_of_64_bits(decoys: Decoys) -> bool:
    number = _raw(SYS_SOCKET.get(platform.machine()), ctypes.c_ulong(HIGH | socket.AF_UNIX), 1, 0)
    with socket.socket(fileno=number) as own:
        own.connect(decoys["stream"])
    return True


def _pair_of_datagrams(decoys: Decoys) -> bool:
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with first, second:
        first.sendto(b"x", decoys["datagram"])
    return True


def _opened(family: int) -> Callable[[Decoys], bool]:
    def attempt(decoys: Decoys) -> bool:
        socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM).close()
        return True

    return attempt


def _read(key: str) -> Callable[[Decoys], bool]:
    return lambda decoys: bool(Path(decoys[key]).read_bytes())


def _written(decoys: Decoys) -> bool:
    Path(decoys["folder"], "new").write_text("x")
    return True


def _truncated(decoys: Decoys) -> bool:
    os.truncate(decoys["file"], 0)
    return True


def _listed(decoys: Decoys) -> bool:
    return bool(os.listdir(decoys["folder"]))


def _changed(decoys: Decoys) -> bool:
    before = Path(decoys["file"]).stat()
    os.utime(decoys["file"], (1, 1))
    os.chmod(decoys["file"], 0o777)
    after = Path(decoys["file"]).stat()
    return (before.st_mtime_ns, before.st_mode) != (after.st_mtime_ns, after.st_mode)


def _executed(decoys: Decoys) -> bool:
    return subprocess.run([decoys["program"]], check=False, capture_output=True).returncode == 0


def _signalled(decoys: Decoys) -> bool:
    os.kill(decoys["pid"], 0)
    return True


def _traced(decoys: Decoys) -> bool:
    _libc().ptrace.restype = ctypes.c_long
    if _libc().ptrace(PTRACE_ATTACH, decoys["pid"], None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return True


def _new_namespace(decoys: Decoys) -> bool:
    if _libc().unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    return True


def _parent_forgotten(decoys: Decoys) -> bool:
    if _libc().prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    return True


def _left_behind(decoys: Decoys) -> bool:
    """Start a process of its own session that sleeps; the parent finds out whether it outlives the call."""
    if os.fork() == 0:
        os.setsid()
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"])
    return False


def _memory_file(decoys: Decoys) -> bool:
    name = ctypes.create_string_buffer(b"probe")
    os.close(_raw(SYS_MEMFD.get(platform.machine()), name, 0))
    return True


def _system_v(decoys: Decoys) -> bool:
    number = _libc().shmget(0, mmap.PAGESIZE, 0o1600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    _libc().shmctl(number, 0, None)
    return True


def _shared_memory(decoys: Decoys) -> bool:
    mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS).close()
    return True


def _posix_memory(decoys: Decoys) -> bool:
    path = Path("/dev/shm/atombench-probe")
    path.write_text("x")
    path.unlink()
    return True


PROBES = (
    Probe("network", "TCP connections", lambda decoys: _connected(socket.AF_INET, socket.SOCK_STREAM, tuple(decoys["tcp"]))),
    Probe("network", "unix sockets", lambda decoys: _connected(socket.AF_UNIX, socket.SOCK_STREAM, decoys["stream"])),
    Probe("network", "unix sockets by a 64-bit number", _socket_of_64_bits),
    Probe("network", "unix datagrams from a socket pair", _pair_of_datagrams),
    Probe(
        "network", "abstract unix sockets", lambda decoys: _connected(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + decoys["name"])
    ),
    Probe("network", "netlink sockets", _opened(16)),
    Probe("network", "vsock sockets", _opened(40)),
    Probe("files", "reading files of the user", _read("file")),
    Probe("files", "listing folders of the user", _listed),
    Probe("files", "reading /etc", _read("account")),
    Probe("files", "reading command lines of other processes", _read("command_line")),
    Probe("files", "writing files", _written),
    Probe("files", "truncating files", _truncated),
    Probe("files", "changing times and modes of files", _changed),
    Probe("files", "executing programs", _executed),
    Probe("processes", "signals to other processes", _signalled),
    Probe("processes", "tracing other processes", _traced),
    Probe("processes", "new namespaces", _new_namespace),
    Probe("processes", "processes that outlive the call", _left_behind),
    Probe("processes", "outliving a killed platform", _parent_forgotten),
    Probe("memory", "memory files", _memory_file),
    Probe("memory", "System V memory", _system_v),
    Probe("memory", "POSIX shared memory", _posix_memory),
    Probe("memory", "anonymous shared memory", _shared_memory),
)
OUTLIVES = "processes that outlive the call"


def attempt_all(decoys: Decoys) -> dict[str, bool]:
    """Try every probe in this process; return which succeeded, by name. Called in the confined child."""
    found = {}
    for probe in PROBES:
        try:
            found[probe.name] = probe.attempt(decoys)
        except OSError:
            found[probe.name] = False
    return found


@cache
def succeeded() -> dict[str, bool]:
    """Return by name which forbidden actions succeed in the sandbox of this system; True for all if it does not start."""
    with tempfile.TemporaryDirectory(prefix="atombench-probe-", ignore_cleanup_errors=True) as folder:
        work = Path(folder, "work")
        work.mkdir()
        with decoys(Path(folder, "outside")) as given:
            reader, writer = os.pipe()  # closed at the other end when no process of the child is alive
            try:
                problem = call(work, {"step": "probe", "decoys": given}, LIMITS, 1, kept_open=(writer,))
            finally:
                os.close(writer)
            outlived = not select.select([reader], [], [], DEATH_SECONDS)[0]
            os.close(reader)
        return _result(work / RESULT, problem, outlived)


def _result(path: Path, problem: str, outlived: bool) -> dict[str, bool]:
    names = [probe.name for probe in PROBES]
    if problem:
        return dict.fromkeys(names, True)
    try:
        found = read_json(path)
        return {**{name: bool(found[name]) for name in names}, OUTLIVES: outlived}
    except (DataError, KeyError, TypeError):
        return dict.fromkeys(names, True)


@contextmanager
def decoys(place: Path) -> Iterator[dict[str, Any]]:
    """Make a file, a program, sockets that listen and a process, on which the child tries forbidden actions."""
    place.mkdir()
    (place / "file").write_text("secret")
    program = place / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)
    name = f"atombench-{os.getpid()}-{os.urandom(6).hex()}"
    with ExitStack() as opened:
        tcp = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        for kind, address in ((socket.SOCK_STREAM, str(place / "stream")), (socket.SOCK_STREAM, f"\0{name}")):
            listener = opened.enter_context(socket.socket(socket.AF_UNIX, kind))
            listener.bind(address)
            listener.listen()
        datagram = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(str(place / "datagram"))
        victim = opened.enter_context(subprocess.Popen(["sleep", "120"], stdin=subprocess.DEVNULL))
        opened.callback(_ended, victim)
        yield {
            "tcp": list(tcp.getsockname()),
            "stream": str(place / "stream"),
            "datagram": str(place / "datagram"),
            "name": name,
            "file": str(place / "file"),
            "folder": str(place),
            "program": str(program),
            "account": "/etc/passwd",
            "pid": victim.pid,
            "command_line": f"/proc/{victim.pid}/cmdline",
        }


def _ended(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def confinement() -> dict[str, str]:
    """Return what is confined on this system by kind, in the words of the record, as verified by the probes."""
    confined = {"network": "none", "files": "own folder", "processes": "end with the call", "memory": "all counted"}
    return {kind: _stated(kind, text) for kind, text in confined.items()}


def _stated(kind: str, confined: str) -> str:
    found = succeeded()
    open_to = [probe.name for probe in PROBES if probe.kind == kind and found[probe.name]]
    if len(open_to) == sum(probe.kind == kind for probe in PROBES):
        return "not confined"
    return f"not confined: {', '.join(open_to)}" if open_to else confined
