"""Random numbers from keyed streams: a draw depends on its key only, never on the order of access.

A stream is a counter-based Philox generator keyed with the SHA-256 of the stream's name. Only its raw 64-bit words are
used, because NumPy guarantees that these never change; it gives no such guarantee for its distributions.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Word = NDArray[np.uint64]


def seed_of(*key: object) -> int:
    """Return the 128-bit integer seed of a key (any printable parts)."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def words(count: int, *key: object) -> Word:
    """Return the first `count` raw 64-bit words of the stream `key`; shape (count,)."""
    return np.random.Philox(key=seed_of(*key)).random_raw(count)


def uniform(count: int, *key: object) -> NDArray[np.float64]:
    """Return `count` floats, uniform on [0, 1); shape (count,)."""
    return (words(count, *key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(count: int, *key: object) -> NDArray[np.float64]:
    """Return `count` standard normal floats by the Box-Muller transform; shape (count,)."""
    u = uniform(2 * count, *key)
    return np.asarray(np.sqrt(-2.0 * np.log1p(-u[:count])) * np.cos(2.0 * np.pi * u[count:]))


def permutation(count: int, *key: object) -> NDArray[np.int64]:
    """Return a random permutation of 0 .. count-1; shape (count,)."""
    return np.argsort(words(count, *key), kind="stable").astype(np.int64)
