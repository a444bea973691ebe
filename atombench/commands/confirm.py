"""`atombench confirm`: compare a submission's public scores with its scores on secret boards."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.io.paths import SECRET_LOG
from atombench.progress import log_to
from atombench.submissions.confirm import confirm
from atombench.tasks.made_board import RESULTS


def run(
    folder: Annotated[Path, typer.Argument(help="Submission folder.")],
    results: Annotated[Path, typer.Option(help="Results folder of the workflow, with the secret boards.")] = RESULTS,
    record: Annotated[Path, typer.Option(help="Log of scorings on secret boards (CSV); lines are added.")] = SECRET_LOG,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Score a submission on secret boards (needs the key), compare with its public scores, and log the result."""
    log_to(log)
    for line in confirm(folder, record, datetime.now(UTC).date(), results, registry):
        verdict = "confirmed" if line.confirmed else "NOT confirmed: the public score is higher than the secret one allows"
        sys.stdout.write(f"{line.board} seed {line.seed}: about {line.value:.3f} on the secret board; {verdict}\n")
