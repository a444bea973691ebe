"""Provenance of a run: facts from its record as labelled lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from atombench.provenance.cost import Cost
from atombench.records.layout import Layout
from atombench.records.record import Record
from atombench.tracking import RUN_TAG, experiment_of

Line = tuple[str, str]


def provenance(run: Record) -> list[Line]:
    """Return label and text of each fact about a run; missing facts are omitted."""
    lines: list[Line] = [("run", f"{run.run.method}, seed {run.run.seed}, {run.status}"), ("origin", run.origin)]
    if run.reason:
        lines.append(("reason of the failure", run.reason))
    lines += [(f"SHA-256 of the {name}", digest) for name, digest in run.digests.model_dump().items() if digest]
    if run.options:
        lines.append(("configuration", _listed(run.options)))
    confined = run.about.get("sandbox")
    if reported := {name: value for name, value in run.about.items() if name != "sandbox"}:
        lines.append(("reported by the method", _listed(reported)))
    if isinstance(confined, Mapping):
        lines.append(("entry point", str(confined.get("code", "unknown"))))
        lines.append(("sandbox", _listed({name: value for name, value in confined.items() if name != "code"})))
    if run.card:
        lines.append(("card", _listed(run.card)))
    for name, cost in (("training", run.training), ("predicting", run.predicting)):
        if cost is not None:
            lines += [(f"{name}: {label}" if label else name, text) for label, text in _cost(cost)]
    for name, cost in zip(("", "predicting: "), run.costs, strict=False):
        lines += [(f"{name}{label}", text) for label, text in _made_by(cost) if (label, text) not in lines]
    lines.append(("MLflow run", f"{run.run.key} in experiment “{experiment_of(run)}” (tag {RUN_TAG})"))
    lines.append(("reproduce", _command(run)))
    return lines


def as_list(lines: Sequence[Line]) -> Markup:
    """Return the lines as an HTML description list."""
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
    if run.origin == "self-reported":
        return f"atombench score leaderboard/submissions/{run.run.method}"
    return f"snakemake --cores 2 --configfile CONFIG -- {Layout().record(run.run)}"
