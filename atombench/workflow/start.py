"""What surrounds a call of Snakemake: before the graph of jobs is built, before the first job, and after the last one.

Reading the rules has no side effect. `prepare` only reads; `begin`, `end` and `report_failure` also write, and are called from
`onstart`, `onsuccess` and `onerror`, which Snakemake skips in dry runs and wherever nothing runs.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from atombench.errors import DataError
from atombench.workflow.jobs import cancel_jobs, orphaned_jobs
from atombench.workflow.old_layout import describe_old_results
from atombench.workflow.processes import lead_steps
from atombench.workflow.run_lock import release_run_lock, require_writable, take_run_lock
from atombench.workflow.unfinished import Workflow, close_plan, force_regeneration, note_plan

SNAKEMAKE = Path(".snakemake")
PLANNED = SNAKEMAKE / "atombench-plan.txt"

Report = Callable[[str], None]


@dataclass(frozen=True)
class FailedCall:
    """What the board of a failed call is made from.

    Attributes:
        name: of the run matrix (`run:` of the configuration).
        settings: the checked configuration as JSON.
        records: records that exist.
        audits: audit files that exist.
        run_lists: finished run lists that the board shows besides.
        unfinished: folder for the run list of this call; never that of finished ones, which Snakemake would take for done.
        board: folder of the board.
    """

    name: str
    settings: str
    records: Sequence[str]
    audits: Sequence[str]
    run_lists: Sequence[str]
    unfinished: Path
    board: Path

    def commands(self) -> list[list[str]]:
        """Return the sub-commands that list the lost runs, collect the records and make the board, in this order."""
        run, lost = str(self.unfinished / f"{self.name}.json"), str(self.unfinished / f"{self.name}-lost.json")
        collected = [*self.records, *(f"--audit={path}" for path in self.audits)]
        return [
            ["lost", "--config", self.settings, "--out", lost],
            ["collect", *collected, "--name", self.name, "--config", self.settings, "--lost", lost, "--out", run],
            ["board", *sorted({*self.run_lists, run}), "--out", str(self.board)],
        ]


def prepare(workflow: Workflow, files: Iterable[Path], results: Path, report: Report) -> None:
    """Name results of earlier versions, and have truncated and unfinished files regenerated. Nothing is written.

    Args:
        workflow: Snakemake's, of the main process.
        files: all files of the run.
        results: folder of all results.
        report: receives lines for the user.

    Raises:
        AtomBenchError: the working directory is not writable, so that Snakemake would fail even in a dry run.
    """
    require_writable(SNAKEMAKE)
    if message := describe_old_results(results):
        report(message)
    force_regeneration(workflow, files, PLANNED, report)


def begin(outputs: Iterable[str], report: Report) -> None:
    """Take the run lock of the working directory, cancel SLURM jobs of a dead run, and lead the steps that will start.

    Args:
        outputs: all files that the steps of this call will write.
        report: receives lines for the user.

    Raises:
        AtomBenchError: another run is working here, the folder is not writable, or old jobs do not end.
    """
    if previous := take_run_lock(SNAKEMAKE):
        report(f"An earlier run was killed ({previous}). Its lock was taken over.")
    atexit.register(release_run_lock)
    lead_steps()
    if jobs := orphaned_jobs(Path()):
        report(f"Cancelling SLURM jobs of an earlier run: {' '.join(jobs)}")
        cancel_jobs(jobs, Path())
    note_plan(outputs, PLANNED)


def end(report: Report) -> None:
    """Forget the planned files that exist now, and release the run lock."""
    try:
        close_plan(PLANNED)
    except DataError as error:  # the disk may be full; the next call then makes what is missing
        report(str(error))
    release_run_lock()


def report_failure(call: FailedCall, report: Report) -> None:
    """Make the board of a failed call: with the records that exist, and with the lost runs and their reasons."""
    if not call.records:
        return
    for command in call.commands():
        if subprocess.run([sys.executable, "-m", "atombench", *command], check=False).returncode:
            return
    report(f"Some runs failed. {call.board}/index.html shows the others, and why these failed.")
