"""How to search for a section: method, region, weights and measure of similarity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atombench.errors import ConfigError
from atombench.locating.region import Region

Method = Literal["search", "locus"]
Measure = Literal["absolute-ncc", "gradient-fields"]
METHODS: tuple[Method, ...] = ("search", "locus")


@dataclass(frozen=True)
class Choices:
    """How to search for a section.

    Attributes:
        method: how candidates are found.
        region: where the centre lies, if this is known.
        weights: bundle of a training of `locus`, instead of the published one.
        similarity: measure of similarity; its greatest value must be 1.

    Raises:
        ConfigError: there is no such method, or there are weights for the search.
    """

    method: Method = "search"
    region: Region | None = None
    weights: Path | None = None
    similarity: Measure = "absolute-ncc"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            msg = f"there is no method {self.method!r} for locate; choose one of {', '.join(METHODS)}"
            raise ConfigError(msg)
        if self.weights is not None and self.method == "search":
            msg = "the method search uses no weights; choose --method locus"
            raise ConfigError(msg)
