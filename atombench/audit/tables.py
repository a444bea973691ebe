"""Tables of findings for readers: name, value and meaning."""

from __future__ import annotations

from atombench.audit.record import Line, VolumeFindings
from atombench.volumes.volume_set import SPLITS

ODD_EXCESS = 8  # standard errors


def volume_table(found: VolumeFindings) -> list[Line]:
    """Return the table of findings about the volumes of a dataset."""
    near, beside = found.near_threshold, found.neighbours
    low, middle, high = found.background
    alike = max((pair.likeness for pair in found.most_alike), default=0.0)
    return [
        Line.of("volumes", by_split(found.volumes), "train / val / test"),
        Line.of("subjects", by_split(found.subjects), "as far as the source names them"),
        Line.of("edge", f"{found.edge} voxels", _spacing(found.spacing_mm)),
        Line.of("equal volumes", _pairs(found.exact_pairs), "pairs whose voxels are all equal", found.exact_pairs[1] > 0),
        Line.of(
            "near-equal volumes",
            _pairs(found.near_pairs),
            f"pairs with a likeness of {near} or more (most alike across splits: {alike:.2f})",
            found.near_pairs[1] > 0,
        ),
        Line.of(
            "subjects in two splits",
            str(len(found.subjects_in_two_splits)),
            "must be none",
            bool(found.subjects_in_two_splits),
        ),
        Line.of(
            "likeness of neighbours",
            f"{beside.likeness:.2f}",
            f"of volumes that follow each other but are said to be of two subjects; all pairs: {beside.mean:.2f} ± "
            f"{beside.deviation:.2f}, so {beside.excess:.1f} standard errors more. Much more hints at subjects not named",
            beside.excess > ODD_EXCESS,
        ),
        Line.of("background", percent(middle), f"of a volume's voxels (median; {percent(low)} to {percent(high)})"),
        Line.of("nearly empty volumes", str(found.nearly_empty), "less than 0.5 % of tissue", found.nearly_empty > 0),
    ]


def by_split(counts: dict[str, int]) -> str:
    """Return the numbers of train, val and test in one cell."""
    return " / ".join(str(counts[split]) for split in SPLITS)


def _pairs(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]}, {numbers[1]} across splits"


def percent(share: float) -> str:
    """Return a share in percent, with one decimal."""
    return f"{100 * share:.1f} %"


def _spacing(spacing: list[float] | None) -> str:
    if spacing is None:
        return "physical size unknown; errors come in voxels only"
    return "of " + " × ".join(f"{length:.2f}" for length in spacing) + " mm (median)"
