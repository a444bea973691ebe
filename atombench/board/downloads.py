"""Files of a board to download: every number as CSV and JSON, and whom to cite as BibTeX."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from atombench import __version__
from atombench.board.addresses import addresses
from atombench.board.place import Place
from atombench.board.provenance import Line
from atombench.board.rows import Row
from atombench.volumes.registry import DatasetRow

CITED = r"""@software{atombench,
  title = {{ATOM-Bench}: an honest benchmark of {2D} section to {3D} volume localisation},
  author = {{The ATOM-Bench founders}},
  version = {VERSION},
}

@article{wang2024atom,
  title = {From Tissue Plane to Organ World: A Benchmark Dataset for Multimodal Biomedical Image Registration using Deep Co-Attention Networks},
  author = {Wang, Yifeng and Li, Weipeng and Pearce, Thomas and Wang, Haohan},
  journal = {arXiv preprint arXiv:2406.04105},
  year = {2024},
}
"""  # noqa: E501
SPECIAL = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def board_json(place: Place, rows: Sequence[Row], runs: Mapping[str, Sequence[Sequence[Line]]]) -> str:
    """Rows of a board with all numbers, and the provenance of every run, by method; a method to a line."""
    methods = [json.dumps(_method(row, runs.get(row.method, [])), ensure_ascii=False, allow_nan=False) for row in rows]
    board = json.dumps(place.named, ensure_ascii=False)
    return f'{{"board": {board}, "methods": [\n' + ",\n".join(methods) + "\n]}\n"


def _method(row: Row, runs: Sequence[Sequence[Line]]) -> dict[str, Any]:
    numbers = [
        {
            "protocol": protocol, "metric": metric, "value": found.value, "ci_low": found.low, "ci_high": found.high,
            "n_volumes": found.volumes, "n_sections": found.sections,
        }
        for (protocol, metric), found in row.numbers.items()
    ]  # fmt: skip
    return {
        "method": row.method, "role": row.role, "origin": row.origin, "status": row.status, "note": row.note,
        "seeds": row.seeds, "reasons": row.reasons, "standing": vars(row.standing) if row.standing else None,
        "marks": row.marks, "facts": dict(row.facts), "numbers": numbers,
        "runs": [dict(lines) for lines in runs],
    }  # fmt: skip


def board_bibtex(name: str, dataset: DatasetRow | None, rows: Sequence[Row]) -> str:
    """Whom to cite for a board: the benchmark, the paper, the dataset, and the methods that others sent in."""
    entries = [CITED.replace("VERSION", f"{{{__version__}}}")]
    if dataset is not None:
        entries.append(_entry(f"dataset-{name}", title=dataset.title, note=dataset.cite))
    for row in rows:
        if row.card:
            said = {name: text for name in ("paper", "code") if (text := str(row.card.get(name, "none"))) != "none"}
            title, team, note = (row.card.get(name, "") for name in ("title", "team", "note"))
            fields = {"title": title or row.method, "author": team, "note": note, "url": next(iter(said.values()), "")}
            entries.append(_entry(f"method-{row.method}", **fields))
    return "\n".join(entries)


def _entry(name: str, url: object = "", **fields: object) -> str:
    lines = "".join(f"  {field} = {{{_plain(text)}}},\n" for field, text in fields.items() if text)
    lines += f"  url = {{{url}}},\n" if url and not re.search(r"[\s{}\\]", str(url)) else ""
    return f"@misc{{{addresses({name: name})[name]},\n{lines}}}\n"


def _plain(text: object) -> str:
    """A text without what BibTeX would read as its own."""
    one_line = " ".join(str(text).split())
    escaped = "".join(SPECIAL.get(letter, letter) for letter in one_line)
    return re.sub(r"([#$%&_])", r"\\\1", escaped)
