"""The training curve: one JSON object per line, a line at each validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Curve:
    """Rows of the curve, in a file that grows with them; a training that is taken up again begins with the rows it had."""

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
