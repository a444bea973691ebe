"""A folder with a working method, its test and its card, to start from."""

from __future__ import annotations

from pathlib import Path

import jinja2

from atombench import PROTOCOL
from atombench.engine.external import NAME
from atombench.errors import ConfigError
from atombench.io.paths import SUBMISSIONS
from atombench.submissions.boards import write_text
from atombench.submissions.validate import TAKEN

FILES = ("method.py", "test_method.py", "submission.yaml", "card.md")


def new_method(name: str, root: Path = SUBMISSIONS) -> Path:
    """Write the folder of a new method.

    Raises:
        ConfigError: the name is not allowed or taken, or the folder is there already.
    """
    folder = root / name
    if NAME.fullmatch(name) is None or "--" in name or name.endswith("-"):
        msg = f"expected a name such as my-method (2 to 40 of a-z, 0-9 and -), got {name[:60]!r}"
        raise ConfigError(msg)
    if name in TAKEN:
        msg = f"{name!r} is taken by the platform's own method; choose another name"
        raise ConfigError(msg)
    if folder.exists():
        msg = f"{folder} is there already; nothing was changed"
        raise ConfigError(msg)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("atombench.submissions"), autoescape=False, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    words = name.split("-")
    cls = "".join(word.capitalize() for word in words)
    facts = {
        "name": name, "folder": folder.as_posix(), "protocol": PROTOCOL, "title": " ".join(words).capitalize(),
        "cls": cls if cls[0].isalpha() else f"Method{cls}",
    }  # fmt: skip
    for file in FILES:
        write_text(folder / file, environment.get_template(f"{file}.j2").render(**facts))
    return folder
