"""The static pages: one folder that opens from the file system, without network and, for the tables, without script."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from atombench import PROTOCOL, __version__
from atombench.audit.record import BoardFindings
from atombench.audit.tables import board_table
from atombench.board.breakdown import by_stratum, distribution_figure, stratum_table
from atombench.board.cards import Card, Findings, audit_lines, current, make_cards
from atombench.board.figures import score_figure
from atombench.board.paper import SHOWN as PAPER_METHODS
from atombench.board.paper import PaperRow, paper_lines, paper_volumes, tables
from atombench.board.paper import findings as paper_findings
from atombench.board.standings import blind, comparison_table, rank
from atombench.board.tables import ALL_SEEDS, BOARD_COLUMNS, CHANCE, long_table
from atombench.board.transfer import transfers
from atombench.errors import ConfigError
from atombench.evaluation.protocols import PRIMARY
from atombench.evaluation.record import Record
from atombench.files import written_whole
from atombench.methods.label import Label
from atombench.methods.registry import entry_of
from atombench.methods.table import CONTROLS
from atombench.runs import LostRun, Result
from atombench.volumes.registry import DatasetRow
from atombench.volumes.volume_set import SPLITS


@dataclass(frozen=True)
class Column:
    """A column of a board's table: which metric, its heading, and what it means."""

    protocol: str
    metric: str
    heading: str
    meaning: str
    share: bool = True


SHOWN = (
    Column(
        "strict",
        "fine_recall@1",
        "recall@1",
        "share of sections whose best-scored box of 729 is correct; ranked",
    ),
    Column(
        "volume-swap",
        "fine_recall@1",
        "volumes swapped",
        "recall@1 when each volume is replaced by another test volume; a method that does not fall does not look at it",
    ),
    Column(
        "section-swap",
        "fine_recall@1",
        "sections swapped",
        "recall@1 when each section is replaced by one of another volume",
    ),
    Column("strict", "fine_recall@5", "recall@5", "one of the five best-scored boxes is correct"),
    Column("strict", "fine_recall@10", "recall@10", "one of the ten best-scored boxes is correct"),
    Column("strict", "mean_reciprocal_rank", "MRR", "mean of 1 / rank of the best-ranked correct box"),
    Column("strict", "coarse_recall@1", "coarse@1", "the best of 27 coarse blocks, by summed scores, is correct"),
    Column(
        "strict",
        "centre_voxel",
        "centre",
        "distance of the predicted centre, in voxels; methods that give a pose",
        False,
    ),
    Column("published", "high@5", "high@5", "as in the paper: the five best coarse blocks contain a correct one"),
    Column(
        "published",
        "oracle_low@5",
        "oracle low@5",
        "as in the paper: the label opens the block, then the five best boxes",
    ),
)


def build_board(
    results: list[Result],
    datasets: dict[str, DatasetRow],
    out: Path,
    left_out: Sequence[str] = (),
    findings: Sequence[Findings] = (),
    paper: Sequence[PaperRow] = (),
    lost: Sequence[LostRun] = (),
) -> None:
    """Write `results.csv`, `index.html`, a card for each audited dataset and what the pages need into a folder.

    Args:
        results: all records to show.
        datasets: the registry, for titles and licences.
        out: the folder.
        left_out: records that are not shown, with the reason.
        findings: audits of datasets and boards.
        paper: the published tables, for the page that shows them beside our runs.
        lost: units that ended without a record.

    Raises:
        DataError: a file cannot be written.
    """
    records = sorted((result.record for result in results), key=lambda record: record.unit.key)
    findings = current(findings)
    cards = make_cards(findings, datasets)
    places = sorted({record.unit.board for record in records})
    named = {"/".join(map(str, place)): [record for record in records if record.unit.board == place] for place in places}
    table = long_table(records, lost)
    audits = _audits(findings, cards)
    boards = [_board(place, records, table, datasets, audits, lost) for place in places]
    left_out = [*left_out, *(f"{one.unit.key}: {one.reason}" for one in lost if one.unit.board not in places)]
    frames = {
        "results.csv": table,
        "comparisons.csv": comparison_table(records),
        "strata.csv": stratum_table(named),
        "audit.csv": audit_lines(findings),
    }
    pages = {"index.html": _start_page(records, boards, cards, left_out, bool(paper))}
    pages |= {card.link: _rendered("dataset.html.j2", root="../", card=card, splits=SPLITS) for card in cards}
    if lines := paper_lines(paper, records, datasets):
        pages["paper.html"] = _rendered(
            "paper.html.j2", tables=tables(lines), methods=PAPER_METHODS, findings=paper_findings(lines, records),
            volumes=paper_volumes(datasets),
        )  # fmt: skip
    _write(out, frames, pages)


def _start_page(
    records: list[Record], boards: list[dict[str, Any]], cards: list[Card], left_out: Sequence[str], paper: bool
) -> str:
    commits = sorted({cost.commit[:12] + ("+" if cost.dirty else "") for record in records for cost in record.costs[:1]})
    return _rendered(
        "index.html.j2", boards=boards, cards=cards, left_out=left_out, paper=paper, columns=SHOWN, protocol=PROTOCOL,
        version=__version__, runs=len(records), commits=commits, transfers=transfers(records),
    )  # fmt: skip


def _rendered(template: str, root: str = "", **content: Any) -> str:
    """A page; `root` leads from it to the folder that holds the assets."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("atombench.board"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(root=root, **content)


def _write(out: Path, frames: dict[str, pd.DataFrame], pages: dict[str, str]) -> None:
    """Write everything; cards of datasets that are no longer shown are removed."""
    for name, frame in frames.items():
        with written_whole(out / name) as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n")
    assets = {
        "board.css": importlib.resources.files("atombench.board") / "assets" / "board.css",
        "plotly.min.js": importlib.resources.files("plotly") / "package_data" / "plotly.min.js",
    }
    for name, source in assets.items():
        with written_whole(out / "assets" / name) as temporary:
            temporary.write_bytes(source.read_bytes())
    (out / "datasets").mkdir(parents=True, exist_ok=True)
    for old in (out / "datasets").glob("*.html"):
        if old.relative_to(out).as_posix() not in pages:
            old.unlink()
    for name, text in pages.items():
        with written_whole(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _audits(findings: Sequence[Findings], cards: list[Card]) -> dict[str, dict[str, Any]]:
    """What the audit of each board found odd, by the digest of its manifest, with the address of the dataset's card."""
    pages = {card.found.digest: card.link for card in cards}
    return {
        found.manifest: {"card": pages[found.volumes], "odd": [line for line in board_table(found) if line.odd]}
        for found in findings
        if isinstance(found, BoardFindings) and found.volumes in pages
    }


def _board(
    place: tuple[Any, ...],
    records: list[Record],
    table: pd.DataFrame,
    datasets: dict[str, DatasetRow],
    audits: dict[str, dict[str, Any]],
    lost: Sequence[LostRun],
) -> dict[str, Any]:
    on_board = [record for record in records if record.unit.board == place]
    lost = [one for one in lost if one.unit.board == place]
    unranked = {one.unit.method for one in lost}
    here = table[(table[BOARD_COLUMNS] == list(place)).all(axis=1) & (table["seed"] == ALL_SEEDS)]
    primary = here[(here["protocol"] == "strict") & (here["metric"] == PRIMARY)].set_index("method")
    chance = float(primary["value"][CHANCE]) if CHANCE in primary.index else None
    scored = primary.drop(index=CHANCE, errors="ignore").sort_values(["value"], ascending=False, kind="stable")
    scored = scored.sort_values("status", key=lambda status: status != "complete", kind="stable")  # incomplete ones last
    roles = {one.unit.method: one.role for one in lost} | {record.unit.method: record.role for record in on_board}
    standings = rank([record for record in on_board if record.unit.method not in unranked])[1]
    marks = blind(on_board)
    without = sorted(set(roles) - set(scored.index))
    coordinates = dict(zip(BOARD_COLUMNS, place, strict=True))
    row = datasets.get(str(coordinates["dataset"]))
    return {
        "slug": re.sub(r"[^a-z0-9]+", "-", "-".join(str(part) for part in place).lower()),
        "coordinates": coordinates,
        "title": row.title if row else coordinates["dataset"],
        "licence": row.licence if row else "not in the registry",
        "note": row.note if row else "",
        "counts": _counts(here),
        "manifest": on_board[0].digests.manifest,
        "audit": audits.get(on_board[0].digests.manifest),
        "rows": [
            {**_method_row(method, here, on_board, roles), "standing": standings.get(method), "marks": marks.get(method, [])}
            for method in [*scored.index, *without, CHANCE]
        ],
        "strata": by_stratum(on_board),
        "distributions": distribution_figure(on_board),
        "missing": [name for name in CONTROLS if name not in roles],
        "failed": [*(record for record in on_board if record.status == "failed"), *lost],
        "figure": score_figure(scored.reset_index(), roles, chance, "strict recall@1, 95 % interval (log scale)"),
    }


def _note(method: str) -> str:
    """What the table of methods says of a label; nothing of one that it does not know."""
    if method == CHANCE:
        return "expectation for uniform random scores, by theory"
    try:
        label = Label.read(method)
        note = entry_of(label.name).note
    except ConfigError:
        return ""
    note = f"variant {label.variant}: {note}" if label.variant else note
    return f"trained on {label.source}: {note}" if label.source else note


def _counts(here: pd.DataFrame) -> dict[str, int]:
    """Volumes, sections, and sections with a correct box; zeros where every run has failed."""
    strict, published = (here[here["protocol"] == protocol] for protocol in ("strict", "published"))
    numbers = {"volumes": published["n_volumes"], "sections": published["n_sections"], "labelled": strict["n_sections"]}
    return {name: int(column.max()) if len(column) else 0 for name, column in numbers.items()}


def _method_row(method: str, here: pd.DataFrame, records: list[Record], roles: dict[str, str]) -> dict[str, Any]:
    mine = here[here["method"] == method].set_index(["protocol", "metric"])
    runs = [record for record in records if record.unit.method == method]
    cells: list[dict[str, Any] | None] = []
    for column in SHOWN:
        if (column.protocol, column.metric) not in mine.index:
            cells.append(None)
            continue
        found = mine.loc[(column.protocol, column.metric)]
        cells.append({"value": found["value"], "low": found["ci_low"], "high": found["ci_high"], "share": column.share})
    return {
        "method": method,
        "role": roles.get(method, "theory"),
        "note": next((str(run.card["note"]) for run in runs if "note" in run.card), "") or _note(method),
        "origin": next((run.origin for run in runs), "platform"),
        "status": str(mine["status"].iloc[0]) if len(mine) else "failed",
        "seeds": [record.unit.seed for record in runs],
        "cells": cells,
        "runs": runs,
    }
