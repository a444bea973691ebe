"""Template rendering; all text from records is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from atombench import __version__
from atombench.pages.axis import written

OWN = "atombench.pages"


@dataclass
class Frame:
    """Elements shared by all pages.

    Attributes:
        links: links to pages of tasks: address relative to the start page, and text.
        protocols: tasks and their protocol versions, as text.
    """

    links: tuple[tuple[str, str], ...] = ()
    protocols: str = ""


FRAME = Frame()
"""Frame of the current site; set once in each process that renders pages."""


@cache
def _environment(package: str) -> jinja2.Environment:
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in dict.fromkeys((package, OWN))])
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"version": __version__, "frame": FRAME}
    environment.filters |= {"embedded": embedded, "written": written}
    return environment


def rendered(package: str, template: str, root: str = "", **content: Any) -> str:
    """Render a page or a part of one.

    Args:
        package: package with the folder `templates`, which may extend and import the templates of `atombench.pages`.
        template: file name of the template.
        root: relative path from the page to the root of the site.
        content: variables of the template.
    """
    return _environment(package).get_template(template).render(root=root, **content)


def embedded(text: str) -> Markup:
    """Escape JSON for a script element, so that it cannot close the element or open another."""
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
