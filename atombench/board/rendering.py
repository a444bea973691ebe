"""Rendering of templates; everything that a record says is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from atombench import PROTOCOL, __version__


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("atombench.board"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"protocol": PROTOCOL, "version": __version__}
    environment.filters["embedded"] = embedded
    return environment


def rendered(template: str, root: str = "", **content: Any) -> str:
    """A page or a part of one; `root` leads from it to the folder that holds the assets."""
    return _environment().get_template(template).render(root=root, **content)


def embedded(text: str) -> Markup:
    """JSON that may stand inside a script element: nothing in it ends the element or begins another."""
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
