"""The base of all tasks: defaults, deferred attributes, and the modules that a step uses."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from atombench.engine.answers import Answers, Field
from atombench.engine.entry import Entry
from atombench.errors import ConfigError, DataError
from atombench.records.board import CLEAN, Board
from atombench.records.metric import STRICT, MetricSpec
from atombench.statistics.values import Values
from atombench.tasks import table
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import statistic_of
from atombench.tasks.table import TASKS, find_task, protocol_version_of
from atombench.tasks.task import PARTS, REQUIRED, Asked, Block, Deferred, Details, Task, modules_of, spec_of

BOARD = Board("depth", "toy", "default")


class DepthBlock(Block):
    """Boards of the task."""


class Depth(Task):
    """A minimal task."""

    name = "depth"
    title = "depth of a section"
    block = DepthBlock
    answers = (Field("depth", 1),)
    metrics = (MetricSpec(STRICT, "error", "mm", "error", "distance", higher_is_better=False, statistic="median"),)
    primary = (STRICT, "error")
    methods: ClassVar[dict[str, Entry]] = {}

    def score(self, answers: Answers, truth: Any) -> list[Values]:
        """Return distances under two protocols."""
        distances = np.abs(np.asarray(answers.get("depth"))[:, 0] - truth)
        counted = np.ones(len(truth), dtype=bool)
        return [Values(protocol, "error", distances, counted) for protocol in (STRICT, "other")]


class FakeManifest:
    """A manifest of the task without queries."""

    board, digest, data_digest = BOARD, "m", "d"


def test_a_simple_task_has_defaults() -> None:
    task = Depth()
    assert task.protocol == "1.0"
    assert task.conditions == (CLEAN,) == ("clean",)
    assert task.coordinates(BOARD) == {"board": "default"}
    assert task.board_title(BOARD) == "default"
    assert not task.secret(BOARD)
    assert task.settings(None) == {}
    assert task.key_digest(BOARD) == ""
    assert task.count(BOARD, ["train"], {}) is None
    assert task.strata(None, None, None) == {}
    assert task.details(Answers(), None, None, None, [], True) == Details()
    assert list(task.mix("queries", None).rows) == ["true"]
    assert task.public_board(BOARD) == BOARD
    assert task.submission is task.panels is None
    task.check_complete(Answers())
    answers = Answers(depth=np.zeros((1, 1)))
    assert task.kept(answers, None) is answers
    assert task.registry.task == "depth"
    assert task.registry.fields == task.answers


def test_the_default_audit_is_empty() -> None:
    found = Depth().audit(None, FakeManifest())
    assert (found.board, found.manifest, found.data) == (BOARD, "m", "d")
    assert (found.lines, found.numbers, found.own, found.pictures) == ([], {}, {}, {})


@pytest.mark.parametrize(
    ("part", "arguments"),
    [
        ("form", (BOARD,)),
        ("draw", (None, BOARD, {})),
        ("load_manifest", (Path("x"),)),
        ("training", (None, None)),
        ("queries", (None, None)),
        ("hint", (None, None)),
        ("truth", (None, None)),
        ("clusters", (None, None)),
    ],
)
def test_a_missing_required_part_is_named_in_the_error(part: str, arguments: tuple) -> None:
    with pytest.raises(TypeError, match=f"the task 'depth' must define '{part}'; see atombench/tasks/task.py"):
        getattr(Depth(), part)(*arguments)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_task_without_a_required_attribute_cannot_be_defined(name: str) -> None:
    members = {required: getattr(Depth, required) for required in REQUIRED if required != name}
    with pytest.raises(TypeError, match=f"must define '{name}'"):
        type("Incomplete", (Task,), members)


def test_a_metric_without_a_specification_is_refused() -> None:
    values = Values(STRICT, "colour", np.zeros(2), np.ones(2, dtype=bool))
    with pytest.raises(TypeError, match="the task 'depth' has no MetricSpec for its metric strict colour"):
        statistic_of(Depth(), values)


def test_answers_to_exchanged_inputs_are_scored_by_the_primary_metric() -> None:
    kept, truth = Answers(depth=np.array([[1.0], [4.0]])), np.array([1.0, 1.0])
    (found,) = Depth().score_exchanged("volume-swap", kept, truth, np.array([1, 0]))
    assert (found.protocol, found.metric, statistic_of(Depth(), found)) == ("volume-swap", "error", "median")
    assert found.values.tolist() == [0, 3]


def test_a_block_without_parts_has_one_board_per_dataset() -> None:
    block = DepthBlock(task="depth", datasets=["a", "b"])
    assert [board.key for board in block.boards()] == ["depth/a/default", "depth/b/default"]
    assert block.conditions == [CLEAN]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"datasets": ["a", "a"]}, "'a' is listed more than once"),
        ({"datasets": []}, "at least 1 item"),
        ({"datasets": ["a"], "conditions": []}, "at least 1 item"),
        ({"datasets": ["a"], "conditions": ["clean", "clean"]}, "'clean' is listed more than once"),
        ({"datasets": ["a"], "colour": "red"}, "Extra inputs"),
    ],
)
def test_an_invalid_block_is_rejected(content: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DepthBlock(task="depth", **content)


def test_a_metric_is_found_by_protocol_and_name() -> None:
    assert spec_of(Depth(), (STRICT, "error")).statistic == "median"
    assert spec_of(ATOM, ATOM.primary).higher_is_better
    with pytest.raises(KeyError):
        spec_of(Depth(), (STRICT, "colour"))


class Late(Depth):
    """A task with parts in other modules."""

    draw = Deferred("json:dumps")
    load_manifest = Deferred("decimal:Decimal")
    truth = Deferred("no.such.module:truth")


def test_a_deferred_part_is_imported_at_first_use() -> None:
    import json

    assert Late().draw is json.dumps
    assert Late.draw is json.dumps
    late = Late()
    with pytest.raises(ModuleNotFoundError, match="No module named 'no'"):
        _ = late.truth


def test_a_step_uses_only_the_modules_of_its_parts() -> None:
    assert modules_of(Late(), "split") == ("json", __name__)
    assert modules_of(Late(), "train") == ("decimal", __name__)
    assert modules_of(Late(), "evaluate") == ("decimal", "no.such.module", __name__)
    assert modules_of(Depth(), "train") == (__name__,)
    assert modules_of(Depth(), "audit") == ("atombench.audit.record", __name__)


@pytest.mark.parametrize("step", PARTS)
def test_the_parts_of_every_step_are_attributes_of_every_task(step: str) -> None:
    for name in TASKS:
        task = find_task(name)
        assert [part for part in PARTS[step] if not hasattr(task, part)] == []
    assert [part for part in PARTS[step] if not hasattr(Depth(), part)] == []


def test_every_deferred_part_of_a_task_can_be_imported() -> None:
    for name in TASKS:
        task = find_task(name)
        deferred = [part for part, value in vars(type(task)).items() if isinstance(value, Deferred)]
        assert deferred
        assert all(getattr(task, part) is not None for part in deferred)


def test_the_number_of_queries_is_the_number_of_their_rows() -> None:
    assert len(Asked("queries", np.arange(3))) == 3


def test_tasks_are_found_by_name_and_the_nearest_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_task("atom") is ATOM
    assert protocol_version_of("atom") == ATOM.protocol
    with pytest.raises(ConfigError, match="unknown task 'atm'; did you mean 'atom'"):
        find_task("atm")
    with pytest.raises(DataError, match="unknown task 'atm'; did you mean 'atom'"):
        protocol_version_of("atm")
    monkeypatch.setitem(table.TASKS, "depth", f"{__name__}:Depth")
    assert find_task("depth") is Depth
