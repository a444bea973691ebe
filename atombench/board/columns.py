"""The columns of a board's table: what each shows, how it is written, and why it may be blank."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from atombench.board.rows import Number, Row
from atombench.statistics.bootstrap import Estimate
from atombench.tasks.atom.metrics import PRIMARY

LOWEST_DRAWN = 1e-3  # whiskers stand on a logarithmic axis from here to 1
Kind = Literal["share", "number", "count", "seconds", "mebibytes"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name in the page's address.
        source: protocol and metric, or the name of a fact.
        kind: how its values are written.
        meaning: one sentence for the reader.
        absent: why a complete method may have no such value.
        rising: whether higher is better.
        shown: whether it is shown before the reader chooses.
    """

    key: str
    heading: str
    source: tuple[str, str] | str
    kind: Kind
    meaning: str
    absent: str = "this method has no such number"
    rising: bool = True
    shown: bool = True


NOT_LEARNED = "only learned methods are asked again with an input exchanged"
NO_POSE = "this method gives boxes, no poses"
NO_MM = "this method gives no poses, or the size of a voxel is not known"
NOT_MEASURED = "not known: nothing was run here, or the run did not say"
SCORE = Column(
    "recall1", "recall@1", ("strict", PRIMARY), "share",
    "share of sections whose best-scored box of 729 is correct; ranked",
)  # fmt: skip
COLUMNS = (
    SCORE,
    Column(
        "volume-swap", "volumes swapped", ("volume-swap", PRIMARY), "share",
        "recall@1 when each volume is replaced by another test volume; a method that does not fall does not look at it",
        NOT_LEARNED,
    ),
    Column(
        "section-swap", "sections swapped", ("section-swap", PRIMARY), "share",
        "recall@1 when each section is replaced by one of another volume", NOT_LEARNED,
    ),
    Column("recall5", "recall@5", ("strict", "fine_recall@5"), "share", "one of the five best-scored boxes is correct"),
    Column(
        "recall10", "recall@10", ("strict", "fine_recall@10"), "share", "one of the ten best-scored boxes is correct",
        shown=False,
    ),
    Column(
        "mrr", "MRR", ("strict", "mean_reciprocal_rank"), "share",
        "mean of 1 / rank of the best-ranked correct box, in percent", shown=False,
    ),
    Column(
        "coarse1", "coarse@1", ("strict", "coarse_recall@1"), "share",
        "the best of 27 coarse blocks, by summed scores, is correct",
    ),
    Column(
        "coarse5", "coarse@5", ("strict", "coarse_recall@5"), "share", "one of the five best coarse blocks is correct",
        shown=False,
    ),
    Column(
        "calibration", "ECE", ("strict", "calibration_error"), "share",
        "expected calibration error of the confidence in the best box, in percent; lower is better",
        "this method's scores are not probabilities", rising=False, shown=False,
    ),
    Column(
        "centre", "centre, voxels", ("strict", "centre_voxel"), "number", "distance of the predicted centre, in voxels",
        NO_POSE, rising=False, shown=False,
    ),
    Column(
        "centre-mm", "centre, mm", ("strict", "centre_mm"), "number", "distance of the predicted centre, in mm", NO_MM,
        rising=False, shown=False,
    ),
    Column(
        "corner-mm", "corners, mm", ("strict", "corner_mm"), "number", "mean distance of the four corners, in mm", NO_MM,
        rising=False, shown=False,
    ),
    Column(
        "angle", "angle, °", ("strict", "angle_degree"), "number",
        "angle between true and predicted normal, in degrees", NO_POSE, rising=False, shown=False,
    ),
    Column(
        "high5", "high@5", ("published", "high@5"), "share",
        "as in the paper, not ranked: the five best coarse blocks contain a correct one",
    ),
    Column(
        "low5", "oracle low@5", ("published", "oracle_low@5"), "share",
        "as in the paper, not ranked: the label opens the block, then the five best boxes",
    ),
    Column("parameters", "parameters", "parameters", "count", "numbers that were learned", NOT_MEASURED, rising=False),
    Column("train", "train, s", "train_seconds", "seconds", "seconds of training, mean over seeds", NOT_MEASURED, False, False),
    Column(
        "predict", "predict, s", "predict_seconds", "seconds", "seconds to answer all test sections, mean over seeds",
        NOT_MEASURED, False, False,
    ),
    Column(
        "gpu", "GPU, MiB", "peak_gpu_mib", "mebibytes", "largest memory that a step took of a GPU, mean over seeds",
        "no GPU was used, or nobody said", False, False,
    ),
    Column(
        "memory", "memory, MiB", "peak_mib", "mebibytes", "largest memory of a step, mean over seeds", NOT_MEASURED, False,
        False,
    ),
)  # fmt: skip


def cell(row: Row, column: Column) -> Markup:
    """A table cell: the value with its interval, and the exact value to sort by; a blank one says why."""
    found = row.numbers.get(column.source) if isinstance(column.source, tuple) else _fact(row, column.source)
    if found is None:
        lowest = "-1e99" if column.rising else "1e99"  # blank ones stand below
        return Markup(f'<td class="none" data-order="{lowest}" title="{escape(_absence(row, column))}">–</td>')
    return Markup(f'<td data-order="{found.value!r}">{with_interval(found, column.kind)}</td>')  # nothing but numbers


def with_interval(found: Number | Estimate, kind: Kind) -> str:
    """A number, and below it its interval, as HTML."""
    if found.low is None or found.high is None:
        return written(found.value, kind)
    return f"{written(found.value, kind)} <small>{written(found.low, kind)}–{written(found.high, kind)}</small>"


def _fact(row: Row, name: str) -> Number | None:
    return Number(row.facts[name], None, None, 0, 0) if name in row.facts else None


def _absence(row: Row, column: Column) -> str:
    if row.status == "theory":
        return "theory gives no such level"
    if row.status == "failed":
        return "every run failed"
    return column.absent


def written(value: float, kind: Kind) -> str:
    """A number as text: shares in percent, large ones short, absurd ones in powers of ten."""
    if kind == "share" and -10 < value < 10:  # by far the most
        return f"{100 * value:.1f}"
    shown = 100 * value if kind == "share" and abs(value) < 1e300 else value
    if (abs(shown) >= 1e7 and kind != "count") or abs(shown) >= 1e15:
        return f"{shown:.1e}"
    if kind in ("count", "mebibytes"):
        return f"{shown:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{shown:.{2 if kind == 'number' else 1}f}"


def whisker(row: Row) -> Markup:
    """The ranked number as a dot with its interval on a logarithmic axis; drawn by the style sheet from percentages."""
    found = row.primary
    if found is None:
        return Markup('<td class="none">–</td>')
    places = [place_of(found.value)]
    if found.low is not None and found.high is not None:
        places += [place_of(found.low), place_of(found.high)]
    style = ";".join(f"--{name}:{place:.1f}" for name, place in zip("vlh", places, strict=False))
    text = f"{written(found.value, 'share')} %"
    return Markup(f'<td class="whisker"><i style="{style}" role="img" aria-label="{text}"></i></td>')


def place_of(value: float) -> float:
    """Where a share stands on the axis, in percent of its length."""
    return 100 * (1 - math.log10(min(max(value, LOWEST_DRAWN), 1.0)) / math.log10(LOWEST_DRAWN))
