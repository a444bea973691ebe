"""Downloads of a board: all numbers as JSON, and citations as BibTeX."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from atombench import __version__
from atombench.board.provenance import Line
from atombench.pages.addresses import addresses
from atombench.pages.place import Place
from atombench.pages.row import Row
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
    """Return the rows of a board with all numbers and the provenance of every run as JSON, one method per line."""
    methods = [json.dumps(_method(row, runs.get(row.method, [])), ensure_ascii=False, allow_nan=False) for row in rows]
    board = json.dumps({"key": place.setting.key, **place.coordinates}, ensure_ascii=False)
    return f'{{"board": {board}, "methods": [\n' + ",\n".join(methods) + "\n]}\n"


def _method(row: Row, runs: Sequence[Sequence[Line]]) -> dict[str, Any]:
    numbers = [
        {
            "protocol": protocol,
            "metric": metric,
            "value": number.value,
            "ci_low": number.low,
            "ci_high": number.high,
            "n_volumes": number.clusters,
            "n_sections": number.queries,
        }
        for (protocol, metric), number in row.numbers.items()
    ]
    return {
        "method": row.method,
        "role": row.role,
        "origin": row.origin,
        "status": row.status,
        "note": row.note,
        "seeds": row.seeds,
        "reasons": row.reasons,
        "standing": vars(row.standing) if row.standing else None,
        "marks": [mark.name for mark in row.marks],
        "facts": dict(row.facts),
        "numbers": numbers,
        "runs": [dict(lines) for lines in runs],
    }


def board_bibtex(name: str, dataset: DatasetRow | None, rows: Sequence[Row]) -> str:
    """Return citations for a board: the benchmark, the paper, the dataset, and submitted methods."""
    entries = [CITED.replace("VERSION", f"{{{__version__}}}")]
    if dataset is not None:
        entries.append(_entry(f"dataset-{name}", title=dataset.title, note=dataset.cite))
    for row in rows:
        if row.card:
            links = {name: text for name in ("paper", "code") if (text := str(row.card.get(name, "none"))) != "none"}
            title, team, note = (row.card.get(name, "") for name in ("title", "team", "note"))
            fields = {"title": title or row.method, "author": team, "note": note, "url": next(iter(links.values()), "")}
            entries.append(_entry(f"method-{row.method}", **fields))
    return "\n".join(entries)


def _entry(name: str, url: object = "", **fields: object) -> str:
    lines = "".join(f"  {field} = {{{_plain(text)}}},\n" for field, text in fields.items() if text)
    lines += f"  url = {{{url}}},\n" if url and not re.search(r"[\s{}\\]", str(url)) else ""
    return f"@misc{{{addresses({name: name})[name]},\n{lines}}}\n"


def _plain(text: object) -> str:
    """Escape a text for BibTeX."""
    one_line = " ".join(str(text).split())
    escaped = "".join(SPECIAL.get(letter, letter) for letter in one_line)
    return re.sub(r"([#$%&_])", r"\\\1", escaped)
