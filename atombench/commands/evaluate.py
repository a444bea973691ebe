"""`atombench evaluate`: answers and labels -> a table of metrics, or, with the outputs of the other steps, a result record."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from atombench.commands.arguments import REGISTRY_DEFAULT, BoardName, Condition, Data, Log, ManifestFile, Registry, Seed
from atombench.commands.drawn import load_drawn
from atombench.engine.answers import load_answers
from atombench.engine.exchanges import load_exchanged
from atombench.errors import ConfigError
from atombench.io.files import file_digest
from atombench.io.schema import read_model
from atombench.progress import log_to, logger
from atombench.records.board import CLEAN
from atombench.records.curve import read_curve
from atombench.records.record import Digests, Evaluation, Header, Metric, Record, StepFile, make_record, save_record
from atombench.records.run import Run
from atombench.tasks.evaluate import evaluate
from atombench.tasks.task import Task, modules_of
from atombench.volumes.curated import Curated
from atombench.volumes.registry import may_be_shown

STEP_FILE = TypeAdapter(StepFile)
STEPS = ("train", "predict", "evaluate")
OptionalFile = Path | None


@dataclass(frozen=True)
class Files:
    """Output files of the other steps of a run."""

    weights: Path
    training: Path
    predicting: Path
    predictions: Path
    curve: OptionalFile


def run(
    board: BoardName,
    data: Data,
    manifest: ManifestFile,
    predictions: Annotated[Path, typer.Option(help="Answers (Parquet), written by `predict`.")],
    method: Annotated[str | None, typer.Option(help="Name of the method; required with --out.")] = None,
    swaps: Annotated[OptionalFile, typer.Option(help="Answers to the exchanged queries (Parquet).")] = None,
    weights: Annotated[OptionalFile, typer.Option(help="Weights (safetensors); required with --out.")] = None,
    training: Annotated[OptionalFile, typer.Option(help="Cost of training (JSON); required with --out.")] = None,
    predicting: Annotated[OptionalFile, typer.Option(help="Cost of prediction (JSON); required with --out.")] = None,
    curve: Annotated[OptionalFile, typer.Option(help="Training curve (JSON lines), stored in the record.")] = None,
    out: Annotated[OptionalFile, typer.Option(help="Output file for the result record.")] = None,
    seed: Seed = 1,
    condition: Condition = CLEAN,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Score answers under all protocols of the task; print a table, or write a result record with --out."""
    log_to(log)
    name, task, drawn = load_drawn(board, manifest)
    curated = Curated.open(data)
    clusters = task.clusters(curated, drawn)  # raises DataError if the manifest belongs to other data
    source = {"manifest": drawn.digest}
    if method is not None and weights is not None:
        source |= {"method": method, "seed": str(seed), "condition": condition, "weights": file_digest(weights)}

    def evaluated() -> Evaluation:
        queries = len(clusters.index)
        answers = load_answers(predictions, task.answers, source, queries)
        exchanged = load_exchanged(swaps, task, source, queries) if swaps is not None else {}
        pictures = may_be_shown(name.dataset, registry) and not task.secret(name)
        return evaluate(task, answers, curated, drawn, exchanged, pictures, condition)

    if out is None:
        sys.stdout.write(table(evaluated().metrics))
        return
    files = _files(method, weights, training, predicting, predictions, curve)
    header = _header(task, Run.of(name, str(method), seed, condition), files, curated, drawn, list(clusters.names))
    if failure := read_model(STEP_FILE, files.predicting).failure:
        save_record(out, make_record(header, None, failure))
        logger.warning("%s seed %d failed: %s", method, seed, failure)
        return
    record = make_record(header, evaluated())
    save_record(out, record)
    _report(record, task)


def table(metrics: list[Metric]) -> str:
    """Format metrics as a text table: value, 95 % interval, chance level, number of clusters and of queries."""
    head = ("protocol", "metric", "value", "95 % interval", "chance", "clusters", "queries")
    lines = [head, *(_line(metric) for metric in metrics)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join(text) + "\n"


def _line(metric: Metric) -> tuple[str, ...]:
    chance = "" if metric.chance is None else f"{metric.chance:.4f}"
    interval = f"{metric.ci_low:.4f} to {metric.ci_high:.4f}"
    counts = (str(metric.n_clusters), str(metric.n_queries))
    return metric.protocol, metric.metric, f"{metric.value:.4f}", interval, chance, *counts


def _files(
    method: str | None,
    weights: OptionalFile,
    training: OptionalFile,
    predicting: OptionalFile,
    answers: Path,
    curve: OptionalFile,
) -> Files:
    if method is None or weights is None or training is None or predicting is None:
        raise ConfigError(
            "--out requires --method, --weights, --training and --predicting; omit --out to print a table instead"
        )
    return Files(weights, training, predicting, answers, curve)


def _header(task: Task, run: Run, files: Files, data: Curated, manifest: Any, clusters: list[str]) -> Header:
    """Return the metadata of a run: everything in its record except the metrics."""
    trained, predicted = (read_model(STEP_FILE, path) for path in (files.training, files.predicting))
    steps = [module for step in STEPS for module in (f"atombench.commands.{step}", *modules_of(task, step))]
    external = task.registry.is_external(run.method)
    return Header(
        run=run,
        protocol_version=task.protocol,
        origin="reproduced" if external else "measured",
        role=task.registry.entry(run.method).role,
        digests=Digests(
            data=data.index.digest,
            manifest=manifest.digest,
            weights=file_digest(files.weights),
            predictions=file_digest(files.predictions),
            code=task.registry.code(run.method, *steps),
        ),
        clusters=clusters,
        card=_card(run.method) if external else {},
        options=trained.facts,
        about=predicted.facts,
        training=trained.cost,
        predicting=predicted.cost,
        curve=[] if files.curve is None else read_curve(files.curve),
    )


def _card(method: str) -> dict[str, Any]:
    """Return the card of a submitted method; empty if it is not valid, in which case the run has failed before its training."""
    # Imported by name, so that an edit of the submissions does not evaluate the platform's own methods again.
    card: dict[str, Any] = import_module("atombench.submissions.card").card_of(method)[0]
    return card


def _report(record: Record, task: Task) -> None:
    primary = record.find(*task.primary)
    if primary is not None:
        interval = f"[{primary.ci_low:.4f}, {primary.ci_high:.4f}]"
        chance = "" if primary.chance is None else f", chance {primary.chance:.4f}"
        logger.info("%s: %s %.4f %s%s", record.run.key, primary.metric, primary.value, interval, chance)
