"""`atombench export`: predictions of a run as a submission has them."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log, ManifestFile, Out
from atombench.engine.answers import load_predictions
from atombench.progress import log_to, logger
from atombench.submissions.export import export_predictions
from atombench.tasks.atom.manifest import Manifest


def run(
    manifest: ManifestFile,
    predictions: Annotated[Path, typer.Option(help="Predictions (Parquet), as the predict step writes them.")],
    out: Out,
    log: Log = None,
) -> None:
    """Write predictions by name of the query, for a submission."""
    log_to(log)
    drawn = Manifest.load(manifest)
    found = load_predictions(predictions, {"manifest": drawn.digest}, drawn.counts["test"])
    export_predictions(found, drawn, out)
    logger.info("exported %d answers into %s", drawn.counts["test"], out)
