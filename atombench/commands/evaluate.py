"""`atombench evaluate`: predictions and labels -> a table, and with what the other steps wrote one result record."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, ManifestFile, Registry, Seed, Volumes
from atombench.engine.answers import load_predictions
from atombench.engine.method_name import MethodName
from atombench.engine.registry import code_of, entry_of, is_external
from atombench.engine.swaps import load_swaps
from atombench.errors import ConfigError
from atombench.io.files import file_digest
from atombench.io.paths import SUBMISSIONS
from atombench.io.schema import read_model
from atombench.progress import log_to, logger
from atombench.records.curve import read_curve
from atombench.records.record import Digests, Metric, Record, StepFile, Unit, save_record
from atombench.tasks.atom.evaluate import details, evaluate
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.metrics import PRIMARY
from atombench.tasks.atom.queries import check_belongs
from atombench.volumes.registry import may_be_shown
from atombench.volumes.volume_set import VolumeSet

STEP_FILE = TypeAdapter(StepFile)
STEPS = ("atombench.commands.train", "atombench.commands.predict", "atombench.commands.evaluate")
OptionalFile = Path | None


def run(
    volumes: Volumes,
    manifest: ManifestFile,
    predictions: Annotated[Path, typer.Option(help="Predictions (Parquet), as the predict step writes them.")],
    method: Annotated[str | None, typer.Argument(help="Name of the method; needed for a record.")] = None,
    swaps: Annotated[OptionalFile, typer.Option(help="Answers to exchanged inputs (Parquet).")] = None,
    weights: Annotated[OptionalFile, typer.Option(help="Weights (safetensors); needed for a record.")] = None,
    training: Annotated[OptionalFile, typer.Option(help="Cost of the training (JSON); needed for a record.")] = None,
    predicting: Annotated[OptionalFile, typer.Option(help="Cost of predicting (JSON); needed for a record.")] = None,
    curve: Annotated[OptionalFile, typer.Option(help="Training curve (JSON lines), for the record.")] = None,
    out: Annotated[OptionalFile, typer.Option(help="Where to write the record.")] = None,
    seed: Seed = 1,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Score predictions under both protocols and print a table; with --out also write a result record."""
    log_to(log)
    volume_set, drawn = VolumeSet.load(volumes), Manifest.load(manifest)
    check_belongs(volume_set, drawn)
    source = {"manifest": drawn.digest}
    if method is not None and weights is not None:
        source |= {"method": method, "seed": str(seed), "weights": file_digest(weights)}
    files = _files(predictions, method, weights, training, predicting, curve) if out is not None else None
    if out is not None and files is not None and (reason := _failure(files)):
        save_record(out, _record(files, seed, drawn, volume_set).model_copy(update={"status": "failed", "reason": reason}))
        logger.warning("%s seed %d failed: %s", method, seed, reason)
        return
    answers = load_predictions(predictions, source, drawn.counts["test"])
    exchanged = load_swaps(swaps, source, drawn.counts["test"]) if swaps is not None else {}
    metrics = evaluate(answers, drawn, volume_set, exchanged)
    if out is None or files is None:
        sys.stdout.write(table(metrics))
        return
    record = _record(files, seed, drawn, volume_set)
    found = details(answers, drawn, volume_set, pictures=may_be_shown(drawn.dataset, registry))
    record = record.model_copy(update={"metrics": metrics, **vars(found)})
    save_record(out, record)
    primary = record.find("strict", PRIMARY)
    if primary is not None:
        logger.info(
            "%s: %s %.4f [%.4f, %.4f], chance %.4f",
            record.unit.key, PRIMARY, primary.value, primary.ci_low, primary.ci_high, primary.chance or 0.0,
        )  # fmt: skip


def table(metrics: list[Metric]) -> str:
    """Metrics as text: value, 95 % interval, chance level, volumes and sections."""
    head = ("protocol", "metric", "value", "95 % interval", "chance", "volumes", "sections")
    lines = [head, *(_line(found) for found in metrics)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join(text) + "\n"


def _line(found: Metric) -> tuple[str, ...]:
    chance = "" if found.chance is None else f"{found.chance:.4f}"
    interval = f"{found.ci_low:.4f} to {found.ci_high:.4f}"
    return found.protocol, found.metric, f"{found.value:.4f}", interval, chance, str(found.n_volumes), str(found.n_sections)


@dataclass(frozen=True)
class Files:
    """A method, and what its other steps wrote."""

    method: str
    predictions: Path
    weights: Path
    training: Path
    predicting: Path
    curve: OptionalFile


def _files(predictions: Path, method: str | None, *others: OptionalFile) -> Files:
    weights, training, predicting, curve = others
    if method is None or weights is None or training is None or predicting is None:
        raise ConfigError("a record needs METHOD, --weights, --training and --predicting; without --out a table is printed")
    return Files(method, predictions, weights, training, predicting, curve)


def _failure(files: Files) -> str:
    """Why there are no answers; empty where there are."""
    return read_model(STEP_FILE, files.predicting).failure


def _record(files: Files, seed: int, manifest: Manifest, volumes: VolumeSet) -> Record:
    """Everything about a run but its numbers."""
    entry = entry_of(files.method)
    trained, predicted = (read_model(STEP_FILE, path) for path in (files.training, files.predicting))
    return Record(
        unit=Unit(
            dataset=manifest.dataset, gathering=manifest.gathering, split=manifest.split, scale=manifest.scale,
            method=files.method, seed=seed,
        ),
        status="complete",
        role=entry.role,
        origin="submitted method" if is_external(files.method) else "platform",
        card=_card(files.method),
        options=trained.facts,
        about=predicted.facts,
        digests=Digests(
            volumes=volumes.digest, manifest=manifest.digest, weights=file_digest(files.weights),
            predictions=file_digest(files.predictions), code=code_of(files.method, *STEPS),
        ),
        training=trained.cost,
        predicting=predicted.cost,
        volumes=[volumes.ids[row] for row in manifest.volume_rows("test")],
        metrics=[],
        curve=[] if files.curve is None else read_curve(files.curve),
    )  # fmt: skip


def _card(method: str) -> dict[str, Any]:
    """What a submitter says of a method; nothing for the platform's own."""
    if not is_external(method):
        return {}
    from atombench.submissions.problems import Problems  # not needed by the platform's own methods
    from atombench.submissions.validate import read_submission

    submission = read_submission(SUBMISSIONS / MethodName.read(method).name, problems := Problems())
    if submission is None:
        raise ConfigError("; ".join(problems.lines))
    return submission.card
