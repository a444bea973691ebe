"""Tests of the first command of the README in a fresh clone with an empty home, and of later calls."""

import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.browser.checks import check_site
from tests.conftest import ROOT, needs
from tests.workflow.running import PREDICTIONS, RECORDS, digests, jobs

pytestmark = [pytest.mark.long(minutes=10), pytest.mark.xdist_group("default run")]
BOARDS = (("tissue", "clean"), ("tissue", "histology-3"), ("hard", "clean"))
KEPT = re.compile(r"PIP_|UV_|(https?|no)_proxy|(HTTPS?|NO)_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|PATH$")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone of the committed files after `make run`."""
    needs((ROOT / ".git").exists(), "not a git checkout")
    place = tmp_path_factory.mktemp("newcomer")
    subprocess.run(["git", "clone", "-q", ROOT, place / "project"], check=True)
    (place / "home").mkdir()
    answer = call(place / "project", "make", "run", "CORES=2")
    assert answer.returncode == 0, answer.stdout[-5000:]
    return place / "project"


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a new user with access to the package index only; output and errors are in `stdout`."""
    config = os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    kept = {name: value for name, value in os.environ.items() if KEPT.match(name)}
    env = {**kept, "HOME": str(folder.parent / "home"), "XDG_CONFIG_HOME": config, "LANG": "C.UTF-8"}
    return subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def snakemake(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return call(clone, "env", f"PATH={clone / '.venv/bin'}:{os.environ['PATH']}", "snakemake", "--cores", "2", *arguments)


def test_the_default_run_writes_results_of_controls_and_networks_with_seeds_and_intervals(clone: Path) -> None:
    table = pd.read_csv(clone / "results/board/results.csv", dtype={"seed": str})
    primary = table[(table["protocol"] == "strict") & (table["metric"] == "fine_recall@1")]
    for gathering, condition in BOARDS:
        here = primary[(primary["gathering"] == gathering) & (primary["condition"] == condition)].set_index(["method", "seed"])
        for method in ("random", "section-only", "volume-only", "oracle-coarse", "regismcan-released", "regismcan"):
            for seed in ("1", "2", "all"):
                row = here.loc[(method, seed)]
                assert row["ci_low"] <= row["value"] <= row["ci_high"]
        assert here.loc[("constant", "1"), "n_volumes"] == 24
        if condition == "clean":  # the search finds what is undamaged; 300 steps are enough for the described network to learn
            assert here.loc[("exhaustive", "1"), "value"] > 0.95
            assert here.loc[("regismcan", "all"), "value"] > 2 * here.loc[("constant", "all"), "value"]
        else:
            assert here.loc[("exhaustive", "1"), "value"] < 0.1
    assert set(table["status"]) == {"complete", "theory"}
    swaps = table[(table["protocol"] == "volume-swap") & (table["seed"] != "all")]
    swaps = swaps.set_index(["gathering", "method", "seed", "condition"])
    own = swaps[swaps["metric"] == "own_fine_recall@1"]["value"]
    for run, row in swaps[swaps["metric"] == "fine_recall@1"].iterrows():
        if run[1] in ("regismcan-released", "section-only"):  # neither method uses the volume
            assert row["value"] == pytest.approx(own[run], abs=0.002)  # sums in another order may decide a tie


def test_the_clone_stays_clean(clone: Path) -> None:
    answer = call(clone, "git", "status", "--porcelain")
    assert answer.stdout == ""


def test_a_second_call_installs_and_runs_nothing(clone: Path) -> None:
    before = digests(clone, "results/board/index.html", RECORDS)
    answer = call(clone, "make", "run", "CORES=2")
    assert answer.returncode == 0
    assert "pip install" not in answer.stdout
    assert jobs(answer.stdout) == {}
    assert digests(clone, "results/board/index.html", RECORDS) == before


def test_a_changed_note_or_dataset_text_only_rebuilds_the_board(clone: Path) -> None:
    table, registry = clone / "atombench/tasks/atom/methods/table.py", clone / "config/datasets.yaml"
    before = {path: path.read_text() for path in (table, registry)}
    table.write_text(before[table].replace("uniform random scores: the true chance level", "chance, drawn"))
    registry.write_text(before[registry].replace("A test bed that needs no download", "A test bed"))
    try:
        planned = jobs(snakemake(clone, "-n").stdout)
    finally:
        for path, text in before.items():
            path.write_text(text)
    assert planned == {"board": 1, "all": 1}


def test_the_site_opens_in_a_browser(clone: Path) -> None:
    check_site(clone / "results/board", boards=3)


def test_the_workflow_passes_lint_and_writes_a_report(clone: Path) -> None:
    lint = snakemake(clone, "--lint")
    assert lint.returncode == 0
    assert "Congratulations" in lint.stdout
    report = snakemake(clone, "--report", str(clone.parent / "report.zip"))
    assert report.returncode == 0, report.stdout
    assert (clone.parent / "report.zip").stat().st_size > 10_000


def test_only_a_deleted_store_is_rebuilt(clone: Path) -> None:
    (clone / "results/mlflow/mlflow.db").unlink()
    assert jobs(snakemake(clone, "-n").stdout) == {"all": 1, "track": 1}
    assert snakemake(clone).returncode == 0
    assert (clone / "results/mlflow/mlflow.db").stat().st_size > 100_000


def test_a_changed_option_reruns_only_its_method(clone: Path) -> None:
    text = (clone / "config/config.yaml").read_text()
    changed = clone.parent / "changed.yaml"
    changed.write_text(text.replace("regismcan: {steps: 300}", "regismcan: {steps: 301}"))
    planned = jobs(snakemake(clone, "-n", "--configfile", str(changed)).stdout)
    last = {"collect": 1, "board": 1, "track": 1, "all": 1}
    assert planned == {"train": 4, "predict": 6, "evaluate": 6, **last}


def test_the_matrix_of_the_paper_can_be_planned_as_a_whole_and_in_parts(clone: Path) -> None:
    whole = jobs(snakemake(clone, "-n", "--configfile", "config/paper.yaml").stdout)
    boards, datasets = 4 * 2 * 3 + 4 * 2, 8
    assert whole["split"] == whole["audit_board"] == boards
    assert whole["curate"] == whole["audit_data"] == datasets
    networks, others = boards * 3 * 4, boards * (3 * 2 + 2)  # three seeds, but for two methods that need none
    assert (whole["train"], whole["train_cpu"]) == (whole["predict"], whole["predict_cpu"]) == (networks, others)
    assert whole["evaluate"] == networks + others
    command = next(line for line in (clone / "docs/adni.md").read_text().splitlines() if line.startswith("snakemake "))
    part = jobs(snakemake(clone, "-n", *command.split()[3:]).stdout)
    assert part == {"fetch": 1, "curate": 1, "split": 1, "train_cpu": 1, "predict_cpu": 1, "evaluate": 1}


def test_a_code_change_of_a_method_reruns_that_method(clone: Path) -> None:
    path = clone / "atombench/tasks/atom/methods/constant.py"
    before = path.read_text()
    path.write_text(before + "\n# changed\n")
    try:
        dry = jobs(snakemake(clone, "-n").stdout)
        assert dry == {"train_cpu": 2, "predict_cpu": 3, "evaluate": 3, "collect": 1, "board": 1, "track": 1, "all": 1}
        predictions = PREDICTIONS.replace("*/seed*", "constant/seed1")
        kept = digests(clone, predictions)
        answer = snakemake(clone)
        assert answer.returncode == 0, answer.stdout
        assert digests(clone, predictions) == kept
        assert jobs(snakemake(clone, "-n").stdout) == {}
    finally:
        path.write_text(before)


def test_a_code_change_of_the_sampler_reruns_all_steps_after_curation(clone: Path) -> None:
    path = clone / "atombench/tasks/atom/sampling.py"
    before = path.read_text()
    path.write_text(before + "\n# changed\n")
    try:
        planned = jobs(snakemake(clone, "-n").stdout)
    finally:
        path.write_text(before)
    assert planned["split"] == planned["audit_board"] == 2
    assert planned["train"] + planned["train_cpu"] == 28
    assert planned["predict"] + planned["predict_cpu"] == planned["evaluate"] == 42
    assert "fetch" not in planned
    assert "curate" not in planned
