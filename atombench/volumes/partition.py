"""Which volumes train, validate and test, where the source has no official split; a subject never lies on two sides."""

from __future__ import annotations

from collections.abc import Mapping

from atombench import streams
from atombench.errors import DataError
from atombench.volumes.registry import SplitCounts, SplitShares
from atombench.volumes.volume_set import SPLITS

ATTEMPTS = 200


def assign_sides(groups: Mapping[str, str], rule: SplitShares | SplitCounts, key: str) -> dict[str, str]:
    """Side (`train`, `val` or `test`) of each volume that is kept.

    Args:
        groups: subject of each volume.
        rule: shares of the subjects, or exact numbers of volumes.
        key: names the stream.

    Raises:
        DataError: there are too few subjects, or too few volumes for the numbers asked for.
    """
    if isinstance(rule, SplitCounts):
        return draw_volumes(groups, rule, key)
    side = split_groups(sorted(set(groups.values())), rule, key)
    return {volume: side[group] for volume, group in groups.items()}


def split_groups(groups: list[str], shares: SplitShares, key: str) -> dict[str, str]:
    """Put each subject on one side, by a keyed order, in the given shares (rounded, at least one on each side).

    Raises:
        DataError: there are fewer than three subjects.
    """
    if len(groups) < len(SPLITS):
        msg = f"{key}: {len(groups)} subjects cannot be split into training, validation and test; at least 3 are needed"
        raise DataError(msg)
    order = [groups[index] for index in streams.permutation(len(groups), "split-groups", key)]
    val, test = (max(round(share * len(order)), 1) for share in (shares.val, shares.test))
    sides = ["val"] * val + ["test"] * test + ["train"] * (len(order) - val - test)
    return dict(zip(order, sides, strict=True))


def draw_volumes(groups: Mapping[str, str], counts: SplitCounts, key: str) -> dict[str, str]:
    """Draw exact numbers of volumes at random, in an order keyed by the seed; the first complete one of many draws counts.

    Raises:
        DataError: there are too few volumes, or no draw gave all numbers without a subject on two sides.
    """
    wanted = {side: getattr(counts, side) for side in SPLITS}
    about = f"{key}: {wanted} volumes are asked for; there are {len(groups)} volumes of {len(set(groups.values()))} subjects"
    if len(groups) < sum(wanted.values()):
        raise DataError(about)
    for attempt in range(ATTEMPTS):
        sides = _draw_once(groups, wanted, key, counts.seed, attempt)
        if len(sides) == sum(wanted.values()):
            return sides
    msg = f"{about}, and none of {ATTEMPTS} draws gave these numbers without a subject on two sides; ask for fewer"
    raise DataError(msg)


def _draw_once(groups: Mapping[str, str], wanted: Mapping[str, int], *key: object) -> dict[str, str]:
    """Go through all volumes in a random order.

    Each goes where its subject is already; a new subject goes to a side drawn in proportion to what is still missing there.
    A volume whose side is full is passed over.
    """
    names = sorted(groups)
    order = streams.permutation(len(names), "draw-volumes", *key)
    words = streams.words(len(names), "draw-sides", *key)
    missing = dict(wanted)
    side_of_group: dict[str, str] = {}
    sides: dict[str, str] = {}
    for word, index in zip(words, order, strict=True):
        if not (total := sum(missing.values())):
            break
        volume = names[index]
        group = groups[volume]
        if group not in side_of_group:
            side_of_group[group] = _weighted(missing, int(word) % total)
        side = side_of_group[group]
        if missing[side]:
            missing[side] -= 1
            sides[volume] = side
    return sides


def _weighted(weights: Mapping[str, int], number: int) -> str:
    """Name whose share of the total the number, from 0 to that total, falls into."""
    chosen = ""
    for name, weight in weights.items():
        chosen = name
        if number < weight:
            break
        number -= weight
    return chosen
