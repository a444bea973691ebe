"""Random numbers from keyed streams: what is drawn depends on its key, never on the order of access.

A stream is a counter-based Philox generator whose key is the SHA-256 of the stream's name. Only its raw 64-bit words are
used: NumPy promises that those never change, which it does not promise of its distributions.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Word = NDArray[np.uint64]


def seed_of(*key: object) -> int:
    """Turn a key (any printable parts) into a 128-bit integer."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def words(count: int, *key: object) -> Word:
    """Draw the first `count` raw 64-bit words of the stream `key`; shape (count,)."""
    return np.random.Philox(key=seed_of(*key)).random_raw(count)


def uniform(count: int, *key: object) -> NDArray[np.float64]:
    """Draw `count` floats, uniform on [0, 1); shape (count,)."""
    return (words(count, *key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(count: int, *key: object) -> NDArray[np.float64]:
    """Draw `count` standard normal floats by Box and Muller's formula; shape (count,)."""
    u = uniform(2 * count, *key)
    return np.asarray(np.sqrt(-2.0 * np.log1p(-u[:count])) * np.cos(2.0 * np.pi * u[count:]))


def permutation(count: int, *key: object) -> NDArray[np.int64]:
    """Order 0 .. count-1 at random; shape (count,)."""
    return np.argsort(words(count, *key), kind="stable").astype(np.int64)
