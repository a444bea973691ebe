"""The task `atom`: find the box of the volume in which a small section was cut."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from atombench.engine.secret_key import read_key
from atombench.records.board import Board
from atombench.records.metric import STRICT
from atombench.tasks.atom.answers import FIELDS, KEPT_FIELDS
from atombench.tasks.atom.board import GATHERINGS, NAME, AtomBlock, AtomBoard
from atombench.tasks.atom.degradation.conditions import CONDITIONS
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.protocol import PRIMARY, PROTOCOL
from atombench.tasks.atom.secret import public_gathering
from atombench.tasks.task import Deferred, Task

if TYPE_CHECKING:
    from atombench.volumes.registry import DatasetRow


class Atom(Task):
    """ATOM (Wang et al., arXiv 2406.04105) with its published and its strict protocol; see docs/protocol.md."""

    name = "atom"
    small = "atom/mni-subjects/tissue-none-x1"
    title = "section in a volume"
    protocol = PROTOCOL
    block = AtomBlock
    conditions = CONDITIONS
    inputs = ("volume", "section")
    answers = FIELDS
    kept_fields = KEPT_FIELDS
    primary = (STRICT, PRIMARY)
    methods = METHODS
    references: ClassVar[tuple[str, ...]] = ("constant", "section-only", "exhaustive")

    metrics = Deferred("atombench.tasks.atom.specs:SPECS")
    draw = Deferred("atombench.tasks.atom.manifest:draw")
    count = Deferred("atombench.tasks.atom.splits:count")
    training = Deferred("atombench.tasks.atom.training:make_training")
    queries = Deferred("atombench.tasks.atom.queries:ask")
    check_complete = Deferred("atombench.tasks.atom.answers:check_complete")
    mix = Deferred("atombench.tasks.atom.exchanges:mix")
    kept = Deferred("atombench.tasks.atom.exchanges:best_boxes")
    hint = Deferred("atombench.tasks.atom.queries:query_labels")
    truth = Deferred("atombench.tasks.atom.metrics:make_truth")
    score = Deferred("atombench.tasks.atom.metrics:score")
    essence = Deferred("atombench.tasks.atom.metrics:best_boxes_of")
    score_exchanged = Deferred("atombench.tasks.atom.metrics:score_exchanged")
    clusters = Deferred("atombench.tasks.atom.metrics:clusters")
    strata = Deferred("atombench.tasks.atom.strata:strata")
    details = Deferred("atombench.tasks.atom.details:details")
    audit = Deferred("atombench.tasks.atom.audit:audit")
    preview = Deferred("atombench.tasks.atom.degradation.preview:preview")
    submission = Deferred("atombench.tasks.atom.submission:FORM")
    panels = Deferred("atombench.tasks.atom.panels:PANELS")
    load_manifest = Deferred("atombench.tasks.atom.manifest:load_manifest")

    def form(self, board: Board) -> str:
        """Return the curated form: cubes with the edge of the board's scale."""
        return AtomBoard.of(board).form

    def coordinates(self, board: Board) -> Mapping[str, str]:
        """Return gathering, split, scale and context."""
        parts = AtomBoard.of(board)
        return {
            "gathering": parts.gathering,
            "split": parts.split,
            "scale": str(parts.scale),
            "context": str(parts.context),
        }

    def board_title(self, board: Board) -> str:
        """Return the title of a board for display."""
        return AtomBoard.of(board).title

    def position(self, board: Board) -> int:
        """Return the position of the gathering: sections that show tissue come first, boards with an invalid name last."""
        match = NAME.fullmatch(board.name)
        gathering = match["gathering"] if match else ""
        return GATHERINGS.index(gathering) if gathering in GATHERINGS else len(GATHERINGS)

    def secret(self, board: Board) -> bool:
        """Return whether test poses are drawn with a maintainer's key."""
        return AtomBoard.of(board).secret

    def public_board(self, board: Board) -> Board:
        """Return the board with the public gathering of the same sampler."""
        parts = AtomBoard.of(board)
        return replace(board, name=replace(parts, gathering=public_gathering(parts.gathering)).name)

    def settings(self, row: DatasetRow) -> Mapping[str, str]:
        """Return the generator of the released code that draws the positions."""
        return {"variant": row.released_sampler}

    def key_digest(self, board: Board) -> str:
        """Return a digest of the key of a secret board, so that manifests are redrawn for another key; empty for public boards.

        Raises:
            ConfigError: the board is secret and the key is missing.
        """
        return hashlib.sha256(f"rule split {read_key()}".encode()).hexdigest() if self.secret(board) else ""


ATOM = Atom()
