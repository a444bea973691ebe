"""`atombench curate`: source files -> volumes of one size."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Dataset, Log, Out, Registry
from atombench.progress import log_to, logger
from atombench.tasks.atom.geometry import BlockGrid
from atombench.volumes.curate import curate
from atombench.volumes.fetch import read_receipt
from atombench.volumes.registry import find_row
from atombench.volumes.sources import reader_of


def run(
    dataset: Dataset,
    receipt: Annotated[Path, typer.Option(help="What the fetch step wrote.")],
    out: Out,
    scale: Annotated[int, typer.Option(min=1, max=3, help="Volumes get 20 x scale voxels along each side.")] = 1,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Resample all volumes of a dataset to one size and check them."""
    log_to(log)
    row = find_row(dataset, registry)
    raw = reader_of(row.kind).read(row, read_receipt(receipt, dataset))
    volumes = curate(dataset, raw, BlockGrid(scale).edge, row.mixed_shapes, row.restricted)
    volumes.save(out)
    logger.info("curated %s: %d volumes of edge %d, digest %s", dataset, len(volumes.ids), volumes.edge, volumes.digest)
