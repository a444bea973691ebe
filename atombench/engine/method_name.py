"""Labels of methods: `NAME`, `NAME+VARIANT` (other options), `NAME@DATASET` (trained on another dataset), or all three."""

from __future__ import annotations

import re
from dataclasses import dataclass

from atombench.errors import ConfigError

PATTERN = re.compile(r"(?P<name>[a-z0-9-]+)(\+(?P<variant>[a-z0-9-]+))?(@(?P<source>[a-z0-9-]+))?")


@dataclass(frozen=True)
class MethodName:
    """What a label says.

    Attributes:
        name: of the method in the table.
        variant: name of a set of options, empty for the default ones.
        source: dataset on which it was trained, empty for the one on which it is tested.
    """

    name: str
    variant: str = ""
    source: str = ""

    @staticmethod
    def read(text: str) -> MethodName:
        """Take a label apart.

        Raises:
            ConfigError: it is not of the form NAME, NAME+VARIANT, with @DATASET or without.
        """
        found = PATTERN.fullmatch(text)
        if found is None:
            msg = f"expected a method such as regismcan or regismcan+wide (a-z, 0-9 and -), got {text!r}"
            raise ConfigError(msg)
        return MethodName(found["name"], found["variant"] or "", found["source"] or "")

    @property
    def configured(self) -> str:
        """The label as a run's config names it: without the dataset."""
        return f"{self.name}+{self.variant}" if self.variant else self.name
