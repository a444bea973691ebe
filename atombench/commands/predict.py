"""`atombench predict`: weights and test queries without labels -> answers."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import (
    BoardName,
    Condition,
    Data,
    Device,
    Log,
    ManifestFile,
    Method,
    OptionsText,
    Out,
    Seed,
    Threads,
    Weights,
    parsed_options,
)
from atombench.commands.drawn import load_drawn
from atombench.engine import contract
from atombench.engine.answers import Answers, save_answers
from atombench.engine.exchanges import save_exchanged
from atombench.engine.failure import MethodFailure
from atombench.engine.registry import confinement
from atombench.engine.weights import Bundle, load_bundle
from atombench.errors import DataError
from atombench.io.files import file_digest, write_json
from atombench.progress import log_to, logger
from atombench.provenance.cost import Meter
from atombench.records.board import CLEAN, Board
from atombench.tasks.answering import answer_cases, cases_of
from atombench.tasks.task import Task
from atombench.volumes.curated import Curated
from atombench.workflow.gpu_lease import claim_gpu


def run(
    board: BoardName,
    method: Method,
    data: Data,
    manifest: ManifestFile,
    weights: Weights,
    out: Out,
    cost: Annotated[Path, typer.Option(help="Output file for method facts, time and memory (JSON).")],
    swaps: Annotated[Path, typer.Option(help="Output file for the answers to the exchanged queries (Parquet).")],
    condition: Condition = CLEAN,
    options: OptionsText = "{}",
    seed: Seed = 1,
    device: Device = "auto",
    threads: Threads = 1,
    log: Log = None,
) -> None:
    """Answer all test queries; the method receives them in random order, mixed with exchanged cases if it learns."""
    log_to(log)
    name, task, drawn = load_drawn(board, manifest)
    entry = task.registry.entry(method)
    if entry.learned:
        claim_gpu(device)
    built = task.registry.build(method, parsed_options(options))
    resources = contract.Resources(seed=seed, device=task.registry.device(method, device), threads=threads)
    meter = Meter(resources.device, threads)
    curated = Curated.open(data)
    asked = task.queries(curated, drawn, condition)
    source = {"manifest": drawn.digest, "method": method, "seed": str(seed), "condition": condition}
    source["weights"] = file_digest(weights)
    count = len(asked)
    try:
        bundle = load_bundle(weights)
        _check_bundle(bundle, task, name, weights)
        hint = task.hint(curated, drawn) if entry.oracle else None
        cases = cases_of(task, asked, drawn, entry.answers_exchanges, task.registry.is_external(method))
        own, kept = answer_cases(task, built, bundle.weights, asked, cases, resources, hint)
    except MethodFailure as failure:
        save_answers(out, Answers(), source, count)
        save_exchanged(swaps, {}, source)
        write_json(cost, {"facts": confinement(built), "cost": meter.read().model_dump(), "failure": str(failure)})
        logger.warning("%s seed %d failed: %s", method, seed, failure)
        return
    save_answers(out, own, source, count)
    save_exchanged(swaps, kept, source)
    spent = meter.read().of_share(count / len(cases))
    write_json(cost, {"facts": dict(own.about), "cost": spent.model_dump()})
    logger.info("predicted %s seed %d: %d queries in %.1f s", method, seed, count, spent.seconds)


def _check_bundle(bundle: Bundle, task: Task, board: Board, path: Path) -> None:
    """Check that weights belong to the task and curated form of the board.

    Raises:
        DataError: the weights belong to another task or form.
    """
    expected, stated = (task.name, task.form(board)), (bundle.origin.task, bundle.origin.form)
    if stated != expected:
        msg = f"{path} holds weights for task {stated[0]}, form {stated[1]}; expected {expected[0]}, {expected[1]}"
        raise DataError(msg)
