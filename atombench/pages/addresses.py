"""Addresses of pages: safe and unique file names for any name of a board or method."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping

PLAIN = re.compile(r"[a-z0-9][a-z0-9.+@_-]*")
LONGEST = 80


def addresses(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return a safe and unique file name, without suffix, for each name.

    Args:
        wanted: preferred address of each name. It is used if it is plain and unique; otherwise the address is the sanitized
            preference with a digest of the name.
    """
    cleaned = {name: _cleaned(address) for name, address in sorted(wanted.items())}
    counts = Counter(cleaned.values())
    return {
        name: address if counts[address] == 1 and address == wanted[name] else f"{address}-{_digest(name)}"
        for name, address in cleaned.items()
    }


def _cleaned(name: str) -> str:
    if PLAIN.fullmatch(name) and len(name) <= LONGEST:
        return name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-") or "name"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
