"""Test of docs/submitting.md: its commands run unchanged, and both kinds of submission appear on the board."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from atombench.tasks.atom.task import ATOM
from tests.conftest import ROOT
from tests.workflow.running import copied, environment, jobs, snakemake

pytestmark = [pytest.mark.long(minutes=3), pytest.mark.xdist_group("submitting")]
FENCE = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL = """
run: default
boards:
  - {datasets: [mni-subjects], gatherings: [hard, tissue]}
seeds: [1]
without: [random, section-only, volume-only, oracle-coarse, exhaustive]
methods:
"""
TRIAL = "trial.txt"
BOARD = "results/board/boards/atom-mni-subjects-tissue-none-x1.html"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout after all commands of the page, with a small default run to limit the time to minutes."""
    place = copied(tmp_path_factory.mktemp("submitter"))
    (place / "config/config.yaml").write_text(SMALL)
    for kind, about, text in FENCE.findall((ROOT / "docs/submitting.md").read_text()):
        if about.startswith("file="):
            (place / about.removeprefix("file=")).write_text(text)
        elif kind == "sh" and about != "skip":
            script = ["bash", "-euo", "pipefail", "-c", text]
            answer = subprocess.run(
                script,
                cwd=place,
                env=environment(place),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert answer.returncode == 0, f"{text}\n{answer.stdout[-5000:]}"
            if "atombench try " in text:
                (place / TRIAL).write_text(answer.stdout)
    return place


def test_a_trial_lists_the_method_and_all_controls(folder: Path) -> None:
    lines = (folder / TRIAL).read_text().splitlines()
    rows = {words[1]: words for words in map(str.split, lines) if len(words) > 2}
    assert {"grey-match", *ATOM.registry.controls} <= set(rows)
    assert rows["exhaustive"][0] == "1"
    assert float(rows["exhaustive"][2]) > 0.95
    assert any("volume-swap: " in line for line in lines)
    assert "1008 queries" in lines[-1]


def test_both_kinds_of_submission_appear_on_the_board(folder: Path) -> None:
    table = pd.read_csv(folder / "results/board/results.csv", dtype={"seed": str})
    primary = table[(table["protocol"] == "strict") & (table["metric"] == "fine_recall@1") & (table["seed"] == "all")]
    for gathering in ("hard", "tissue"):
        here = primary[primary["gathering"] == gathering].set_index("method")
        for method in ("grey-level", "grey-match", "constant"):
            assert here.loc[method, "status"] == "complete"
            assert here.loc[method, "ci_low"] <= here.loc[method, "value"] <= here.loc[method, "ci_high"]
        swaps = table[(table["gathering"] == gathering) & (table["method"] == "grey-match")]["protocol"]
        assert {"volume-swap", "section-swap"} <= set(swaps)  # swap tests apply to every submitted method
    page = (folder / BOARD).read_text()
    assert ">self-reported</span>" in page
    assert ">reproduced</span>" in page
    assert "<dt>team</dt>" in (folder / "results/board/methods/grey-level.html").read_text()


def test_a_score_computed_by_hand_repeats_no_job(folder: Path) -> None:
    subprocess.run(
        ["atombench", "score", "leaderboard/submissions/grey-level"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    assert jobs(snakemake(folder, "-n").stdout) == {}


def test_no_jobs_remain_and_a_rejected_submission_appears_on_the_board(folder: Path) -> None:
    assert jobs(snakemake(folder, "-n").stdout) == {}
    predictions = folder / "leaderboard/submissions/grey-level/predictions/tissue-none-x1-seed1.npz"
    predictions.write_bytes(predictions.read_bytes()[:1000])
    planned = jobs(snakemake(folder, "-n").stdout)
    assert planned["score"] == 1
    answer = snakemake(folder)
    assert answer.returncode == 0, answer.stdout
    page = (folder / BOARD).read_text()
    assert "is rejected: predictions/tissue-none-x1-seed1.npz: is not a valid npz file" in page


def test_an_empty_submission_folder_is_omitted_and_the_run_continues(folder: Path) -> None:
    odd = folder / "leaderboard/submissions/odd-one"
    odd.mkdir()
    answer = snakemake(folder, "-n")
    assert answer.returncode == 0
    assert "Left out: leaderboard/submissions/odd-one: submission.yaml: is missing" in answer.stdout
    odd.rmdir()
