"""A synthetic task: distance of an answer from the truth in mm (median over queries); lower is better."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest

from atombench.engine.entry import Entry
from atombench.records.board import CLEAN, Board
from atombench.records.metric import MetricSpec
from atombench.records.record import Metric, Record
from atombench.records.run import Run
from atombench.statistics.bootstrap import Clustered, Grouped
from atombench.tasks.table import TASKS, find_task
from atombench.tasks.task import Block, Task
from tests.records.made import example, metric_of

NAME = "distance"
CLUSTER = np.repeat(np.arange(20), 10)
MODULE = "tests.board.nowhere"  # does not exist, since pages never import methods


class Distance(Task):
    """A task without panels and chance level, with one exchange and a second metric (higher is better)."""

    name = NAME
    title = "distance in mm"
    block = Block
    protocol = "0.3"
    inputs = ("slide",)
    answers = ()
    metrics = (
        MetricSpec("strict", "error", "mm", "error, mm", "median distance", higher_is_better=False, statistic="median"),
        MetricSpec("slide-swap", "error", "mm", "error, slides swapped", "median distance", higher_is_better=False),
        MetricSpec("strict", "inside", "share", "inside", "share of answers within 5 mm"),
    )
    primary = ("strict", "error")
    methods: ClassVar[dict[str, Entry]] = {
        "middle": Entry(MODULE, "Middle", "control", False, "answers the middle", required=True),
        "finder": Entry(MODULE, "Finder", "network", True, "finds it", learned=True),
    }
    references = ("middle",)


DISTANCE = Distance()


@contextmanager
def known() -> Iterator[None]:
    """Register the task in the table of tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, NAME, "tests.board.made_task:DISTANCE")
        yield
    find_task.cache_clear()


def error_of(protocol: str, values: Any, name: str = "error") -> Metric:
    """Return the median error of 200 queries of 20 volumes."""
    return metric_of(protocol, name, Grouped(np.asarray(values, dtype=np.float64), CLUSTER, 20), None)


def run_of(method: str, mm: float, swapped: float | None = None, name: str = "b1", condition: str = CLEAN) -> Record:
    """Return a record with errors around `mm` (mm), and around `swapped` (mm) with slides exchanged."""
    errors = mm * np.random.default_rng([len(method), int(mm)]).uniform(0.5, 1.5, 200)
    metrics = [error_of("strict", errors), metric_of("strict", "inside", Clustered.of(errors < 5, CLUSTER, 20), None)]
    if swapped is not None:
        metrics[1:1] = [error_of("slide-swap", errors * swapped / mm), error_of("slide-swap", errors, "own_error")]
    role = DISTANCE.methods[method].role if method in DISTANCE.methods else "network"
    run = Run.of(Board(NAME, "elsewhere", name), method, 1, condition)
    return example(method, run=run, metrics=metrics, role=role, protocol_version="0.3", own={}, about={"parameters": 10})
