"""Confinement of the current process and its children: Landlock for files, seccomp for system calls, limits of the system.

Called in the child process before any submitted code is imported. What it achieves on this system is verified by probes.py.
"""

from __future__ import annotations

import errno
import resource
import socket
import sys
from contextlib import suppress
from pathlib import Path

import atombench

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
MACHINE = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/sys/vm", "/sys/devices/system")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
GPU_DEVICES = ("nvidia*", "dri", "kfd")
GPU_FACTS = ("/proc/driver", "/proc/devices", "/proc/modules", "/sys/bus/pci", "/sys/devices", "/sys/class", "/sys/module")

IGNORED = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "utimensat", "futimesat"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
)
REFUSED = (
    *("socket", "connect", "bind", "listen", "accept", "accept4", "setsockopt", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg"),
    *("inotify_init", "inotify_init1", "inotify_add_watch", "fanotify_init", "reboot", "clock_settime", "settimeofday"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "swapon", "swapoff"),
    *("open_tree", "move_mount", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise"),
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key"),
    *("open_by_handle_at", "name_to_handle_at", "quotactl", "acct"),
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
)
ABSENT = (  # memory that belongs to no process and cannot be counted; and a call whose flags a filter cannot inspect
    *("memfd_create", "memfd_secret", "shmget", "shmat", "msgget", "semget", "mq_open"),
    "clone3",
)
INT, TYPE_OF_SOCKET = 0xFFFFFFFF, 0xF  # masks: the kernel reads only the lower half of an int, and ignores flags in a type
NEW_NAMESPACES = (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000)  # CLONE_NEW*
PR_SET_PDEATHSIG = 1
SHARED_ANONYMOUS = 0x21  # MAP_SHARED and MAP_ANONYMOUS
MOST_OPEN_FILES = 1024


def readable() -> list[Path]:
    """Return what a method may read: the interpreter, libraries, installed packages, and some facts about the machine."""
    prefixes = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    paths = {Path(path) for path in (*LIBRARIES, *MACHINE)}
    for prefix in prefixes:
        paths |= {prefix / "lib", prefix / "lib64", prefix / "pyvenv.cfg", *prefix.glob("bin/python*")}
    paths |= {Path(folder) for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))}
    paths |= {Path(atombench.__file__).parent, Path(sys.executable)}
    if _gpu_devices():
        paths |= {Path(path) for path in GPU_FACTS}
    return sorted(path for path in paths if path.exists())


def restrict_files(work: Path, also: tuple[Path, ...] = ()) -> None:
    """Allow this process and its children to write only in one folder, and to read only that, `readable()` and `also`."""
    from landlockpy import AccessFS, Ruleset, Scope

    read = AccessFS.READ_FILE | AccessFS.READ_DIR
    with Ruleset(scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET) as rules:
        for path in (*readable(), *also):
            rules.allow_path(path, read if path.is_dir() else read & ~AccessFS.READ_DIR)
        for program in _interpreter():
            rules.allow_path(program, AccessFS.READ_FILE | AccessFS.EXECUTE)
        for device in (*(Path(name) for name in DEVICES if Path(name).exists()), *_gpu_devices()):
            use = AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.IOCTL_DEV
            if device.name == "zero":  # shared and writable, it would be memory that belongs to no process
                use = AccessFS.READ_FILE
            rules.allow_path(device, use | AccessFS.READ_DIR if device.is_dir() else use)
        special = AccessFS.MAKE_CHAR | AccessFS.MAKE_BLOCK | AccessFS.MAKE_FIFO | AccessFS.MAKE_SOCK
        rules.allow_path(work, rules.handled_fs & ~special & ~AccessFS.EXECUTE)
        rules.restrict()


def _interpreter() -> list[Path]:
    """Return the files that may be executed: the interpreter and the loader of libraries."""
    prefixes = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    programs = {Path(sys.executable), *(path for prefix in prefixes for path in prefix.glob("bin/python*"))}
    loaders = {path for pattern in ("lib*/ld-*.so*", "lib/*/ld-*.so*") for path in Path("/").glob(pattern)}
    return sorted(path for path in {path.resolve() for path in programs | loaders} if path.is_file())


def _gpu_devices() -> list[Path]:
    return [path for pattern in GPU_DEVICES for path in Path("/dev").glob(pattern)]


def restrict_calls() -> None:
    """Block system calls that neither namespaces nor Landlock cover; calls of other architectures end the process.

    - Changes of modes, owners, times and attributes of files are silently ignored, because libraries make them unnecessarily.
    - No socket can be created or connected, except pairs of connected streams, which processes of the method use among
      themselves. The kernel reads only the lower 32 bits of most arguments, so comparisons with an allowed value use all 64
      bits, and comparisons with a refused value use a mask.
    - Memory that is not part of a process (System V, memfd) does not exist, so that the total can be counted.
    """
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)

    def answer(action: int, names: tuple[str, ...], *arguments: object) -> None:
        for name in names:
            with suppress(OSError, ValueError):  # this kernel or processor does not have the call
                rules.add_rule(action, name, *arguments)

    refused = seccomp.ERRNO(errno.EPERM)
    answer(seccomp.ERRNO(0), IGNORED)
    answer(refused, REFUSED)
    answer(seccomp.ERRNO(errno.ENOSYS), ABSENT)
    answer(refused, ("socketpair",), seccomp.Arg(0, seccomp.NE, int(socket.AF_UNIX)))
    for kind in range(TYPE_OF_SOCKET + 1):
        if kind != socket.SOCK_STREAM:
            answer(refused, ("socketpair",), seccomp.Arg(1, seccomp.MASKED_EQ, TYPE_OF_SOCKET, kind))
    answer(refused, ("mmap",), seccomp.Arg(3, seccomp.MASKED_EQ, SHARED_ANONYMOUS, SHARED_ANONYMOUS))
    for flag in NEW_NAMESPACES:
        answer(refused, ("clone",), seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    answer(refused, ("prctl",), seccomp.Arg(0, seccomp.MASKED_EQ, INT, PR_SET_PDEATHSIG))
    rules.load()


def restrict_resources(disk_mb: int) -> None:
    """Limit the size of each file that this process and its children write, in MiB, and write no core files."""
    largest = disk_mb * 2**20
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = min(MOST_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
