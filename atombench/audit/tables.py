"""Findings as tables that people read: a name, a value, and what it means or why it matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from atombench.audit.record import BoardFindings, PartFindings, VolumeFindings
from atombench.volumes.volume_set import SPLITS

ODD_EXCESS = 8  # standard errors


@dataclass(frozen=True)
class Finding:
    """One line of a table; `odd` where a reader should look twice."""

    name: str
    value: str
    meaning: str
    odd: bool = False


def volume_table(found: VolumeFindings) -> list[Finding]:
    """Findings about the volumes of a dataset."""
    near, beside = found.near_threshold, found.neighbours
    low, middle, high = found.background
    alike = max((pair.likeness for pair in found.most_alike), default=0.0)
    return [
        Finding("volumes", by_split(found.volumes), "train / val / test"),
        Finding("subjects", by_split(found.subjects), "as far as the source names them"),
        Finding("edge", f"{found.edge} voxels", _spacing(found.spacing_mm)),
        Finding("equal volumes", _pairs(found.exact_pairs), "pairs whose voxels are all equal", found.exact_pairs[1] > 0),
        Finding(
            "near-equal volumes",
            _pairs(found.near_pairs),
            f"pairs with a likeness of {near} or more (most alike across splits: {alike:.2f})",
            found.near_pairs[1] > 0,
        ),
        Finding(
            "subjects in two splits",
            str(len(found.subjects_in_two_splits)),
            "must be none",
            bool(found.subjects_in_two_splits),
        ),
        Finding(
            "likeness of neighbours",
            f"{beside.likeness:.2f}",
            f"of volumes that follow each other but are said to be of two subjects; all pairs: {beside.mean:.2f} ± "
            f"{beside.deviation:.2f}, so {beside.excess:.1f} standard errors more. Much more hints at subjects not named",
            beside.excess > ODD_EXCESS,
        ),
        Finding("background", _percent(middle), f"of a volume's voxels (median; {_percent(low)} to {_percent(high)})"),
        Finding("nearly empty volumes", str(found.nearly_empty), "less than 0.5 % of tissue", found.nearly_empty > 0),
    ]


@dataclass(frozen=True)
class Question:
    """A question put to a part of a board, and which answers are odd."""

    name: str
    meaning: str
    answer: Callable[[PartFindings], str]
    odd: Callable[[PartFindings], bool] = lambda part: False


QUESTIONS = (
    Question("sections", "to be located", lambda part: f"{part.sections}"),
    Question("volumes", "that they are cut from", lambda part: f"{part.volumes}"),
    Question(
        "positions",
        "distinct centres; the same few in every volume let a method learn places instead of pictures",
        lambda part: f"{part.positions}",
        lambda part: part.positions < 0.5 * part.sections and part.positions < 400,
    ),
    Question("depths", "distinct third coordinates", lambda part: f"{len(part.depths)}", lambda part: len(part.depths) < 8),
    Question(
        "positions also in training",
        "share of sections whose centre is one of the training centres",
        lambda part: _percent(part.positions_in_training),
        lambda part: part.positions_in_training > 0,
    ),
    Question(
        "depths also in training",
        "share of sections whose depth is one of the training depths",
        lambda part: _percent(part.depths_in_training),
        lambda part: part.depths_in_training > 0 and len(part.depths) < 8,
    ),
    Question(
        "volumes also in training",
        "share of sections from volumes that were trained on",
        lambda part: _percent(part.volumes_in_training),
        lambda part: part.volumes_in_training > 0,
    ),
    Question(
        "normals without a negative component",
        "about 25 % where every direction of the half sphere is as likely",
        lambda part: _percent(part.first_octant),
        lambda part: part.first_octant > 0.5,
    ),
    Question(
        "unlabelled",
        "no box holds the section: no method can be right",
        lambda part: _percent(part.unlabelled),
        lambda part: part.unlabelled > 0,
    ),
    Question("without a coarse block", "not even a coarse block holds it", lambda part: _percent(part.without_block)),
    Question("sticking out", "partly outside the volume", lambda part: _percent(part.outside)),
    Question(
        "empty",
        "no tissue: nothing to go by but the ripple that cubic resampling leaves in the background",
        lambda part: _percent(part.empty),
        lambda part: part.empty > 0.01,
    ),
    Question("blank", "all pixels equal: not even that", lambda part: _percent(part.blank)),
    Question("background pixels", "mean share of a section", lambda part: _percent(part.background)),
)


def board_table(found: BoardFindings) -> list[Finding]:
    """Findings about the test sections of a board."""
    about = found.parts["test"]
    return [Finding(question.name, question.answer(about), question.meaning, question.odd(about)) for question in QUESTIONS]


def by_split(counts: dict[str, int]) -> str:
    """Numbers of train, val and test in one cell."""
    return " / ".join(str(counts[split]) for split in SPLITS)


def _pairs(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]}, {numbers[1]} across splits"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _spacing(spacing: list[float] | None) -> str:
    if spacing is None:
        return "physical size unknown; errors come in voxels only"
    return "of " + " × ".join(f"{length:.2f}" for length in spacing) + " mm (median)"
