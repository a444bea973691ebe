"""The example models in R and for MATLAB or Octave answer exported queries, and their answers are valid and equal."""

import shutil
import subprocess
from pathlib import Path

import pytest

from atombench.records.record import Record
from atombench.submissions.queries import write_queries
from atombench.submissions.score import score
from atombench.submissions.validate import validate
from tests.conftest import ROOT, needs
from tests.submissions.conftest import Board, write_yaml

EXAMPLES = ROOT / "docs/examples"
pytestmark = pytest.mark.long


def scored(board: Board, place: Path, program: str, *command: str) -> Record:
    """Run an example on the exported queries, with QUERIES and OUT replaced; validate and score its answers."""
    needs(shutil.which(program), program)
    folder = board.submission(place)
    out = folder / "predictions/a.csv"
    (folder / "predictions/a.npz").unlink()
    write_queries(board.made, place / "queries", training=True)
    words = [word.replace("QUERIES", str(place / "queries")).replace("OUT", str(out)) for word in command]
    subprocess.run([program, *words], cwd=EXAMPLES, check=True, capture_output=True)
    facts = board.facts()
    facts["boards"][0]["predictions"][0]["file"] = "predictions/a.csv"
    write_yaml(folder, facts)
    assert validate(folder, results=board.results)[1] == []
    (record,) = score(folder, board.results)
    return record


def test_the_examples_in_r_and_octave_give_equal_and_useful_answers(board: Board, tmp_path: Path) -> None:
    in_r = scored(board, tmp_path / "r", "Rscript", "answer.R", "QUERIES", "OUT")
    in_octave = scored(board, tmp_path / "m", "octave", "--no-gui", "--eval", "answer('QUERIES', 'OUT')")
    assert in_r.answers == in_octave.answers
    found = in_r.find("strict", "fine_recall@10")
    assert found is not None
    assert found.chance is not None
    assert found.value > found.chance
