"""`atombench sizes`: how many sections the boards of a run have, from registry and split rules alone."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.config import check_run
from atombench.errors import ConfigError, DataError, FetchError
from atombench.io.schema import read_yaml
from atombench.progress import log_to, logger
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sampling import sampler
from atombench.tasks.atom.splits import section_counts
from atombench.volumes.registry import DatasetRow, read_registry
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import SPLITS


def run(
    config: Annotated[Path, typer.Option(help="A run's configuration.")] = Path("config/config.yaml"),
    gathering: Annotated[str | None, typer.Option(help="Only this gathering; needed where they differ.")] = None,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Print a CSV (dataset, split, train, val, test) of section counts, as the split step would make them.

    Volumes are counted from the medmnist package, from the registry, or, for local folders, from their table.
    """
    log_to(log)
    settings = check_run(read_yaml(config), str(config), registry, build_methods=False)
    places = [place for place in settings.places() if gathering in (None, place[1])]
    if not places:
        msg = f"{config} has no board of the gathering {gathering!r}"
        raise ConfigError(msg)
    rows = read_registry(registry)
    official = {dataset: _official_splits(dataset, rows[dataset]) for dataset in dict.fromkeys(place[0] for place in places)}
    sizes: dict[tuple[str, str], dict[str, int]] = {}
    for dataset, name, split, scale in places:
        if not (splits := official[dataset]):
            continue
        draws = sampler(name, split, dataset, BlockGrid(scale), rows[dataset].released_sampler)
        counts = section_counts(dataset, splits, split, draws)
        if sizes.setdefault((dataset, split), counts) != counts:
            msg = f"{dataset}, split {split}: gatherings differ in size; choose one with --gathering"
            raise ConfigError(msg)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["dataset", "split", *SPLITS])
    writer.writerows([*place, *(counts[part] for part in SPLITS)] for place, counts in sizes.items())


def _official_splits(dataset: str, row: DatasetRow) -> list[str]:
    """Official split of each volume; none, with a warning, where they cannot be counted."""
    try:
        counts = reader_of(row.kind).counts(row)
    except (FetchError, DataError) as error:
        logger.warning("%s is left out, since its volumes cannot be counted: %s", dataset, error)
        return []
    return [side for side, count in counts.items() for _ in range(count)]
