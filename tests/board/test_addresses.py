import re

from hypothesis import given
from hypothesis import strategies as st

from atombench.board.addresses import addresses


def test_plain_names_are_their_own_addresses() -> None:
    assert addresses({name: name for name in ("regismcan", "regismcan+wide@ixi-t1")}) == {
        "regismcan": "regismcan", "regismcan+wide@ixi-t1": "regismcan+wide@ixi-t1",
    }  # fmt: skip


@given(st.lists(st.text(max_size=300), max_size=20))
def test_any_names_get_addresses_that_are_safe_and_differ(names: list[str]) -> None:
    found = addresses({name: name for name in names})
    assert set(found) == set(names)
    assert len({slug.lower() for slug in found.values()}) == len(found)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+@_-]{0,99}", slug) for slug in found.values())
