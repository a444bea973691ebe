"""`atombench score`: a submission's predictions -> a table, and result records."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.commands.evaluate import table
from atombench.errors import ConfigError, DataError
from atombench.progress import log_to, logger
from atombench.records.record import save_record
from atombench.records.run_list import unit_folder
from atombench.submissions.boards import RESULTS, BoardName
from atombench.submissions.guarded import guarded_validate
from atombench.submissions.score import refusal, refused_record, score

LONGEST_REASON = 2000


def run(
    folder: Annotated[Path, typer.Argument(help="Folder of a submission.")],
    board: Annotated[list[str] | None, typer.Option(help="Board to score; default: all of the submission.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed to score; default: all of the submission.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the record of one board and seed.")] = None,
    results: Annotated[Path, typer.Option(help="Results of the workflow; records go there without --out.")] = RESULTS,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Check a submission, score its predictions, print tables and write records."""
    log_to(log)
    if out is not None:
        _one_record(folder, board or [], seed or [], out, results, registry)
        return
    _, problems = guarded_validate(folder, results=results)  # all of them are told before anything is scored
    if problems:
        raise DataError(refusal(folder, problems))
    for record in score(folder, results, board or (), seed or (), registry):
        place = results / unit_folder(record.unit).relative_to("results") / "record.json"
        save_record(place, record)
        sys.stdout.write(f"{record.unit.key}\n{table(record.metrics)}\n")
        logger.info("scored %s into %s", record.unit.key, place)


def _one_record(folder: Path, boards: list[str], seeds: list[int], out: Path, results: Path, registry: Path) -> None:
    """The workflow's way: a submission that is refused becomes a failed record with the reasons."""
    if len(boards) != 1 or len(seeds) != 1:
        raise ConfigError("--out takes the record of one --board and one --seed")
    loaded = BoardName.read(boards[0]).load(results)
    try:
        _, problems = guarded_validate(folder, results=results, boards=boards, seeds=seeds)
        if problems:
            raise DataError(refusal(folder, problems))
        (record,) = score(folder, results, boards, seeds, registry)
    except DataError as error:
        logger.warning("%s", error)
        record = refused_record(folder.name, seeds[0], str(error)[:LONGEST_REASON], *loaded)
    save_record(out, record)
