"""`atombench train`: volumes, training and validation sections -> weights and training curve."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from atombench.atom.manifest import Manifest
from atombench.commands.arguments import (
    Device,
    Log,
    ManifestFile,
    MethodName,
    OptionsText,
    Out,
    Seed,
    Threads,
    Volumes,
    parsed_options,
)
from atombench.cost import Meter
from atombench.files import write_json, written_whole
from atombench.methods.contract import Resources, make_task
from atombench.methods.registry import build, device_for
from atombench.methods.weights import save_weights
from atombench.progress import log_to, logger
from atombench.volumes.volume_set import VolumeSet


def run(
    method: MethodName,
    volumes: Volumes,
    manifest: ManifestFile,
    out: Out,
    curve: Annotated[Path, typer.Option(help="Where to write the training curve (JSON lines).")],
    cost: Annotated[Path, typer.Option(help="Where to write options, time, memory and versions (JSON).")],
    options: OptionsText = "{}",
    seed: Seed = 1,
    device: Device = "auto",
    threads: Threads = 1,
    log: Log = None,
) -> None:
    """Fit a method; test sections are not handed to it."""
    log_to(log)
    built = build(method, parsed_options(options))
    resources = Resources(seed=seed, device=device_for(method, device), threads=threads)
    meter = Meter(resources.device, threads)
    task = make_task(VolumeSet.load(volumes), Manifest.load(manifest))
    with written_whole(curve) as growing:
        weights = built.fit(task, replace(resources, curve=growing))
    save_weights(out, weights)
    write_json(cost, {"facts": built.options.model_dump(), "cost": meter.read().model_dump()})
    logger.info("trained %s seed %d in %.1f s", method, seed, meter.read().seconds)
