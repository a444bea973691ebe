"""Names of methods: `NAME`, `NAME+VARIANT` (other options), `NAME@DATASET` (trained on another dataset), or both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from atombench.errors import ConfigError
from atombench.records.run import RESERVED

PATTERN = re.compile(r"(?P<name>[a-z0-9-]+)(\+(?P<variant>[a-z0-9-]+))?(@(?P<source>[a-z0-9-]+))?")


@dataclass(frozen=True)
class MethodName:
    """Parts of the name of a method.

    Attributes:
        name: name of the method in the table.
        variant: name of a set of options; empty for the defaults.
        source: dataset of the training; empty if it is the test dataset.
    """

    name: str
    variant: str = ""
    source: str = ""

    @staticmethod
    def read(text: str) -> MethodName:
        """Split the name of a method into its parts.

        Raises:
            ConfigError: the text is not of the form NAME or NAME+VARIANT, optionally followed by @DATASET, or is reserved.
        """
        match = PATTERN.fullmatch(text)
        if match is None:
            msg = f"expected a method such as regismcan or regismcan+wide (a-z, 0-9 and -), got {text!r}"
            raise ConfigError(msg)
        if match["name"] in RESERVED:
            msg = f"the name {match['name']!r} is reserved for rows that are not methods"
            raise ConfigError(msg)
        return MethodName(match["name"], match["variant"] or "", match["source"] or "")

    @property
    def configured(self) -> str:
        """The name as it appears in a configuration, without the dataset."""
        return f"{self.name}+{self.variant}" if self.variant else self.name
