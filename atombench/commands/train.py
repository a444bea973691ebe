"""`atombench train`: training and validation queries of a board -> weights and training curve."""

import hashlib
import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from atombench.commands.arguments import (
    BoardName,
    Data,
    Device,
    Log,
    ManifestFile,
    Method,
    OptionsText,
    Out,
    Seed,
    Threads,
    parsed_options,
)
from atombench.commands.drawn import load_drawn
from atombench.engine import contract
from atombench.engine.failure import LONGEST_REASON, MethodFailure, own_faults
from atombench.engine.registry import confinement
from atombench.engine.training.checkpoint import Checkpoint
from atombench.engine.weights import Origin, save_bundle, save_failure
from atombench.errors import DataError
from atombench.io.files import write_json, written_whole
from atombench.io.text import one_line
from atombench.progress import log_to, logger
from atombench.provenance.code import versions
from atombench.provenance.cost import Meter
from atombench.records.board import Board
from atombench.tasks.task import Task, TrainingData, modules_of
from atombench.volumes.curated import Curated
from atombench.workflow.gpu_lease import claim_gpu


def run(
    board: BoardName,
    method: Method,
    data: Data,
    manifest: ManifestFile,
    out: Out,
    curve: Annotated[Path, typer.Option(help="Output file for the training curve (JSON lines).")],
    cost: Annotated[Path, typer.Option(help="Output file for options, time, memory and versions (JSON).")],
    options: OptionsText = "{}",
    seed: Seed = 1,
    device: Device = "auto",
    threads: Threads = 1,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint file, from which a rerun can resume.")] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Minimum time between two checkpoints, in seconds.")] = 60.0,
    log: Log = None,
) -> None:
    """Fit a method on the training and validation queries.

    If the method itself fails, the command still succeeds and the outputs state the reason for the missing weights.
    """
    log_to(log)
    name, task, drawn = load_drawn(board, manifest)
    entry = task.registry.entry(method)
    if entry.needs_training and not drawn.counts["train"]:
        msg = f"{name} has no training queries; train {method} on another dataset (`trained_on` in a run's configuration)"
        raise DataError(msg)
    if entry.learned:
        claim_gpu(device)
    built = task.registry.build(method, parsed_options(options))
    resources = contract.Resources(seed=seed, device=task.registry.device(method, device), threads=threads)
    meter = Meter(resources.device, threads)
    curated = Curated.open(data)
    training = task.training(curated, drawn)
    kept = None
    if checkpoint is not None:
        digests = [curated.index.digest, drawn.digest, _code(task, method)]
        kept = Checkpoint(checkpoint, _binding(method, built, resources, digests), checkpoint_seconds)
    with written_whole(curve) as growing:
        weights, failure = _fit(built, training, replace(resources, curve=growing, checkpoint=kept), _refusal(task, method))
    facts = {**built.options.model_dump(), **confinement(built)}
    origin = _origin(task, name, method, built, seed)
    if failure:
        save_failure(out, failure, origin)
    else:
        save_bundle(out, weights, origin)
    spent = meter.read(kept.earlier_seconds, kept.attempts) if kept else meter.read()
    write_json(cost, {"facts": facts, "cost": spent.model_dump(), "failure": failure})
    logger.info("%s %s seed %d in %.1f s", failure or "trained", method, seed, spent.seconds)


def _origin(task: Task, board: Board, method: str, built: contract.Method, seed: int) -> Origin:
    """Return what the file of the weights says of them."""
    return Origin(
        task=task.name,
        protocol=task.protocol,
        method=method,
        options=built.options.model_dump(),
        dataset=board.dataset,
        board=board.name,
        form=task.form(board),
        seed=seed,
    )


def _refusal(task: Task, method: str) -> str:
    """Return why a submitted method is not trained: the problems of its card and folder."""
    if not task.registry.is_external(method):
        return ""
    # Imported by name, so that an edit of the submissions does not train the platform's own methods again.
    problems: str = import_module("atombench.submissions.card").card_of(method)[1]
    return f"training: the submission is not valid: {problems}" if problems else ""


def _fit(
    method: contract.Method, training: TrainingData, resources: contract.Resources, refusal: str
) -> tuple[contract.Weights, str]:
    """Return the weights of a method, and the reason if it is refused or fails by its own fault."""
    if refusal:
        return {}, one_line(refusal, LONGEST_REASON)
    try:
        with own_faults("training"):
            return method.fit(training, resources), ""
    except MethodFailure as error:
        return {}, str(error)


def _code(task: Task, method: str) -> str:
    return task.registry.code(method, "atombench.commands.train", *modules_of(task, "train"))


def _binding(method: str, built: contract.Method, resources: contract.Resources, digests: list[str]) -> str:
    """Return a digest of all inputs of a checkpoint: method, options, seed, data, code and device type."""
    machine = [resources.device.partition(":")[0], versions()["torch"]]
    content: list[Any] = [method, built.options.model_dump(), resources.seed, *digests, *machine]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
