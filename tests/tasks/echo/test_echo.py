"""A new task is a folder and a line in the table: `echo` passes through every rule without any other change."""

import json
import sqlite3
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.records.record import load_record
from atombench.records.run import Run
from atombench.submissions.questions import Questions
from atombench.tasks.made_board import MadeBoard
from atombench.volumes.curated import Curated
from tests.tasks.echo.task import ECHO
from tests.workflow.running import copied, environment, jobs, snakemake

pytestmark = pytest.mark.long
LINE = '    "atom": "atombench.tasks.atom.task:ATOM",\n'
BOARD = Board("echo", "mni-subjects", "default")
SMALL = """
run: echo
boards:
  - {task: echo, datasets: [mni-subjects], conditions: [clean, noise-1]}
seeds: [1]
methods:
  repeat:
"""
CARD = dict.fromkeys(("title", "note", "team", "licence", "training_data", "compute"), "made up")
ADDRESSES = dict.fromkeys(("contact", "paper", "code", "commit"), "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with the task in the table, after a run and a second run with a submission."""
    place = copied(tmp_path_factory.mktemp("echo"))
    table = place / "atombench/tasks/table.py"
    table.write_text(table.read_text().replace(LINE, LINE + '    "echo": "tests.tasks.echo.task:ECHO",\n'))
    (place / "echo.yaml").write_text(SMALL)
    first = snakemake(place, "--configfile", "echo.yaml")
    assert first.returncode == 0, first.stdout[-5000:]
    submit(place)
    second = snakemake(place, "--configfile", "echo.yaml")
    assert second.returncode == 0, second.stdout[-5000:]
    return place


def submit(place: Path) -> None:
    """Submit answers with an error of one half, as ragged columns."""
    layout = Layout(place / "results")
    data, manifest = Curated.open(layout.curated(BOARD.dataset, "cube20")), ECHO.load_manifest(layout.manifest(BOARD))
    questions = Questions.of(MadeBoard(BOARD, ECHO, data, manifest))
    rows = [numbers + 0.5 for numbers in ECHO.truth(data, manifest)]
    folder = place / "leaderboard/submissions/half-off"
    (folder / "predictions").mkdir(parents=True)
    table = pa.table({"query": list(questions.ids), "values": pa.array([row.tolist() for row in rows])})
    pq.write_table(table, folder / "predictions/seed1.parquet")
    file = {"seed": 1, "file": "predictions/seed1.parquet"}
    facts = {
        "submission_version": 1,
        "task": "echo",
        "protocol": ECHO.protocol,
        "name": "half-off",
        **CARD,
        **ADDRESSES,
        "parameters": 0,
        "seeds": [1],
        "boards": [{"board": "mni-subjects/default", "queries": questions.digest, "predictions": [file]}],
    }
    (folder / "submission.yaml").write_text(json.dumps(facts))


def test_records_contain_the_metrics_of_the_task_under_each_condition(folder: Path) -> None:
    layout = Layout(folder / "results")
    values = {}
    for method, condition in (("repeat", "clean"), ("repeat", "noise-1"), ("silent", "clean")):
        record = load_record(layout.record(Run.of(BOARD, method, 1, condition)))
        metric = record.find(*ECHO.primary)
        assert metric is not None
        assert metric.chance is None
        values[method, condition] = metric.value
    assert values["repeat", "clean"] == 0
    assert values["repeat", "noise-1"] == pytest.approx(0.1)
    assert values["silent", "clean"] > 0.2


def test_a_method_is_trained_once_for_all_conditions(folder: Path) -> None:
    logs = sorted(path.name for path in (folder / "logs/train").iterdir())
    assert logs == [f"echo-mni-subjects-default-{method}-1.log" for method in ("repeat", "silent")]
    assert len(list((folder / "logs/predict").iterdir())) == 4


def test_the_results_table_contains_the_task(folder: Path) -> None:
    table = pd.read_csv(folder / "results/board/results.csv", dtype={"seed": str})
    rows = table[(table["task"] == "echo") & (table["seed"] == "all")]
    assert set(zip(rows["degradation"], rows["severity"], strict=True)) == {("clean", 0), ("noise", 1)}
    clean = rows[rows["condition"] == "clean"].set_index("method")
    assert clean["value"]["repeat"] == 0
    assert clean["value"]["half-off"] == pytest.approx(0.5)
    assert clean["origin"].to_dict() == {"repeat": "measured", "silent": "measured", "half-off": "self-reported"}


def test_the_board_has_a_page_for_each_condition(folder: Path) -> None:
    page = (folder / "results/board/boards/echo-mni-subjects-default.html").read_text()
    assert page.index(">repeat</bdi>") < page.index(">silent</bdi>")
    assert "self-reported" in page
    assert "uniform random" not in page  # the task has no chance level
    assert (folder / "results/board/boards/echo-mni-subjects-default-noise-1.html").is_file()


def test_mlflow_contains_an_experiment_of_the_task(folder: Path) -> None:
    with sqlite3.connect(folder / "results/mlflow/mlflow.db") as store:
        names = [name for (name,) in store.execute("select name from experiments")]
        runs = store.execute("select count(*) from runs where lifecycle_stage = 'active'").fetchone()
    assert f"echo, protocol {ECHO.protocol}" in names
    assert runs == (5,)


def test_a_second_run_has_no_jobs(folder: Path) -> None:
    assert jobs(snakemake(folder, "--configfile", "echo.yaml", "-n").stdout) == {}


def test_editing_the_task_reruns_no_step_of_atom(folder: Path) -> None:
    tiny = ("--configfile", "tests/workflow/tiny.yaml", "-n")
    before = jobs(snakemake(folder, *tiny).stdout)
    path = folder / "tests/tasks/echo/task.py"
    path.write_text(path.read_text() + "\n# edited\n")
    assert jobs(snakemake(folder, *tiny).stdout) == before
    again = jobs(snakemake(folder, "--configfile", "echo.yaml", "-n").stdout)
    assert {"split", "train_cpu", "predict_cpu", "evaluate", "score"} <= set(again)
    assert not {"fetch", "curate"} & set(again)


def test_editing_the_labels_of_atom_does_not_rerun_curation(folder: Path) -> None:
    path = folder / "atombench/tasks/atom/labels.py"
    path.write_text(path.read_text() + "\n# edited\n")
    planned = jobs(snakemake(folder, "--configfile", "tests/workflow/tiny.yaml", "-n").stdout)
    assert not {"fetch", "curate"} & set(planned)
    assert environment(folder)["PYTHONPATH"] == str(folder)
