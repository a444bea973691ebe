"""Sites made from records that tests make up."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from atombench.board.rows import make_rows
from atombench.board.site import build_site
from atombench.board.tables import long_table
from atombench.records.record import Record, in_order, save_record
from atombench.records.run_list import RunEntry, boards_listed, save_run
from atombench.volumes.registry import MniSubjectsRow
from tests.volumes.on_disk import ABOUT


def registry(restricted: bool = False) -> dict[str, Any]:
    """Rows of the datasets that tests make up."""
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    return {name: MniSubjectsRow.model_validate({**row, "restricted": restricted}) for name in ("toy", "elsewhere")}


def stored(folder: Path, *records: Record) -> dict[str, list[RunEntry]]:
    """Write records and a run list, and list them by board."""
    paths = []
    for number, record in enumerate(records):
        paths.append(folder / "records" / str(number) / "record.json")
        save_record(paths[-1], record)
    save_run(folder / "run.json", "test", {}, paths)
    return boards_listed([folder / "run.json"])


def site_of(folder: Path, *records: Record, datasets: Any = None, **more: Any) -> Path:
    """Build a site of these records; gives its folder."""
    build_site(stored(folder, *records), registry() if datasets is None else datasets, folder / "out", **more)
    return folder / "out"


def table_of(*records: Record) -> list[dict[str, str]]:
    """The long table of one board, as a reader of the CSV sees it."""
    ordered = sorted(records, key=in_order)
    table = long_table(make_rows(ordered)[0], ordered, [], records[0].unit.board)
    return list(csv.DictReader(io.StringIO(table.to_csv(index=False))))


def text_of(folder: Path) -> str:
    """All pages of a site, one after another."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.html")))
