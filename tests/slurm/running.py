"""Execution of the workflow on the private cluster, and its results."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.slurm.cluster import Cluster
from tests.workflow.running import CURATED, MANIFESTS, PREDICTIONS, RECORDS, WEIGHTS, environment

PROFILE = (
    "--workflow-profile", "profiles/slurm", "--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "6",
    "--default-resources", "slurm_account=test", "slurm_partition=main", "mem_mb=1000", "runtime=10",
)  # fmt: skip
EXACT = (CURATED, MANIFESTS, PREDICTIONS, WEIGHTS)
MATRIX = ("--configfile", "tests/slurm/matrix.yaml")
HERE = {"fetch", "collect", "board", "track", "all"}  # rules that run where snakemake runs


def begun(slurm: Cluster, folder: Path, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start snakemake with the SLURM profile in a folder; its output is written to a file."""
    command = ["snakemake", *PROFILE, "--jobs", "6", *arguments]
    with log.open("wb") as stream:
        return subprocess.Popen(
            command, cwd=folder, env={**environment(folder), "SLURM_CONF": slurm.environment["SLURM_CONF"]},
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def on_cluster(slurm: Cluster, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run snakemake with the SLURM profile in a folder; return its exit status and output."""
    log = folder.parent / f"{folder.name}.log"
    with begun(slurm, folder, log, *arguments) as run:
        status = run.wait(timeout=1500)
    return status, log.read_text(errors="replace")


def ended(slurm: Cluster, folder: Path) -> list[dict[str, str]]:
    """Return the finished jobs of a folder, as listed by SLURM."""
    return [job for job in slurm.finished() if job["WorkDir"] == str(folder)]


def metrics(folder: Path) -> dict[str, object]:
    """Return the metrics of all records by run."""
    records = [json.loads(path.read_text()) for path in folder.glob(RECORDS)]
    assert records
    return {f"{record['run']}": record["metrics"] for record in records}
