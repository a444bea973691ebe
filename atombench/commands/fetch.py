"""`atombench fetch`: registry entry -> verified source files and a receipt that lists them."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Dataset, Log, Out, Registry
from atombench.progress import log_to, logger
from atombench.volumes.archives import DOWNLOADS, unpacked
from atombench.volumes.fetch import fetch, write_receipt
from atombench.volumes.registry import find_row
from atombench.volumes.sources import reader_of


def run(
    dataset: Dataset,
    out: Out,
    downloads: Annotated[Path, typer.Option(help="Folder for downloaded files.")] = DOWNLOADS,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Find the source files of a dataset in ATOMBENCH_DATA_DIRS, or download and unpack them, and verify them."""
    log_to(log)
    row = unpacked(find_row(dataset, registry), downloads, download=True)
    files = reader_of(row.kind).sources(row)
    write_receipt(out, dataset, files, fetch(files, downloads))
    logger.info("fetched %s: %d files verified", dataset, len(files))
