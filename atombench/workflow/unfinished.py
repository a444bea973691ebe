"""Files that a call must regenerate although Snakemake would not notice.

Snakemake does not check whether a file is truncated. And it does not miss a file as long as everything made from it is there:
after a step that was to be repeated has failed, the next call finds "nothing to be done". So each call lists the outputs of its
steps when it starts, and the next call makes the missing ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from atombench.io.files import written_whole
from atombench.workflow.truncated import truncated_files


class Job(Protocol):
    """A job of Snakemake."""

    output: Iterable[str]


class Graph(Protocol):
    """Snakemake's graph of jobs; the jobs of `forcefiles` run in any case, and so does all that depends on them."""

    forcefiles: set[str]

    def needrun_jobs(self) -> Iterable[Job]:
        """Return the jobs that will run."""


class Workflow(Protocol):
    """What is used of Snakemake's workflow; it builds its graph after it has read the rules."""

    dag: Graph
    _build_dag: Callable[[], None]


def force_regeneration(workflow: Workflow, files: Iterable[Path], plan: Path, report: Callable[[str], None]) -> None:
    """Have Snakemake regenerate truncated and unfinished files, as far as they are part of its graph. Nothing is written.

    Args:
        workflow: Snakemake's, of the main process. The files are looked at when it builds its graph, so never for `--lint`.
        files: all files of the run.
        plan: list of outputs that `note_plan` wrote.
        report: receives one line for each truncated file that will be regenerated.
    """
    build = workflow._build_dag

    def build_with_forced_files() -> None:
        truncated = {str(path) for path in truncated_files(files)}
        workflow.dag.forcefiles |= truncated | set(_missing(plan))
        build()
        for path in sorted(truncated & set(planned_outputs(workflow.dag))):
            report(f"{path} is truncated and will be regenerated.")

    workflow._build_dag = build_with_forced_files


def planned_outputs(graph: Graph) -> list[str]:
    """Return the outputs of all jobs that will run, sorted."""
    return sorted(str(path) for job in graph.needrun_jobs() for path in job.output)


def note_plan(outputs: Iterable[str], plan: Path) -> None:
    """List the outputs of the steps that are about to run, with those that earlier calls did not finish.

    Raises:
        DataError: the list cannot be written.
    """
    _write({*outputs, *_missing(plan)}, plan)


def close_plan(plan: Path) -> None:
    """Remove all files that exist now from the list; remove the list if no file is left.

    Raises:
        DataError: the list cannot be written.
    """
    _write(set(_missing(plan)), plan)


def _missing(plan: Path) -> list[str]:
    try:
        listed = plan.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [line for line in listed if line and not Path(line).exists()]


def _write(outputs: set[str], plan: Path) -> None:
    if not outputs:
        plan.unlink(missing_ok=True)
        return
    with written_whole(plan) as temporary:
        temporary.write_text("".join(f"{path}\n" for path in sorted(outputs)), encoding="utf-8")
