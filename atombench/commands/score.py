"""`atombench score`: answers of a submission -> tables of metrics and result records."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.commands.evaluate import table
from atombench.errors import ConfigError, DataError
from atombench.progress import log_to, logger
from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.records.record import load_record, save_record
from atombench.submissions.guarded import guarded_validate
from atombench.submissions.score import refusal, refused_record, score
from atombench.tasks.made_board import RESULTS, load_board

LONGEST_REASON = 2000


def run(
    folder: Annotated[Path, typer.Argument(help="Submission folder.")],
    board: Annotated[list[str] | None, typer.Option(help="Board to score; default: all boards of the submission.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed to score; default: all seeds of the submission.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output file for the record; requires one --board and one --seed.")] = None,
    results: Annotated[
        Path, typer.Option(help="Results folder of the workflow; without --out, records are written there.")
    ] = RESULTS,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Validate a submission, score its answers, print tables and write records."""
    log_to(log)
    if out is not None:
        _one_record(folder, board or [], seed or [], out, results, registry)
        return
    _, problems = guarded_validate(folder, results=results)  # report all problems before scoring
    if problems:
        raise DataError(refusal(folder, problems))
    for record in score(folder, results, board or (), seed or (), registry):
        path = Layout(results).record(record.run)
        changed = not path.is_file() or load_record(path) != record
        if changed:  # a rewritten file would make the workflow repeat everything after it
            save_record(path, record)
        sys.stdout.write(f"{record.run.key}\n{table(record.metrics)}\n")
        logger.info("scored %s; %s %s", record.run.key, "wrote" if changed else "unchanged:", path)


def _one_record(folder: Path, boards: list[str], seeds: list[int], out: Path, results: Path, registry: Path) -> None:
    """Write one record for the workflow; a rejected submission yields a failed record with the reasons."""
    if len(boards) != 1 or len(seeds) != 1:
        msg = f"--out requires exactly one --board and one --seed, got {len(boards)} and {len(seeds)}"
        raise ConfigError(msg)
    made = load_board(Board.read(boards[0]), results)
    try:
        _, problems = guarded_validate(folder, results=results, boards=boards, seeds=seeds)
        if problems:
            raise DataError(refusal(folder, problems))
        (record,) = score(folder, results, boards, seeds, registry)
    except DataError as error:
        logger.warning("%s", error)
        record = refused_record(folder.name, seeds[0], str(error)[:LONGEST_REASON], made)
    save_record(out, record)
