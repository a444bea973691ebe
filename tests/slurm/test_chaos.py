"""A random fault at a random moment, then the same command again: results are identical, and no training is repeated.

`make test-cluster` runs all of it (about an hour on 2 cores); `.ci/run` the first one. Random choices are seeded
with the number of the run.
"""

import random
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.slurm import faults
from tests.slurm.cluster import Cluster
from tests.slurm.running import EXACT, HERE, MATRIX, begun, ended, metrics, on_cluster
from tests.workflow.running import copied, digests, jobs, snakemake

pytestmark = pytest.mark.xdist_group("slurm")
RUNS = 20
IN_CI = 1
DISK_MB = 200


def numbered(number: int) -> object:
    """A run with its marks: the first few are among the long tests, the rest only in `make test-cluster`."""
    kind = faults.KINDS[number % len(faults.KINDS)].__name__
    mark = pytest.mark.long(minutes=6) if number < IN_CI else pytest.mark.cluster
    return pytest.param(number, id=f"{number}-{kind}", marks=mark)


@pytest.fixture(scope="module")
def undisturbed(local: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, object], int]:
    """Return digests and metrics of the local run, and the number of steps on a cluster."""
    planned = jobs(snakemake(copied(tmp_path_factory.mktemp("planned")), "-n", *MATRIX).stdout)
    return digests(local, *EXACT), metrics(local), sum(count for rule, count in planned.items() if rule not in HERE)


@pytest.mark.parametrize("number", [numbered(number) for number in range(RUNS)])
def test_repeating_the_command_after_a_fault_gives_the_same_bytes(
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
        with begun(slurm, folder, tmp_path / "first.log", *MATRIX, *resources) as run:
            scene = faults.Scene(slurm, folder, run, dice)
            moment = dice.randrange(steps)
            scene.wait(f"{moment} finished jobs", lambda: len(ended(slurm, folder)) >= moment)
            time.sleep(dice.uniform(0, 4))
            event = fault(scene)
            status = run.wait(timeout=600)
        finished = faults.finished_trainings(folder)
        submitted = len(ended(slurm, folder))
        second, output = on_cluster(slurm, folder, *MATRIX)
        sys.stdout.write(
            f"\nrun {number}: after {moment} of {steps} jobs {event}; snakemake exited with {status} after {submitted} jobs,"
            f" {len(finished)} of 2 trainings finished; again: {second}, {len(ended(slurm, folder)) - submitted} jobs\n"
        )
        assert second == 0, output[-6000:]
        assert digests(folder, *EXACT) == expected
        assert metrics(folder) == scores
        kept = faults.finished_trainings(folder)
        assert len(kept) == 2
        assert {name: kept[name] for name in finished} == finished
        assert not list((folder / "results").rglob("*.partial"))
        assert jobs(snakemake(folder, "-n", *MATRIX).stdout) == {}
