"""The run's configuration: which datasets, gatherings, methods and seeds; validated before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from atombench.atom.sampling import GATHERINGS
from atombench.errors import ConfigError, unknown_name
from atombench.evaluation.record import Unit
from atombench.methods.registry import METHODS, default_options, entry_of, resolved_options
from atombench.schema import validated
from atombench.volumes.registry import REGISTRY, read_registry


class RunConfig(BaseModel):
    """A run: the matrix of datasets x gatherings x splits x scales x methods x seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="name of the run, part of a file name")
    datasets: list[str] = Field(min_length=1)
    gatherings: list[Literal["hard", "easy", "uniform"]] = Field(min_length=1)
    splits: list[Literal["none"]] = Field(default=["none"], min_length=1)
    scales: list[Literal[1, 2, 3]] = Field(default=[1], min_length=1)
    seeds: list[int] = Field(min_length=1)
    methods: dict[str, dict[str, Any] | None] = Field(min_length=1, description="options by method, over the defaults")

    def units(self) -> Iterator[Unit]:
        """Every run of the matrix; a method that is not seeded runs with the first seed only."""
        for dataset in self.datasets:
            for gathering in self.gatherings:
                for split in self.splits:
                    for scale in self.scales:
                        for method in self.methods:
                            for seed in self.seeds if METHODS[method].seeded else self.seeds[:1]:
                                yield Unit(
                                    dataset=dataset, gathering=gathering, split=split, scale=scale,
                                    method=method, seed=seed,
                                )  # fmt: skip


_RUN: TypeAdapter[RunConfig] = TypeAdapter(RunConfig)


def check_run(content: Any, source: str = "config", registry: Path = REGISTRY) -> RunConfig:
    """Check a run's configuration, with the names of datasets, methods and options in it.

    Raises:
        ConfigError: all that pydantic finds, or the first unknown name with the nearest valid one.
    """
    if isinstance(content, dict):
        for value in content.get("gatherings") or []:
            if value not in GATHERINGS:
                raise ConfigError(f"{source}: {unknown_name('gathering', value, GATHERINGS)}")  # noqa: EM102
    run = validated(_RUN, content, source)
    rows, defaults = read_registry(registry), default_options()
    for dataset in run.datasets:
        if dataset not in rows:
            raise ConfigError(f"{source}: {unknown_name('dataset', dataset, rows)}")  # noqa: EM102
    for method, overrides in run.methods.items():
        entry_of(method)
        resolved_options(method, overrides or {}, defaults)
    return run
