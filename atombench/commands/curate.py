"""`atombench curate`: source files -> curated volumes and their index."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Dataset, Log, Registry
from atombench.progress import log_to, logger
from atombench.volumes.fetch import read_receipt
from atombench.volumes.forms import read_form
from atombench.volumes.registry import find_row
from atombench.volumes.sources import reader_of


def run(
    dataset: Dataset,
    receipt: Annotated[Path, typer.Option(help="Receipt written by `fetch`.")],
    form: Annotated[str, typer.Option(help="Curated form of the volumes, for example cube20.")],
    out: Annotated[Path, typer.Option(help="Output folder for curated.npz and curated.json.")],
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Check all volumes of a dataset and convert them to one curated form."""
    log_to(log)
    chosen = read_form(form)
    row = find_row(dataset, registry)
    curated = chosen.curate(dataset, reader_of(row.kind).read(row, read_receipt(receipt, dataset)), row)
    curated.save(out)
    logger.info("curated %s as %s: %d volumes, digest %s", dataset, form, len(curated.index.ids), curated.index.digest)
