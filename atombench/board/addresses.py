"""Addresses of pages: file names that are safe whatever a record calls its board or method, and never the same for two."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping

PLAIN = re.compile(r"[a-z0-9][a-z0-9.+@_-]*")
LONGEST = 80


def addresses(wanted: Mapping[str, str]) -> dict[str, str]:
    """File name, without its ending, for each name.

    Args:
        wanted: names, each with the address that it would like; that is taken where it is plain and nobody else's, else what
            is left of it with a digest of the name.
    """
    cleaned = {name: _cleaned(address) for name, address in sorted(wanted.items())}
    often = Counter(cleaned.values())
    return {
        name: address if often[address] == 1 and address == wanted[name] else f"{address}-{_digest(name)}"
        for name, address in cleaned.items()
    }


def _cleaned(name: str) -> str:
    if PLAIN.fullmatch(name) and len(name) <= LONGEST:
        return name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-") or "name"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
