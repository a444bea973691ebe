"""Tests of forced regeneration of truncated and unfinished files, and of the list of planned outputs."""

from dataclasses import dataclass, field
from pathlib import Path

from atombench.workflow.unfinished import close_plan, force_regeneration, note_plan


@dataclass
class Job:
    output: list[str]


@dataclass
class Graph:
    """A stand-in for the job graph of Snakemake, which runs the forced jobs."""

    jobs: list[Job]
    forcefiles: set[str] = field(default_factory=set)
    running: list[Job] = field(default_factory=list)

    def needrun_jobs(self) -> list[Job]:
        return self.running


class Workflow:
    def __init__(self, *outputs: str) -> None:
        self.outputs = outputs
        self.dag = Graph([])

    def prepare(self) -> None:
        self.dag = Graph([Job([output]) for output in self.outputs])

    def _build_dag(self) -> None:
        self.dag.running = [job for job in self.dag.jobs if self.dag.forcefiles & set(job.output)]


def built(workflow: Workflow, files: list[Path], plan: Path) -> tuple[set[str], list[str]]:
    """Return the outputs of the jobs that run, and the reported lines."""
    lines: list[str] = []
    force_regeneration(workflow, files, plan, lines.append)
    workflow.prepare()
    workflow._build_dag()
    return {output for job in workflow.dag.running for output in job.output}, lines


def test_truncated_files_are_forced_and_kept(tmp_path: Path) -> None:
    whole, truncated, elsewhere = (tmp_path / f"{name}.json" for name in ("whole", "truncated", "elsewhere"))
    whole.write_text("{}\n")
    truncated.write_text('{"a": ')
    elsewhere.write_text('{"a": ')
    workflow = Workflow(str(whole), str(truncated))  # `elsewhere` is not part of the graph
    running, lines = built(workflow, [whole, truncated, elsewhere], tmp_path / "plan")
    assert running == {str(truncated)}
    assert lines == [f"{truncated} is truncated and will be regenerated."]
    assert sorted(tmp_path.iterdir()) == sorted([whole, truncated, elsewhere])


def test_files_are_checked_only_when_the_graph_is_built(tmp_path: Path) -> None:
    path, workflow, lines = tmp_path / "late.json", Workflow(str(tmp_path / "late.json")), []
    force_regeneration(workflow, [path], tmp_path / "plan", lines.append)
    path.write_text('{"a": ')
    workflow.prepare()
    workflow._build_dag()
    assert len(lines) == 1


def test_a_planned_output_is_forced_until_it_exists(tmp_path: Path) -> None:
    first, second, plan = tmp_path / "first", tmp_path / "second", tmp_path / "plan"
    note_plan([str(first)], plan)
    note_plan([str(second)], plan)  # the next call planned something else; the first file is still missing
    assert built(Workflow(str(first), str(second)), [], plan) == ({str(first), str(second)}, [])
    first.touch()
    close_plan(plan)
    assert built(Workflow(str(first), str(second)), [], plan)[0] == {str(second)}
    second.touch()
    close_plan(plan)
    assert not plan.exists()
    first.unlink()
    assert built(Workflow(str(first), str(second)), [], plan)[0] == set()  # the user deleted it


def test_without_a_plan_nothing_is_forced_and_closing_it_has_no_effect(tmp_path: Path) -> None:
    close_plan(tmp_path / "plan")
    assert built(Workflow("some/file"), [], tmp_path / "plan") == (set(), [])
