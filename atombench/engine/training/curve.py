"""The training curve: JSON lines, one for each validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Curve:
    """Rows of the curve, appended to a file as they are added; a resumed training starts with its earlier rows."""

    def __init__(self, path: Path | None, rows: list[dict[str, Any]]) -> None:
        self.path, self.rows = path, rows
        self._write(rows, "w")

    def add(self, row: dict[str, Any]) -> None:
        """Append a row."""
        self.rows.append(row)
        self._write([row], "a")

    def _write(self, rows: list[dict[str, Any]], mode: str) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open(mode, encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
