"""Keys of boards, settings and runs: names of any kind come back from them, and nonsense is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atombench.errors import ConfigError, DataError
from atombench.records.board import Board, Setting, quoted, unquoted
from atombench.records.run import Run

NAMES = st.text(min_size=1, max_size=8) | st.text(alphabet="/%2F5a", min_size=1, max_size=8)
BOARD = Board("atom", "toy", "hard-none-x1")


def test_a_board_is_read_with_and_without_its_task() -> None:
    assert Board.read("toy/hard-none-x1") == Board.read("atom/toy/hard-none-x1") == BOARD
    assert Board.read("toy/hard-none-x1", "partial") == Board("partial", "toy", "hard-none-x1")
    assert Board.read("atom/toy/hard-none-x1", "partial") == BOARD
    assert (BOARD.key, str(BOARD), BOARD.slug) == ("atom/toy/hard-none-x1", "atom/toy/hard-none-x1", "atom-toy-hard-none-x1")
    assert BOARD.path == Path("atom/toy/hard-none-x1")


@pytest.mark.parametrize("text", ["", "toy", "a/b/c/d", "../toy/x", "toy/../x", "Toy/x", "toy/", "/toy", "toy/x\n", "toy/x y"])
def test_text_that_names_no_board_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a board such as atom/mni-subjects/uniform-none-x1, got"):
        Board.read(text)


@given(NAMES)
def test_a_quoted_name_has_no_slash_and_comes_back(name: str) -> None:
    assert "/" not in quoted(name)
    assert unquoted(quoted(name)) == name


@given(NAMES, NAMES, NAMES, NAMES, NAMES, st.integers(-(2**31), 2**31))
def test_a_run_and_its_setting_are_read_back_from_their_keys(
    task: str, dataset: str, name: str, condition: str, method: str, seed: int
) -> None:
    run = Run.of(Board(task, dataset, name), method, seed, condition)
    assert Run.of_key(run.key) == run
    assert Setting.of_key(run.setting.key) == run.setting
    assert run.key.startswith(f"{run.setting.key}/")


@pytest.mark.parametrize("key", ["", "nonsense", "atom/toy/hard-none-x1", "atom/toy//clean", "a/b/c/d/e"])
def test_text_that_names_no_setting_is_refused(key: str) -> None:
    with pytest.raises(DataError, match="expected TASK/DATASET/BOARD/CONDITION, got"):
        Setting.of_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "nonsense",
        "a/b/c",
        "atom/toy/hard-none-x1/clean/constant",
        "atom/toy/hard-none-x1/clean/constant/1",
        "atom/toy/hard-none-x1/clean/constant/seedone",
        "atom/toy/hard-none-x1/clean/constant/seed",
        "atom/toy/hard-none-x1/clean/constant/seed--1",
        "atom/toy/hard-none-x1/clean/constant/seed\u0661",
        "atom/toy/hard-none-x1/clean//seed1",
        "atom/toy/hard/none/1/clean/0/constant/seed1",
    ],
)
def test_text_that_names_no_run_is_refused(key: str) -> None:
    with pytest.raises(DataError, match="expected a run such as atom/DATASET/BOARD/clean/METHOD/seed1, got"):
        Run.of_key(key)


@pytest.mark.parametrize(
    ("condition", "degradation", "severity"),
    [
        ("clean", "clean", 0),
        ("histology-3", "histology", 3),
        ("blur-tear-12", "blur-tear", 12),
        ("t2w", "t2w", 0),
        ("-1", "-1", 0),
    ],
)
def test_a_condition_has_a_name_and_a_level(condition: str, degradation: str, severity: int) -> None:
    setting = Setting(BOARD, condition)
    assert (setting.degradation, setting.severity) == (degradation, severity)


def test_conditions_of_a_board_are_settings_of_their_own() -> None:
    clean, damaged = (Run.of(BOARD, "mcan", 2, condition) for condition in ("clean", "histology-1"))
    assert clean.board == damaged.board
    assert clean.setting != damaged.setting
    assert damaged.key == "atom/toy/hard-none-x1/histology-1/mcan/seed2"
    assert sorted([damaged, clean], key=lambda run: run.order) == [clean, damaged]
