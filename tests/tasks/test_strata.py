"""Strata are sorted by their names alone."""

import pytest

from atombench.tasks.strata import in_order


@pytest.mark.parametrize(
    "names",
    [
        ["k 0 to 4", "k 5 to 9", "k 10 to 14", "k 15 to 19"],
        ["none", "below half", "half or more", "all"],
        ["i", "j", "k"],
        ["block 02", "block 10", "block 26"],
        ["-1", "0.5", "2", "10", "1e+06", "unknown"],
        ["AD", "CN", "MCI", "type 10", "type 9"],
        ["below 5", "5 to 9.5", "9.5 to 30", "30 and above", "unknown"],
    ],
)
def test_strata_are_sorted_in_natural_order(names: list[str]) -> None:
    mixed = [*names[::-1], *names, ""]
    assert in_order(mixed) == names
