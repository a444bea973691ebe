"""Addresses of pages: file names that are safe whatever a record calls its board or method, and never the same for two."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

PLAIN = re.compile(r"[a-z0-9][a-z0-9.+@_-]*")
LONGEST = 80


def addresses(names: Iterable[str]) -> dict[str, str]:
    """File name, without its ending, for each name: the name itself where it is plain, else what is left of it and a digest."""
    every = sorted(set(names))
    wanted = {name: _cleaned(name) for name in every}
    often = Counter(wanted.values())
    return {name: slug if often[slug] == 1 and slug == name else f"{slug}-{_digest(name)}" for name, slug in wanted.items()}


def _cleaned(name: str) -> str:
    if PLAIN.fullmatch(name) and len(name) <= LONGEST:
        return name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-") or "name"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
