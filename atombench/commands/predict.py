"""`atombench predict`: weights and test queries without labels -> predictions."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import (
    Device,
    Log,
    ManifestFile,
    MethodArgument,
    OptionsText,
    Out,
    Seed,
    Threads,
    Volumes,
    Weights,
    parsed_options,
)
from atombench.engine.answers import in_manifest_order, save_nothing, save_predictions
from atombench.engine.contract import Predictions, Resources
from atombench.engine.failure import MethodFailure, own_faults
from atombench.engine.registry import build, confined, device_for, entry_of, is_external
from atombench.engine.swaps import answer_swapped, save_swaps
from atombench.engine.weights import load_weights
from atombench.errors import DataError
from atombench.io.files import file_digest, write_json
from atombench.progress import log_to, logger
from atombench.provenance.cost import Meter
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.oracle_coarse import OracleCoarse
from atombench.tasks.atom.queries import make_queries, query_labels, query_order
from atombench.volumes.volume_set import VolumeSet
from atombench.workflow.gpu_lease import claim_gpu


def run(
    method: MethodArgument,
    volumes: Volumes,
    manifest: ManifestFile,
    weights: Weights,
    out: Out,
    cost: Annotated[Path, typer.Option(help="Where to write facts about the method, time and memory (JSON).")],
    swaps: Annotated[Path, typer.Option(help="Where to write the answers to exchanged inputs (Parquet).")],
    options: OptionsText = "{}",
    seed: Seed = 1,
    device: Device = "auto",
    threads: Threads = 1,
    log: Log = None,
) -> None:
    """Answer all test queries; the method sees volumes and pixels, in an order that tells nothing."""
    log_to(log)
    if entry_of(method).learned:
        claim_gpu(device)
    built = build(method, parsed_options(options))
    resources = Resources(seed=seed, device=device_for(method, device), threads=threads)
    meter = Meter(resources.device, threads)
    drawn = Manifest.load(manifest)
    queries, order = make_queries(VolumeSet.load(volumes), drawn), query_order(drawn)
    source = {"manifest": drawn.digest, "method": method, "seed": str(seed), "weights": file_digest(weights)}
    try:
        learned = load_weights(weights)
        with own_faults("predicting"):
            if isinstance(built, OracleCoarse):
                predictions = built.predict_knowing(query_labels(drawn), resources)
            else:
                predictions = built.predict(learned, queries, resources)
            _check(predictions, len(queries))
            spent = meter.read()
            swapped = entry_of(method).learned or is_external(method)  # whoever sends in a method cannot leave this test out
            exchanged = answer_swapped(built, learned, queries, resources) if swapped else {}
    except MethodFailure as failure:
        save_nothing(out, source)
        save_nothing(swaps, source)
        write_json(cost, {"facts": confined(built), "cost": meter.read().model_dump(), "failure": str(failure)})
        logger.warning("%s seed %d failed: %s", method, seed, failure)
        return
    save_predictions(out, in_manifest_order(predictions, order), source)
    save_swaps(swaps, exchanged, order, source)
    write_json(cost, {"facts": dict(predictions.about), "cost": spent.model_dump()})
    logger.info("predicted %s seed %d: %d queries in %.1f s", method, seed, len(queries), spent.seconds)


def _check(predictions: Predictions, queries: int) -> None:
    """Answers of a wrong shape, or that are not finite, are the method's fault."""
    try:
        predictions.check(queries)
    except DataError as error:
        msg = f"predicting: {error}"
        raise MethodFailure(msg) from error
