"""Secret boards: the sampler of the public board, with test poses drawn from streams with a secret key."""

from __future__ import annotations

SUFFIX = "-secret"


def is_secret(gathering: str) -> bool:
    """Return whether a gathering belongs to secret boards."""
    return gathering.endswith(SUFFIX)


def public_gathering(gathering: str) -> str:
    """Return the public gathering with the same sampler, which is the one that methods see."""
    return gathering.removesuffix(SUFFIX)
