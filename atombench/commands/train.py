"""`atombench train`: volumes, training and validation sections -> weights and training curve."""

import hashlib
import json
from dataclasses import replace
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
    parsed_options,
)
from atombench.engine.contract import Resources, Weights, make_training
from atombench.engine.failure import MethodFailure, own_faults
from atombench.engine.registry import build, code_of, confined, device_for, entry_of
from atombench.engine.training.checkpoint import Checkpoint
from atombench.engine.weights import save_failure, save_weights
from atombench.io.files import write_json, written_whole
from atombench.progress import log_to, logger
from atombench.provenance.code import versions
from atombench.provenance.cost import Meter
from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.volume_set import VolumeSet
from atombench.workflow.gpu_lease import claim_gpu


def run(
    method: MethodArgument,
    volumes: Volumes,
    manifest: ManifestFile,
    out: Out,
    curve: Annotated[Path, typer.Option(help="Where to write the training curve (JSON lines).")],
    cost: Annotated[Path, typer.Option(help="Where to write options, time, memory and versions (JSON).")],
    options: OptionsText = "{}",
    seed: Seed = 1,
    device: Device = "auto",
    threads: Threads = 1,
    checkpoint: Annotated[Path | None, typer.Option(help="Where to keep the state, so that a rerun can go on.")] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Shortest time between two writes of the state.")] = 60.0,
    log: Log = None,
) -> None:
    """Fit a method; test sections are not handed to it.

    A method's own fault is a result too: the outputs then say why there are no weights.
    """
    log_to(log)
    if entry_of(method).learned:
        claim_gpu(device)
    built = build(method, parsed_options(options))
    resources = Resources(seed=seed, device=device_for(method, device), threads=threads)
    meter = Meter(resources.device, threads)
    volume_set, drawn = VolumeSet.load(volumes), Manifest.load(manifest)
    task = make_training(volume_set, drawn)
    kept = None
    if checkpoint is not None:
        machine = [resources.device.partition(":")[0], versions()["torch"]]
        code = code_of(method, "atombench.commands.train")
        binding = [method, built.options.model_dump(), seed, volume_set.digest, drawn.digest, code, *machine]
        kept = Checkpoint(checkpoint, hashlib.sha256(json.dumps(binding).encode()).hexdigest(), checkpoint_seconds)
    failure = ""
    weights: Weights = {}
    with written_whole(curve) as growing:
        try:
            with own_faults("training"):
                weights = built.fit(task, replace(resources, curve=growing, checkpoint=kept))
        except MethodFailure as error:
            failure = str(error)
    if failure:
        save_failure(out, failure)
    else:
        save_weights(out, weights)
    spent = meter.read(kept.earlier_seconds, kept.attempts) if kept else meter.read()
    write_json(
        cost, {"facts": {**built.options.model_dump(), **confined(built)}, "cost": spent.model_dump(), "failure": failure}
    )
    logger.info("%s %s seed %d in %.1f s", failure or "trained", method, seed, spent.seconds)
