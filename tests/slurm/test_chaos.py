"""A random fault at a random moment, then the same command again: the same bytes, and nothing finished is trained again.

`make test-cluster` runs all of it (about an hour on 2 cores); `.ci/run` the first one. What is left to chance follows from
the number of the run.
"""

import random
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.slurm import faults
from tests.slurm.cluster import Cluster
from tests.slurm.running import EXACT, HERE, begun, ended, metrics, on_cluster
from tests.workflow.running import copied, digests, jobs, snakemake

CONFIG = ("--configfile", "tests/slurm/chaos.yaml")
RUNS = 20
IN_CI = 1
DISK_MB = 200


def numbered(number: int) -> object:
    """A run with its marks: the first few are among the long tests, the rest only in `make test-cluster`."""
    kind = faults.KINDS[number % len(faults.KINDS)].__name__
    return pytest.param(number, id=f"{number}-{kind}", marks=pytest.mark.long if number < IN_CI else pytest.mark.cluster)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, object], int]:
    """Digests and metrics of a local run, and how many steps it has on a cluster."""
    folder = copied(tmp_path_factory.mktemp("undisturbed"))
    answer = snakemake(folder, *CONFIG)
    assert answer.returncode == 0, answer.stdout
    planned = jobs(snakemake(folder, "-n", "--forceall", *CONFIG).stdout)
    return digests(folder, *EXACT), metrics(folder), sum(count for rule, count in planned.items() if rule not in HERE)


@pytest.mark.parametrize("number", [numbered(number) for number in range(RUNS)])
def test_after_a_fault_the_same_command_ends_with_the_same_bytes(
    number: int,
    slurm: Cluster,
    undisturbed: tuple[dict[str, str], dict[str, object], int],
    tmp_path: Path,
) -> None:
    expected, scores, steps = undisturbed
    fault, dice = faults.KINDS[number % len(faults.KINDS)], random.Random(number)
    place = tmp_path / "disk"
    with faults.small_disk(place, DISK_MB) if fault is faults.disk_full else nullcontext():
        folder = copied(place / "run")
        resources = faults.STARVED if fault is faults.over_memory else ()
        with begun(slurm, folder, tmp_path / "first.log", *CONFIG, *resources) as run:
            scene = faults.Scene(slurm, folder, run, dice)
            moment = dice.randrange(steps)
            scene.wait(f"{moment} finished jobs", lambda: len(ended(slurm, folder)) >= moment)
            time.sleep(dice.uniform(0, 4))
            told = fault(scene)
            status = run.wait(timeout=600)
        finished = faults.finished_trainings(folder)
        submitted = len(ended(slurm, folder))
        second, said = on_cluster(slurm, folder, *CONFIG)
        sys.stdout.write(
            f"\nrun {number}: after {moment} of {steps} jobs {told}; snakemake ended with {status} after {submitted} jobs,"
            f" {len(finished)} of 2 trainings finished; again: {second}, {len(ended(slurm, folder)) - submitted} jobs\n"
        )
        assert second == 0, said[-6000:]
        assert digests(folder, *EXACT) == expected
        assert metrics(folder) == scores
        kept = faults.finished_trainings(folder)
        assert len(kept) == 2
        assert {name: kept[name] for name in finished} == finished
        assert not list((folder / "results").rglob("*.partial"))
        assert jobs(snakemake(folder, "-n", *CONFIG).stdout) == {}
