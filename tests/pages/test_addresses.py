import re

from hypothesis import given
from hypothesis import strategies as st

from atombench.pages.addresses import addresses


def test_plain_names_are_used_as_addresses() -> None:
    assert addresses({name: name for name in ("regismcan", "regismcan+wide@ixi-t1")}) == {
        "regismcan": "regismcan",
        "regismcan+wide@ixi-t1": "regismcan+wide@ixi-t1",
    }


@given(st.lists(st.text(max_size=300), max_size=20))
def test_addresses_of_any_names_are_safe_and_unique(names: list[str]) -> None:
    slugs = addresses({name: name for name in names})
    assert set(slugs) == set(names)
    assert len({slug.lower() for slug in slugs.values()}) == len(slugs)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+@_-]{0,99}", slug) for slug in slugs.values())
