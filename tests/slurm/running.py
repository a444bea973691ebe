"""Running the workflow on the private cluster, and what came of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.slurm.cluster import Cluster
from tests.workflow.running import environment

PROFILE = (
    "--workflow-profile", "profiles/slurm", "--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "6",
    "--default-resources", "slurm_account=test", "slurm_partition=main", "mem_mb=1000", "runtime=10",
)  # fmt: skip
EXACT = (
    "results/data/*/x1/volumes.npz",
    "results/atom/*/*/manifest.parquet",
    "results/atom/*/*/*/seed*/predictions.parquet",
    "results/atom/*/*/*/seed*/weights.safetensors",
)
HERE = {"fetch", "collect", "board", "track", "all"}  # rules that run where snakemake runs


def begun(slurm: Cluster, folder: Path, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start snakemake with the SLURM profile in a folder; what it says goes to a file."""
    command = ["snakemake", *PROFILE, "--jobs", "6", *arguments]
    with log.open("wb") as stream:
        return subprocess.Popen(
            command, cwd=folder, env={**environment(folder), "SLURM_CONF": slurm.environment["SLURM_CONF"]},
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def on_cluster(slurm: Cluster, folder: Path, *arguments: str) -> tuple[int, str]:
    """The same, and wait for it; gives exit status and what it said."""
    log = folder.parent / f"{folder.name}.log"
    with begun(slurm, folder, log, *arguments) as run:
        status = run.wait(timeout=1500)
    return status, log.read_text(errors="replace")


def ended(slurm: Cluster, folder: Path) -> list[dict[str, str]]:
    """SLURM's own list of finished jobs, those of a folder."""
    return [job for job in slurm.finished() if job["WorkDir"] == str(folder)]


def metrics(folder: Path) -> dict[str, object]:
    """Metrics of all records, by unit."""
    records = [json.loads(path.read_text()) for path in folder.glob("results/atom/*/*/*/seed*/record.json")]
    assert records
    return {f"{record['unit']}": record["metrics"] for record in records}
