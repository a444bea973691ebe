"""The page with cases of a board: volumes, sections, true and answered planes, and scores of the boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from atombench.pages.place import Place
from atombench.pages.rendering import embedded, rendered
from atombench.records.record import Record, first_runs
from atombench.tasks.atom.audit import Case
from atombench.tasks.atom.geometry import BOXES, BlockGrid
from atombench.tasks.atom.panels.pictures import case_picture, corners_of, edge_of, pixels_of
from atombench.tasks.atom.shown import Answer, Shown


def case_page(place: Place, cases: Sequence[Case], records: Sequence[Record], methods: Sequence[str]) -> str:
    """The page as HTML.

    Args:
        place: the board.
        cases: those that its audit holds.
        records: runs of the board.
        methods: whose answers are shown, in order.
    """
    grid = BlockGrid(edge_of(cases[0]) // BlockGrid(1).edge)
    answers = _answers(records, methods, {case.section for case in cases})
    content = {
        "edge": grid.edge, "section": len(pixels_of(cases[0].pixels)), "box": grid.fine_edge,
        "starts": grid.box_starts.tolist(),
        "cells": _cells(grid), "cases": [_case(case, grid) for case in cases],
        "methods": [
            {"name": name, "answers": {one.section: _answer(one, grid) for one in found.values()}}
            for name, found in answers.items()
        ],
    }  # fmt: skip
    lines = [
        (case, [(name, found.get(case.section)) for name, found in answers.items()], case_picture(case)) for case in cases
    ]  # fmt: skip
    data = embedded(json.dumps(content, ensure_ascii=False, allow_nan=False))
    return rendered(
        "atombench.tasks.atom.panels",
        "cases.html.j2",
        root="../",
        place=place,
        lines=lines,
        data=data,
        methods=list(answers),
        boxes=BOXES,
    )


def _answers(records: Sequence[Record], methods: Sequence[str], sections: set[int]) -> dict[str, dict[int, Answer]]:
    """Answers of the first seed of each method, by section."""
    first = first_runs(records)
    found: Mapping[str, dict[int, Answer]] = {
        name: {one.section: one for one in Shown.model_validate(first[name].own).answers if one.section in sections}
        for name in methods
        if name in first
    }
    return {name: one for name, one in found.items() if one}


def _case(case: Case, grid: BlockGrid) -> dict[str, Any]:
    corners = corners_of(case.centre, case.normal, grid).round(3).tolist()
    return {**case.model_dump(), "corners": corners}


def _answer(answer: Answer, grid: BlockGrid) -> dict[str, Any]:
    found = answer.model_dump(exclude={"section"})
    if answer.centre is not None and answer.normal is not None:
        found["corners"] = corners_of(answer.centre, answer.normal, grid).round(3).tolist()
    return found


def _cells(grid: BlockGrid) -> list[list[int]]:
    """Place of each box among all along each axis, 0 to 8; (729, 3)."""
    along = np.unique(grid.fine_starts)
    return np.searchsorted(along, grid.box_starts).tolist()
