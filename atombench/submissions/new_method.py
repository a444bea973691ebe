"""Create the folder of a working example method with a test and a card."""

from __future__ import annotations

from pathlib import Path

import jinja2

from atombench.engine.external import NAME
from atombench.errors import ConfigError
from atombench.io.files import write_text
from atombench.io.paths import SUBMISSIONS
from atombench.submissions.reserved import reserved
from atombench.tasks.table import DEFAULT, find_task

FILES = ("method.py", "test_method.py", "submission.yaml", "card.md")


def new_method(name: str, root: Path = SUBMISSIONS) -> Path:
    """Create the folder of a new method and return it.

    Raises:
        ConfigError: the name is invalid or reserved, or the folder already exists.
    """
    folder = root / name
    if NAME.fullmatch(name) is None or "--" in name or name.endswith("-"):
        msg = f"expected a name such as my-method (2 to 40 of a-z, 0-9 and -), got {name[:60]!r}"
        raise ConfigError(msg)
    if name in reserved():
        msg = f"{name!r} is the name of a built-in method; choose another name"
        raise ConfigError(msg)
    if folder.exists():
        msg = f"{folder} already exists; nothing was changed"
        raise ConfigError(msg)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("atombench.submissions"),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    words = name.split("-")
    cls = "".join(word.capitalize() for word in words)
    facts = {
        "name": name,
        "folder": folder.as_posix(),
        "protocol": find_task(DEFAULT).protocol,
        "title": " ".join(words).capitalize(),
        "cls": cls if cls[0].isalpha() else f"Method{cls}",
    }
    for file in FILES:
        write_text(folder / file, environment.get_template(f"{file}.j2").render(**facts))
    return folder
