"""`atombench audit-data`: curated data, or the test queries of a board -> an audit file and a table."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.audit.record import Line, Source, save_findings
from atombench.audit.tables import volume_table
from atombench.audit.volumes import audit_volumes
from atombench.commands.arguments import REGISTRY_DEFAULT, Data, Dataset, Log, Out, Registry
from atombench.commands.drawn import load_drawn
from atombench.errors import ConfigError, DataError
from atombench.progress import log_to
from atombench.volumes.curated import Curated
from atombench.volumes.fetch import read_sources
from atombench.volumes.registry import find_row


def run(
    dataset: Dataset,
    data: Data,
    out: Out,
    board: Annotated[str | None, typer.Option(help="Board to audit (its test queries) instead of the volumes.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="Manifest of the board.")] = None,
    receipt: Annotated[Path | None, typer.Option(help="Receipt written by `fetch`, for the list of source files.")] = None,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Find duplicates, leaks between splits, and empty or unlabelled queries; print a table and write the findings."""
    log_to(log)
    restricted = find_row(dataset, registry).restricted
    curated = Curated.open(data)
    if curated.index.dataset != dataset:
        msg = f"{data} holds {curated.index.dataset!r}, expected {dataset!r}"
        raise DataError(msg)
    if (board is None) != (manifest is None):
        raise ConfigError("auditing the queries of a board needs both --board and --manifest; got only one of them")
    if board is not None and manifest is not None:
        name, task, drawn = load_drawn(board, manifest)
        queries = task.audit(curated, drawn)
        save_findings(out, queries.redacted() if restricted or task.secret(name) else queries)
        _print(f"{board}: test", queries.lines)
        return
    sources = [Source(**entry) for entry in read_sources(receipt, dataset)] if receipt else []
    volumes = audit_volumes(curated, sources)
    save_findings(out, volumes.redacted() if restricted else volumes)
    _print(f"{dataset}, {volumes.form}", volume_table(volumes))


def _print(title: str, table: list[Line]) -> None:
    if not table:
        sys.stdout.write(f"{title}: no checks apply\n")
        return
    width, values = (max(len(getattr(line, name)) for line in table) for name in ("name", "value"))
    lines = [f"{'!' if line.flagged else ' '} {line.name:<{width}}  {line.value:>{values}}  {line.meaning}" for line in table]
    sys.stdout.write("\n".join([title, *lines, "! flagged", ""]))
