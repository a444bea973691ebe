"""Secret boards: test poses drawn with a maintainer's key, so that nobody else can compute their labels.

The sampler is that of the public board; training and validation sections are the same. Only the streams of the test part are
keyed anew. The key is a file that its owner alone can read, named by an environment variable.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from atombench.errors import ConfigError

VARIABLE = "ATOMBENCH_SECRET_KEY"
SUFFIX = "-secret"
KEY_BYTES = 32


def is_secret(gathering: str) -> bool:
    """Whether a gathering is one of a secret board."""
    return gathering.endswith(SUFFIX)


def public_gathering(gathering: str) -> str:
    """The gathering whose sampler is used; all that a method needs to know."""
    return gathering.removesuffix(SUFFIX)


def read_key() -> str:
    """The maintainer's key, as hexadecimal text.

    Raises:
        ConfigError: there is none, or others may read it.
    """
    place = os.environ.get(VARIABLE)
    if not place:
        msg = f"this board is secret: its labels exist only where the maintainer's key is; {VARIABLE} must name the key's file"
        raise ConfigError(msg)
    path = Path(place)
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the key in {VARIABLE} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}"
        raise ConfigError(msg) from error
    if stat.S_IMODE(mode) & 0o077:
        msg = f"others may read the key {path}; `chmod 600` it, and make a new one if that may have happened"
        raise ConfigError(msg)
    if re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", text) is None:
        msg = f"{path} is no key: expected {2 * KEY_BYTES} hexadecimal digits; `atombench new-key FILE` makes one"
        raise ConfigError(msg)
    return text


def new_key(path: Path) -> None:
    """Write a new random key that only its owner can read.

    Raises:
        ConfigError: the file is there already, or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        msg = f"{path} is there already; a key is never overwritten, since its boards could not be scored any more"
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise ConfigError(msg) from error
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(KEY_BYTES) + "\n")
