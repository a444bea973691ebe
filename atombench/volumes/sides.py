"""Which volumes train, validate and test, where the source has no official split; a subject never lies on two sides."""

from __future__ import annotations

from collections.abc import Mapping

from atombench import streams
from atombench.errors import DataError
from atombench.volumes.registry import SplitCounts, SplitShares
from atombench.volumes.volume_set import SPLITS


def assign_sides(groups: Mapping[str, str], rule: SplitShares | SplitCounts, key: str) -> dict[str, str]:
    """Side (`train`, `val` or `test`) of each volume that is kept.

    Args:
        groups: subject of each volume.
        rule: shares of the subjects, or exact numbers of volumes.
        key: names the stream.

    Raises:
        DataError: there are too few volumes for the numbers asked for.
    """
    if isinstance(rule, SplitCounts):
        return draw_volumes(groups, rule, key)
    side = split_groups(sorted(set(groups.values())), rule, key)
    return {volume: side[group] for volume, group in groups.items()}


def split_groups(groups: list[str], shares: SplitShares, key: str) -> dict[str, str]:
    """Put each group on one side, by a keyed order, in the given shares (rounded)."""
    order = [groups[index] for index in streams.permutation(len(groups), "split-groups", key)]
    val, test = round(shares.val * len(order)), round(shares.test * len(order))
    sides = ["val"] * val + ["test"] * test + ["train"] * (len(order) - val - test)
    return dict(zip(order, sides, strict=True))


def draw_volumes(groups: Mapping[str, str], counts: SplitCounts, key: str) -> dict[str, str]:
    """Draw exact numbers of volumes, in an order keyed by the seed.

    Each volume goes where its subject is already; a new subject goes to a side drawn in proportion to what is still missing
    there. A volume whose side is full is passed over.

    Raises:
        DataError: there are too few volumes.
    """
    names = sorted(groups)
    order = streams.permutation(len(names), "draw-volumes", key, counts.seed)
    words = streams.words(len(names), "draw-sides", key, counts.seed)
    missing = {side: getattr(counts, side) for side in SPLITS}
    side_of_group: dict[str, str] = {}
    sides: dict[str, str] = {}
    for word, index in zip(words, order, strict=True):
        total = sum(missing.values())
        if not total:
            break
        volume = names[index]
        group = groups[volume]
        if group not in side_of_group:
            side_of_group[group] = _weighted(missing, int(word) % total)
        side = side_of_group[group]
        if missing[side]:
            missing[side] -= 1
            sides[volume] = side
    if short := {side: number for side, number in missing.items() if number}:
        wanted = {side: getattr(counts, side) for side in SPLITS}
        msg = (
            f"{key}: {wanted} volumes are asked for, but {len(names)} volumes of {len(set(groups.values()))} subjects "
            f"leave {short} missing when no subject may lie on two sides; ask for fewer"
        )
        raise DataError(msg)
    return sides


def _weighted(weights: Mapping[str, int], number: int) -> str:
    """Name whose share of the total the number falls into."""
    for name, weight in weights.items():
        if number < weight:
            return name
        number -= weight
    msg = "the number must be below the sum of the weights"
    raise ValueError(msg)
