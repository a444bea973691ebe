"""`atombench evaluate`: predictions and labels -> one result record."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from atombench.atom.manifest import Manifest
from atombench.commands.arguments import Log, ManifestFile, MethodName, Out, Seed, Volumes, Weights
from atombench.evaluation.evaluate import evaluate
from atombench.evaluation.protocols import PRIMARY
from atombench.evaluation.record import Digests, Record, StepFile, Unit, save_record
from atombench.files import file_digest
from atombench.methods.predictions import load_predictions
from atombench.methods.registry import entry_of
from atombench.progress import log_to, logger
from atombench.provenance import code_digest
from atombench.schema import read_model
from atombench.volumes.volume_set import VolumeSet

STEP_FILE = TypeAdapter(StepFile)
STEPS = ("atombench.commands.train", "atombench.commands.predict", "atombench.commands.evaluate")


def run(
    method: MethodName,
    volumes: Volumes,
    manifest: ManifestFile,
    weights: Weights,
    predictions: Annotated[Path, typer.Option(help="What the predict step wrote (Parquet).")],
    training: Annotated[Path, typer.Option(help="Cost of the training (JSON).")],
    predicting: Annotated[Path, typer.Option(help="Cost of predicting (JSON).")],
    out: Out,
    seed: Seed = 1,
    log: Log = None,
) -> None:
    """Score predictions under both protocols."""
    log_to(log)
    entry = entry_of(method)
    volume_set, drawn = VolumeSet.load(volumes), Manifest.load(manifest)
    source = {"manifest": drawn.digest, "method": method, "seed": str(seed), "weights": file_digest(weights)}
    answers = load_predictions(predictions, source, drawn.counts["test"])
    trained, predicted = (read_model(STEP_FILE, path) for path in (training, predicting))
    record = Record(
        unit=Unit(
            dataset=drawn.dataset, gathering=drawn.gathering, split=drawn.split, scale=drawn.scale,
            method=method, seed=seed,
        ),
        status="complete",
        role=entry.role,
        options=trained.facts,
        about=predicted.facts,
        digests=Digests(
            volumes=volume_set.digest, manifest=drawn.digest, weights=file_digest(weights),
            predictions=file_digest(predictions), code=code_digest(*STEPS, entry.module),
        ),
        training=trained.cost,
        predicting=predicted.cost,
        volumes=[volume_set.ids[row] for row in drawn.volume_rows("test")],
        metrics=evaluate(answers, drawn, volume_set),
    )  # fmt: skip
    save_record(out, record)
    primary = record.find("strict", PRIMARY)
    if primary is not None:
        logger.info(
            "%s: %s %.4f [%.4f, %.4f], chance %.4f",
            record.unit.key, PRIMARY, primary.value, primary.ci_low, primary.ci_high, primary.chance or 0.0,
        )  # fmt: skip
