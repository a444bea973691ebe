"""A real SLURM on one node, private to a test: started from nothing, stopped by process id.

Its own munge key and socket, no systemd, no cgroups, no database; everything lies below one folder. Only the links in
/etc/slurm are outside, because the `srun` inside a Snakemake job looks nowhere else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ETC = Path("/etc/slurm")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scancel")
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
CONFIG = """ClusterName=atombench
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=6817
SlurmdPort=6818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/run/munge.socket
CredType=cred/munge
MpiDefault=none
MailProg=/bin/true
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/slurmd.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
EnforcePartLimits=ALL
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=3
JobRequeue=0
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={root}/log/jobcomp.txt
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES DefaultTime=10 MaxTime=4320 DefMemPerCPU=500 State=UP
"""


def why_not() -> str:
    """Why no cluster can be started here; empty if one can."""
    if os.getuid() != 0:
        return "starting a private SLURM needs root"
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"{', '.join(missing)} not installed (Debian: slurmctld slurmd slurm-client munge)"
    if taken := [path.name for path in (ETC / name for name in FILES) if path.exists()]:
        return f"{ETC} holds a configuration of its own ({', '.join(taken)})"
    return ""


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        root: folder with everything that belongs to it.
    """

    root: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which SLURM's commands find this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.root / "etc/slurm.conf")}

    def answer(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout

    def finished(self) -> list[dict[str, str]]:
        """Every job that has ended, from the log of finished jobs."""
        log = self.root / "log/jobcomp.txt"
        lines = log.read_text().splitlines() if log.exists() else []
        return [dict(part.partition("=")[::2] for part in line.split() if "=" in part) for line in lines]

    def jobs(self) -> list[tuple[str, str, str]]:
        """Id, state and comment (which holds rule and wildcards) of every job that SLURM remembers."""
        lines = self.answer("squeue", "--states=all", "--noheader", "--format=%i|%T|%k").splitlines()
        return [(number, state, comment) for number, state, comment in (line.split("|", 2) for line in lines)]

    def start(self, name: str, *command: str) -> None:
        """Start one of its daemons and wait until it answers."""
        log = (self.root / "log" / f"{name}.out").open("ab")
        self.processes[name] = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def start_node(self) -> None:
        """Start the node's daemon and wait until the node takes jobs."""
        self.start("slurmd", "slurmd", "-D")
        self.wait("slurmd", lambda: self._asked("sinfo", "--noheader", "--format=%T").strip() in ("idle", "mixed", "allocated"))

    def kill(self, name: str) -> None:
        """Kill -9 one of its daemons."""
        self.processes[name].kill()
        self.processes.pop(name).wait(timeout=30)

    def wait(self, what: str, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                log = self.root / "log" / f"{what}.out"
                message = f"{what} did not come up: {log.read_text()[-2000:] if log.exists() else ''}"
                raise TimeoutError(message)
            time.sleep(0.2)

    def _asked(self, *command: str) -> str:
        try:
            return self.answer(*command)
        except subprocess.SubprocessError:
            return ""


@contextmanager
def cluster(root: Path, cpus: int = 2, memory_mb: int = 12000, gpus: int = 2) -> Iterator[Cluster]:
    """Start a cluster, give it, and stop what was started."""
    for name in ("etc", "run", "log", "munge", "dev", "state", "spool"):
        (root / name).mkdir(parents=True)
    root.chmod(0o755)
    found = Cluster(root)
    _configure(root, cpus, memory_mb, gpus)
    try:
        found.start(
            "munged", "munged", "--foreground", f"--key-file={root}/munge/munge.key", f"--socket={root}/run/munge.socket",
            f"--pid-file={root}/run/munged.pid", f"--seed-file={root}/munge/munged.seed", f"--log-file={root}/log/munged.log",
            "--force",
        )  # fmt: skip
        found.wait("munged", lambda: (root / "run/munge.socket").exists())
        found.start("slurmctld", "slurmctld", "-D", "-i")
        found.wait("slurmctld", lambda: "UP" in found._asked("scontrol", "ping"))
        found.start_node()
        yield found
    finally:
        _stop(found)


def _configure(root: Path, cpus: int, memory_mb: int, gpus: int) -> None:
    (root / "munge/munge.key").write_bytes(os.urandom(1024))
    (root / "munge/munge.key").chmod(0o600)
    for number in range(gpus):  # a second /dev/null, so that SLURM has something to hand out
        os.mknod(root / f"dev/gpu{number}", 0o20666, os.makedev(1, 3))
    configuration = {
        "slurm.conf": CONFIG.format(root=root, cpus=cpus, memory_mb=memory_mb, gpus=gpus),
        "gres.conf": f"NodeName=localhost Name=gpu File={root}/dev/gpu[0-{gpus - 1}]\n",
        "cgroup.conf": f"CgroupPlugin={_cgroup_plugin()}\n",
    }
    ETC.mkdir(exist_ok=True)
    for name, text in configuration.items():
        (root / "etc" / name).write_text(text)
        (ETC / name).unlink(missing_ok=True)  # a link that leads nowhere; see why_not
        (ETC / name).symlink_to(root / "etc" / name)


def _cgroup_plugin() -> str:
    version = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    major, minor = (int(part) for part in version.split(".")[:2])
    return "disabled" if (major, minor) >= (24, 5) else "cgroup/v1"


def _stop(found: Cluster) -> None:
    if "slurmctld" in found.processes:
        numbers = [number for number, state, _ in found.jobs() if state in ("PENDING", "RUNNING", "COMPLETING")]
        if numbers:
            subprocess.run(["scancel", *numbers], env=found.environment, timeout=30, check=False)
            end = time.monotonic() + 20
            while time.monotonic() < end and found._asked("squeue", "--noheader"):
                time.sleep(0.5)
    for name in ("slurmd", "slurmctld", "munged"):
        process = found.processes.get(name)
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=20)
    for name in FILES:
        link = ETC / name
        if link.is_symlink() and link.readlink() == found.root / "etc" / name:
            link.unlink()
