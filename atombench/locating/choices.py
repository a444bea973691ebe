"""How to search for a section: method, measure of similarity, region and weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atombench.errors import ConfigError
from atombench.locating.confidence import published_calibrations
from atombench.locating.region import Region

Method = Literal["search", "locus"]
Measure = Literal["absolute-ncc", "gradient-fields"]
METHODS: tuple[Method, ...] = ("search", "locus")
SIMILARITIES: tuple[Measure, ...] = ("absolute-ncc", "gradient-fields")
DEFAULT_SIMILARITY: Measure = "absolute-ncc"


@dataclass(frozen=True)
class Choices:
    """How to search for a section.

    Attributes:
        method: how candidates are found.
        similarity: measure of similarity.
        region: where the centre lies, if this is known.
        weights: bundle of a training of `locus`, instead of the published one.

    Raises:
        ConfigError: there is no such method or measure, they are not calibrated together, or there are weights for the search.
    """

    method: Method = "search"
    similarity: Measure = DEFAULT_SIMILARITY
    region: Region | None = None
    weights: Path | None = None

    def __post_init__(self) -> None:
        known = {"method": (self.method, METHODS), "measure of similarity": (self.similarity, SIMILARITIES)}
        for kind, (name, names) in known.items():
            if name not in names:
                msg = f"there is no {kind} {name!r} for locate; choose one of {', '.join(names)}"
                raise ConfigError(msg)
        if f"{self.method}/{self.similarity}" not in published_calibrations():
            msg = f"the probabilities of {self.method} with {self.similarity} are not calibrated; use {DEFAULT_SIMILARITY}"
            raise ConfigError(msg)
        if self.weights is not None and self.method == "search":
            msg = "the method search uses no weights; choose --method locus"
            raise ConfigError(msg)
