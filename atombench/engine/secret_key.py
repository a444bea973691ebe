"""Keys of secret boards: a maintainer draws test poses with a key, so that only holders of the key can compute the labels.

An environment variable names the file of the key, which must be readable by its owner only.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from atombench.errors import ConfigError

VARIABLE = "ATOMBENCH_SECRET_KEY"
KEY_BYTES = 32


def read_key() -> str:
    """Return the key as hexadecimal text.

    Raises:
        ConfigError: the key is missing or not valid, or other users can read it.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        msg = f"this board is secret, and its labels can be computed only with the key; set {VARIABLE} to the file of the key"
        raise ConfigError(msg)
    path = Path(name)
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the key in {VARIABLE}: {getattr(error, 'strerror', None) or 'it is not text'}"
        raise ConfigError(msg) from error
    if stat.S_IMODE(mode) & 0o077:
        msg = f"other users can read the key {path}; run `chmod 600 {path}`, and create a new key if someone may have read it"
        raise ConfigError(msg)
    if re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", text) is None:
        msg = f"{path} is not a key: expected {2 * KEY_BYTES} hexadecimal digits; `atombench new-key FILE` creates one"
        raise ConfigError(msg)
    return text


def key_of_order() -> str:
    """Return what keys the order of mixed cases: a digest of the maintainer's key, or empty text without one.

    Raises:
        ConfigError: a key is set, but is not valid, or other users can read it.
    """
    return hashlib.sha256(f"order {read_key()}".encode()).hexdigest() if os.environ.get(VARIABLE) else ""


def new_key(path: Path) -> None:
    """Write a new random key to a file that only its owner can read.

    Raises:
        ConfigError: the file exists already, or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        msg = f"{path} exists already; a key is never overwritten, because its boards could no longer be scored"
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise ConfigError(msg) from error
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(KEY_BYTES) + "\n")
