from typing import get_args, get_type_hints

import pytest

from atombench.engine.entry import Entry
from atombench.pages.figure import ROLE_COLOURS, ROLE_SYMBOLS, make_figure, safe


@pytest.mark.parametrize("name", ["<b>x</b>", "%{x}", "y" * 500])
def test_names_are_escaped_for_plotly(name: str) -> None:
    assert not set("<>") & set(safe(name))
    assert "%{" not in safe(name)
    assert len(safe(name)) < 80


def test_every_role_of_a_method_has_a_colour_and_a_symbol() -> None:
    roles = set(get_args(get_type_hints(Entry)["role"]))
    assert roles == set(ROLE_COLOURS) == set(ROLE_SYMBOLS)


def test_a_figure_without_traces_only_has_its_reason() -> None:
    figure = make_figure(("key", "title", "caption"), [], {}, "nothing was measured")
    assert (figure.content, figure.reason) == ("", "nothing was measured")
