"""Overhead of the workflow: starting `atombench`, planning the paper's runs, and Snakemake's overhead in 1000 local jobs.

The last takes about ten minutes and is skipped without `--jobs`. It is a real run: one dataset, two boards, and the random
control with enough seeds for 1000 steps.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.timing import median_seconds
from tests.workflow.running import BIN, copied, environment

WITHOUT_TORCH = ("fetch", "curate", "split", "audit-data", "evaluate", "collect", "lost", "board")
WITH_TORCH = ("train", "predict")
CORES = 2
ROOT = Path(__file__).parents[1]
THOUSAND = """
run: thousand
boards:
  - {datasets: [mni-subjects], gatherings: [easy, uniform]}
seeds: [SEEDS]
without: [constant, section-only, volume-only, oracle-coarse, exhaustive]
methods: {}
"""


def started(*arguments: str) -> None:
    subprocess.run([str(BIN / "python"), *arguments], stdout=subprocess.DEVNULL, check=True)


def starts() -> None:
    """Print the seconds that each command needs to import its modules, and those of Python alone."""
    alone = median_seconds(lambda: started("-c", "pass"))
    sys.stdout.write(f"python alone {alone:.2f} s\n")
    for name in (*WITHOUT_TORCH, *WITH_TORCH):
        seconds = median_seconds(lambda name=name: started(str(BIN / "atombench"), name, "--help"))
        sys.stdout.write(f"atombench {name}: {seconds:.2f} s, {seconds / alone:.0f} times python alone\n")


def plan(folder: Path, config: str) -> None:
    """Print the time of a dry run, in seconds."""
    command = ["snakemake", "--cores", str(CORES), "-n", "--quiet", "rules", "--configfile", config]
    outputs: list[str] = []

    def work() -> None:
        completed = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)
        outputs.append(completed.stdout + completed.stderr)

    seconds = median_seconds(work)
    (total,) = re.findall(r"^total +(\d+)$", outputs[-1], re.MULTILINE)[:1]
    sys.stdout.write(f"dry run of {config}: {total} jobs in {seconds:.1f} s\n")


def thousand(folder: Path, jobs: int) -> None:
    """Print the overhead of Snakemake in a real run of about `jobs` jobs."""
    seeds = ", ".join(str(number) for number in range(1, (jobs - 8) // 6 + 1))
    (folder / "thousand.yaml").write_text(THOUSAND.replace("SEEDS", seeds))
    command = ["snakemake", "--cores", str(CORES), "--configfile", "thousand.yaml", "--quiet", "all"]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment(folder), check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    spent = []
    for path in folder.glob("results/benchmarks/**/*.tsv"):
        with path.open(encoding="utf-8", newline="") as stream:
            spent += [float(row["s"]) for row in csv.DictReader(stream, delimiter="\t")]
    overhead = wall * CORES - sum(spent)
    sys.stdout.write(
        f"{len(spent)} jobs on {CORES} cores: {wall:.0f} s, of which the steps take {sum(spent) / CORES:.0f} s;"
        f" Snakemake overhead per job {overhead / len(spent):.2f} s of a core, {overhead / (wall * CORES):.0%} of the total\n"
    )


def main() -> None:
    """Print the three overheads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=0, help="number of jobs of the local run; 0 skips it")
    jobs = parser.parse_args().jobs
    starts()
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name))
        plan(folder, "config/paper.yaml")
        if jobs:
            thousand(folder, jobs)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
