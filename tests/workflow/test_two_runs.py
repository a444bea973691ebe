"""Two runs in one folder: the second is refused and told why; after a crash, the lock that is left is explained."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.workflow.running import copied, environment, jobs, killed_in, snakemake, step_of

pytestmark = pytest.mark.long
TINY = ("--configfile", "tests/workflow/tiny.yaml")
NOT_ALL_POWERFUL = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all")


def test_the_second_of_two_runs_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    command = ["snakemake", "--cores", "1", *TINY]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=environment(folder), **quiet) as first:
        step_of(first, "curate")
        second = snakemake(folder, *TINY)
        assert second.returncode != 0
        assert f"Another run is alive in this folder (process {first.pid} on " in second.stdout
        assert "Directory cannot be locked" in second.stdout
        assert "Traceback" not in second.stdout
        looked = snakemake(folder, "-n", *TINY)
        assert looked.returncode == 0
        assert first.wait(timeout=300) == 0
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}


def test_a_lock_that_a_crash_left_is_explained(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    killed_in(folder, "fetch", "run", *TINY)
    holder = folder / ".snakemake/atombench.lock"
    here = holder.read_text()
    elsewhere = "process 7 on another-node, since 2026-01-01 00:00, of somebody"
    holder.write_text(elsewhere)  # where locks do not reach from node to node, nobody here can know that this one is dead
    refused = snakemake(folder, *TINY)
    assert refused.returncode != 0
    assert f"{elsewhere}; if that one is dead, `snakemake --unlock`" in refused.stdout
    holder.write_text(here)
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert (
        "An earlier run was killed and left its lock behind; no run is alive here, so the lock was released." in answer.stdout
    )


def test_who_may_not_write_in_the_folder_is_told_so(tmp_path: Path) -> None:
    needs(subprocess.run([*NOT_ALL_POWERFUL, "true"], capture_output=True, check=False).returncode == 0, "setpriv as root")
    folder = copied(tmp_path)
    assert snakemake(folder, "-n", *TINY).returncode == 0
    subprocess.run(["chmod", "--recursive", "a+rX", str(folder)], check=True)
    subprocess.run(["chown", "--recursive", "--no-dereference", "nobody", str(folder)], check=True)
    answer = subprocess.run(
        [*NOT_ALL_POWERFUL, "snakemake", "--cores", "1", *TINY], cwd=folder, env=environment(folder),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode != 0
    assert f"No run can work here: {folder}, which belongs to nobody, cannot be written: Permission denied" in answer.stdout
