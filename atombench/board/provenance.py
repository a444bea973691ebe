"""Where a number comes from: everything that a record says of how it was made, as labelled lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from atombench.provenance.cost import Cost
from atombench.records.record import Record
from atombench.records.run_list import unit_folder
from atombench.tracking import EXPERIMENT, UNIT_TAG

Line = tuple[str, str]


def provenance(run: Record) -> list[Line]:
    """MethodName and text of each fact about a run; what the record does not hold is left out."""
    lines: list[Line] = [("run", f"{run.unit.method}, seed {run.unit.seed}, {run.status}"), ("whose", run.origin)]
    if run.reason:
        lines.append(("why it failed", run.reason))
    lines += [(f"SHA-256 of the {name}", digest) for name, digest in run.digests.model_dump().items() if digest]
    if run.options:
        lines.append(("configuration", _listed(run.options)))
    if run.about:
        lines.append(("said of itself", _listed(run.about)))
    if run.card:
        lines.append(("card", _listed(run.card)))
    for name, cost in (("training", run.training), ("predicting", run.predicting)):
        if cost is not None:
            lines += [(f"{name}: {label}" if label else name, text) for label, text in _cost(cost)]
    for name, cost in zip(("", "predicting: "), run.costs, strict=False):
        made = [(label, text) for label, text in _made_by(cost)]
        lines += [(f"{name}{label}", text) for label, text in made if (label, text) not in lines]
    lines.append(("MLflow run", f"{run.unit.key} in experiment “{EXPERIMENT}” (tag {UNIT_TAG})"))
    lines.append(("to repeat it", _command(run)))
    return lines


def as_list(lines: Sequence[Line]) -> Markup:
    """The lines as a list of terms, HTML."""
    terms = "".join(f"<dt>{label}</dt><dd>{escape(text)}</dd>" for label, text in lines)
    return Markup(f'<dl class="provenance">{terms}</dl>')


def _cost(cost: Cost) -> Iterator[Line]:
    memory = f"{cost.peak_memory_mib:.0f} MiB"
    if cost.peak_gpu_memory_mib is not None:
        memory += f", {cost.peak_gpu_memory_mib:.0f} MiB of the GPU"
    tries = f", {cost.attempts} attempts" if cost.attempts > 1 else ""
    yield "", f"{cost.seconds:.1f} s from {cost.started}, at most {memory}, {cost.device}, {cost.threads} threads{tries}"
    yield "command", cost.command


def _made_by(cost: Cost) -> list[Line]:
    commit = cost.commit + (" and uncommitted changes" if cost.dirty else "")
    return [("commit", commit), ("versions", _listed(cost.versions)), ("host", _listed(cost.host))]


def _listed(content: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(content.items()))


def _command(run: Record) -> str:
    if run.origin == "submitted predictions":
        return f"atombench score leaderboard/submissions/{run.unit.method}"
    return f"snakemake --cores 2 --configfile CONFIG -- {unit_folder(run.unit)}/record.json"
