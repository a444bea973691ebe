"""`atombench split`: volumes -> sample manifest with its digest."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log, Out, Volumes
from atombench.io.files import write_json
from atombench.progress import log_to, logger
from atombench.tasks.atom.manifest import make_manifest
from atombench.volumes.volume_set import VolumeSet


def run(
    volumes: Volumes,
    out: Out,
    summary: Annotated[Path, typer.Option(help="Where to write counts and digest (JSON).")],
    gathering: Annotated[str, typer.Option(help="hard, easy or uniform.")] = "hard",
    split: Annotated[str, typer.Option(help="Split rule: none, pos or vol.")] = "none",
    scale: Annotated[int, typer.Option(min=1, max=3)] = 1,
    variant: Annotated[str, typer.Option(help="Released generator of positions: medmnist or adni.")] = "medmnist",
    log: Log = None,
) -> None:
    """Draw the training, validation and test sections of one board."""
    log_to(log)
    manifest = make_manifest(VolumeSet.load(volumes), gathering, split, scale, variant)
    manifest.save(out)
    labels = manifest.parts["test"].labels(manifest.grid)
    about = {
        "dataset": manifest.dataset, "gathering": gathering, "split": split, "scale": scale,
        "sections": manifest.counts, "digest": manifest.digest, "volumes_digest": manifest.volumes_digest,
        "test_sections_with_a_correct_box": int(labels.boxes.any(axis=1).sum()),
    }  # fmt: skip
    write_json(summary, about)
    logger.info("split %s: sections %s, digest %s", manifest.dataset, manifest.counts, manifest.digest)
