"""Build sites from synthetic records."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from atombench.board.rows import make_rows
from atombench.board.site import SiteContent, build_site
from atombench.board.tables import long_table
from atombench.pages.row import Row
from atombench.records.record import Record
from atombench.records.run_list import RunEntry, settings_listed
from atombench.tasks.atom.task import ATOM
from atombench.tasks.table import find_task
from atombench.volumes.registry import MniSubjectsRow
from tests.records.made import listed
from tests.volumes.on_disk import ABOUT


def registry(restricted: bool = False) -> dict[str, Any]:
    """Return registry entries of the synthetic datasets."""
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    return {name: MniSubjectsRow.model_validate({**row, "restricted": restricted}) for name in ("toy", "elsewhere")}


def stored(folder: Path, *records: Record) -> dict[str, list[RunEntry]]:
    """Write records and a run list; return the entries by setting."""
    return settings_listed([listed(folder, *records)])


def build(entries: dict[str, list[RunEntry]], out: Path, datasets: Any = None, processes: int = 1, **more: Any) -> Path:
    """Build a site from listed records; return its folder."""
    build_site(SiteContent(entries, registry() if datasets is None else datasets, **more), out, processes)
    return out


def site_of(folder: Path, *records: Record, datasets: Any = None, **more: Any) -> Path:
    """Build a site from records; return its folder."""
    return build(stored(folder, *records), folder / "out", datasets, **more)


def rows_of(*records: Record) -> list[Row]:
    """Return the rows of the board of these records."""
    ordered = sorted(records, key=lambda record: record.run.order)
    return make_rows(find_task(ordered[0].run.task), ordered)[0]


def table_of(*records: Record) -> list[dict[str, str]]:
    """Return the long table of one board of `atom`, read back from CSV."""
    ordered = sorted(records, key=lambda record: record.run.order)
    setting = ordered[0].run.setting
    table = long_table(make_rows(ATOM, ordered)[0], ordered, [], setting, ATOM.coordinates(setting.board))
    return list(csv.DictReader(io.StringIO(table.to_csv(index=False))))


def text_of(folder: Path) -> str:
    """Return the concatenated pages of a site."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.html")))
