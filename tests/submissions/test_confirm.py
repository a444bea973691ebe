"""A maintainer compares public and secret scores of a submission, and logs each comparison."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from atombench.commands import confirm as command
from atombench.engine.secret_key import VARIABLE, new_key
from atombench.errors import DataError
from atombench.records.confirmations import QUOTA, append, confirmed_answers, read_log
from atombench.submissions.confirm import confirm
from atombench.tasks.atom.queries import query_order
from tests.conftest import volume_set
from tests.submissions.conftest import NAME, Board, saved, write_yaml

DAY = date(2026, 11, 21)
FILES = {"public": "predictions/public.npz", "secret": "predictions/secret.npz"}


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Board]:
    place = tmp_path_factory.mktemp("secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("atombench.engine.secret_key.secrets.token_hex", lambda count: "5f" * count)  # scores depend on the key
        new_key(place / "key")
        patch.setenv(VARIABLE, str(place / "key"))
        volumes = volume_set((6, 3, 4))
        return {"public": saved(place / "results", volumes), "secret": saved(place / "results", volumes, "hard-secret")}


def correct(board: Board) -> np.ndarray:
    """Return the correct boxes of all cases, as anyone can compute them for a public board."""
    labels = board.manifest.parts["test"].take(query_order(board.manifest)).labels(board.manifest.grid).boxes
    table = np.zeros((len(board.questions.ids), 729), np.float32)
    for name, rows in board.questions.mixed.rows.items():
        table[rows] = labels[board.questions.mixed.asked[name]]
    return table


def submission(boards: dict[str, Board], place: Path, known: tuple[str, ...], team: str = "we") -> Path:
    """Write a submission with answers to both boards; of the known ones half of the sections are answered correctly."""
    folder = place / NAME
    (folder / "predictions").mkdir(parents=True)
    entries = []
    for name, board in boards.items():
        scores = board.answers()["boxes"]
        if name in known:
            scores = np.where(np.arange(len(scores))[:, None] % 2, correct(board), scores)
        np.savez(folder / FILES[name], query=np.array(board.questions.ids), boxes=scores)
        files = [{"seed": 1, "file": FILES[name]}]
        entries.append({"board": board.name, "queries": board.questions.digest, "predictions": files})
    write_yaml(folder, {**boards["public"].facts(), "team": team, "boards": entries})
    return folder


def test_a_method_that_is_as_good_on_the_secret_board_is_confirmed(boards: dict[str, Board], tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    (line,) = confirm(submission(boards, tmp_path, ("public", "secret")), log, DAY, boards["public"].results)
    assert line.confirmed
    assert (line.board, line.secret) == ("atom/toy/hard-none-x1", "atom/toy/hard-secret-none-x1")
    assert line.value == pytest.approx(round(line.value / line.width) * line.width)
    assert 0 < line.width < 0.5
    assert read_log(log) == [line]
    assert confirmed_answers([line]) == {(NAME, line.board, 1, line.predictions)}


def test_a_table_of_public_labels_is_not_confirmed(
    boards: dict[str, Board], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submission(boards, tmp_path, ("public",))
    command.run(folder, boards["public"].results, tmp_path / "log.csv")
    assert "NOT confirmed" in capsys.readouterr().out
    assert confirmed_answers(read_log(tmp_path / "log.csv")) == frozenset()


def test_a_submission_without_secret_answers_cannot_be_confirmed(boards: dict[str, Board], tmp_path: Path) -> None:
    folder = submission({"public": boards["public"]}, tmp_path, ("public",))
    with pytest.raises(DataError, match="has no answers to both a public board and the secret board"):
        confirm(folder, tmp_path / "log.csv", DAY, boards["public"].results)
    assert not (tmp_path / "log.csv").exists()


def test_the_quota_is_checked_before_anything_is_scored(
    boards: dict[str, Board], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.csv"
    folder = submission(boards, tmp_path, ("public", "secret"), team="We")
    (line,) = confirm(folder, log, date(2026, 11, 1), boards["public"].results)
    append(log, [line.model_copy(update={"scoring": 1 + number}) for number in range(1, QUOTA)])
    monkeypatch.setattr("atombench.submissions.confirm.score", lambda *arguments, **others: pytest.fail("scored"))
    with pytest.raises(DataError, match="on secret boards in 30 days"):
        confirm(folder, log, DAY, boards["public"].results)
    assert [line.scoring for line in read_log(log)] == list(range(1, QUOTA + 1))
