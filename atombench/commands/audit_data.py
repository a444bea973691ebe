"""`atombench audit-data`: volumes, and with a manifest sections -> an audit file and a table."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.audit.record import Source, save_findings
from atombench.audit.tables import Finding, board_table, volume_table
from atombench.audit.volumes import audit_volumes
from atombench.commands.arguments import REGISTRY_DEFAULT, Dataset, Log, Out, Registry, Volumes
from atombench.errors import DataError
from atombench.progress import log_to
from atombench.tasks.atom.audit import audit_board
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.fetch import read_sources
from atombench.volumes.registry import find_row
from atombench.volumes.volume_set import VolumeSet


def run(
    dataset: Dataset,
    volumes: Volumes,
    out: Out,
    manifest: Annotated[Path | None, typer.Option(help="Sample manifest; its sections are audited then.")] = None,
    receipt: Annotated[Path | None, typer.Option(help="What the fetch step wrote, for the list of sources.")] = None,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Look for duplicates, leaks between splits, empty and unlabelled sections; print a table and write the findings."""
    log_to(log)
    row = find_row(dataset, registry)
    volume_set = VolumeSet.load(volumes)
    if volume_set.dataset != dataset:
        msg = f"{volumes} holds {volume_set.dataset!r}, expected {dataset!r}"
        raise DataError(msg)
    if manifest is not None:
        board = audit_board(volume_set, Manifest.load(manifest))
        if row.restricted:
            board = board.redacted()
        save_findings(out, board)
        _print(f"{dataset}, {board.gathering}, split {board.split}, scale {board.scale}: test", board_table(board))
        return
    sources = [Source(**entry) for entry in read_sources(receipt, dataset)] if receipt else []
    found = audit_volumes(volume_set, volume_set.edge // BlockGrid(1).edge, sources)
    if row.restricted:
        found = found.redacted()
    save_findings(out, found)
    _print(f"{dataset}, {found.edge}^3", volume_table(found))


def _print(title: str, table: list[Finding]) -> None:
    width, values = (max(len(getattr(line, name)) for line in table) for name in ("name", "value"))
    lines = [
        f"{'!' if line.odd else ' '} {line.name:<{width}}  {line.value:>{values}}  {line.meaning}" for line in table
    ]  # fmt: skip
    sys.stdout.write("\n".join([title, *lines, "! look twice", ""]))
