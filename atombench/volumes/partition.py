"""Assign volumes to training, validation and test where the source has no official split; subjects are kept together."""

from __future__ import annotations

from collections.abc import Mapping

from atombench import streams
from atombench.errors import DataError
from atombench.volumes.registry import SplitCounts, SplitShares, TestOnly
from atombench.volumes.volume_set import SPLITS

ATTEMPTS = 200


def assign_partition(groups: Mapping[str, str], rule: SplitShares | SplitCounts | TestOnly, key: str) -> dict[str, str]:
    """Return the split (`train`, `val` or `test`) of each volume that is kept.

    Args:
        groups: subject of each volume.
        rule: shares of the subjects, exact numbers of volumes, or `test` for all of them.
        key: name of the random stream.

    Raises:
        DataError: there are too few subjects or too few volumes.
    """
    if rule == "test":
        return dict.fromkeys(groups, rule)
    if isinstance(rule, SplitCounts):
        return draw_volumes(groups, rule, key)
    split_of_group = split_groups(sorted(set(groups.values())), rule, key)
    return {volume: split_of_group[group] for volume, group in groups.items()}


def split_groups(groups: list[str], shares: SplitShares, key: str) -> dict[str, str]:
    """Assign each subject to a split, in a keyed random order and in the given shares (rounded, at least one per split).

    Raises:
        DataError: there are fewer than three subjects.
    """
    if len(groups) < len(SPLITS):
        msg = f"{key}: {len(groups)} subjects cannot be split into training, validation and test; at least 3 are needed"
        raise DataError(msg)
    order = [groups[index] for index in streams.permutation(len(groups), "split-groups", key)]
    val, test = (max(round(share * len(order)), 1) for share in (shares.val, shares.test))
    splits = ["val"] * val + ["test"] * test + ["train"] * (len(order) - val - test)
    return dict(zip(order, splits, strict=True))


def draw_volumes(groups: Mapping[str, str], counts: SplitCounts, key: str) -> dict[str, str]:
    """Draw exact numbers of volumes in an order keyed by the seed; the first of many attempts that is complete is returned.

    Raises:
        DataError: there are too few volumes, or no attempt gave all numbers with each subject in one split.
    """
    wanted = {split: getattr(counts, split) for split in SPLITS}
    request = f"{key}: {wanted} volumes are requested; there are {len(groups)} volumes of {len(set(groups.values()))} subjects"
    if len(groups) < sum(wanted.values()):
        raise DataError(request)
    for attempt in range(ATTEMPTS):
        split_of_volume = _draw_once(groups, wanted, key, counts.seed, attempt)
        if len(split_of_volume) == sum(wanted.values()):
            return split_of_volume
    msg = f"{request}, and none of {ATTEMPTS} draws gave these numbers with each subject in one split; request fewer volumes"
    raise DataError(msg)


def _draw_once(groups: Mapping[str, str], wanted: Mapping[str, int], *key: object) -> dict[str, str]:
    """Go through all volumes in a random order and assign splits.

    A volume goes to the split of its subject; a new subject goes to a split drawn in proportion to the volumes that it still
    lacks. A volume whose split is full is skipped. The names of the streams ("draw-sides") are part of the shipped draws.
    """
    names = sorted(groups)
    order = streams.permutation(len(names), "draw-volumes", *key)
    words = streams.words(len(names), "draw-sides", *key)
    missing = dict(wanted)
    split_of_group: dict[str, str] = {}
    split_of_volume: dict[str, str] = {}
    for word, index in zip(words, order, strict=True):
        if not (total := sum(missing.values())):
            break
        volume = names[index]
        group = groups[volume]
        if group not in split_of_group:
            split_of_group[group] = _weighted(missing, int(word) % total)
        split = split_of_group[group]
        if missing[split]:
            missing[split] -= 1
            split_of_volume[volume] = split
    return split_of_volume


def _weighted(weights: Mapping[str, int], number: int) -> str:
    """Return the name in whose share of the total a number (from 0 to below the total) falls."""
    chosen = ""
    for name, weight in weights.items():
        chosen = name
        if number < weight:
            break
        number -= weight
    return chosen
