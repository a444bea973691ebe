"""The audit page: the paper's tables cell by cell beside our own runs, and what its findings look like in them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from atombench.errors import DataError, FetchError
from atombench.io.schema import validated
from atombench.pages.panels import Results
from atombench.pages.rendering import rendered
from atombench.records.board import CLEAN, Board, Setting
from atombench.records.layout import Layout
from atombench.records.metric import STRICT
from atombench.records.record import Record
from atombench.records.run import Run
from atombench.records.verdicts import verdicts
from atombench.statistics.bootstrap import Estimate, estimate
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.panels.trimmed import HIGH, LOW
from atombench.tasks.atom.protocol import PRIMARY
from atombench.tasks.atom.sampling import sampler
from atombench.tasks.atom.specs import SPECS, VOLUME_SWAP
from atombench.tasks.atom.splits import section_counts
from atombench.volumes.registry import DatasetRow
from atombench.volumes.volume_set import SPLITS

SHOWN = ("constant", "random", "regismcan-released", "regismcan")
SPEC = SPECS[0]  # the ranked metric
PAPER_CHANCE = {HIGH: 100 * 5 / 27, LOW: 100 * (5 / 27) ** 2}  # as printed: one correct block, one correct box
TITLES = {2: "Table 2: data types", 3: "Table 3: data labels", 4: "Table 4: splits"}


class PaperRow(BaseModel):
    """One row of a table of the paper: accuracies in percent with their standard deviations over three runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: int
    name: str
    dataset: str
    gathering: str
    split: str
    train: int
    val: int
    test: int
    high_val: float
    high_val_sd: float
    high_test: float
    high_test_sd: float
    low_val: float
    low_val_sd: float
    low_test: float
    low_test_sd: float

    @property
    def board(self) -> Board:
        """Our board for this row."""
        return Board("atom", self.dataset, AtomBoard(self.gathering, self.split, 1).name)

    @property
    def sizes(self) -> dict[str, int]:
        """Sections as the paper prints them."""
        return {"train": self.train, "val": self.val, "test": self.test}


_ROWS = TypeAdapter(list[PaperRow])


def read_paper(path: Path) -> list[PaperRow]:
    """Rows of the paper's Tables 2, 3 and 4; none where the file is not there.

    Raises:
        ConfigError: the file does not hold what it should.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return validated(_ROWS, list(csv.DictReader(stream)), str(path))


@dataclass(frozen=True)
class Ours:
    """What one of our methods scored on the row's board: both published numbers and the strict one."""

    high: Estimate
    low: Estimate
    strict: Estimate
    seeds: int
    blind: list[str]


@dataclass(frozen=True)
class PaperLine:
    """A row of the paper with what stands beside it.

    Attributes:
        sizes: sections as our split code counts them; None where that is not known.
        chance: high and low that uniform random scores give, in shares; None without a run.
        ours: by method; what has not been run is missing.
        target: file that a run would have to make to fill the row.
    """

    row: PaperRow
    sizes: dict[str, int] | None
    chance: tuple[float, float] | None
    ours: dict[str, Ours]
    target: str


def paper_lines(rows: Sequence[PaperRow], records: Sequence[Record], datasets: Mapping[str, DatasetRow]) -> list[PaperLine]:
    """Put our clean scale-1 runs beside the paper's rows."""
    runs: dict[Setting, list[Record]] = {}
    for record in records:
        if record.ended:
            runs.setdefault(record.run.setting, []).append(record)
    return [_line(row, runs.get(Setting(row.board), []), datasets) for row in rows]


def _line(row: PaperRow, records: list[Record], datasets: Mapping[str, DatasetRow]) -> PaperLine:
    blind = {
        method: [verdict.mark for verdict in found if verdict.state == "blind"]
        for method, found in verdicts(records, SPEC).items()
    }
    ours = {}
    for method in SHOWN:
        mine = [record for record in records if record.run.method == method]
        if mine:
            high, low = (_pooled(mine, "published", metric) for metric in (HIGH, LOW))
            ours[method] = Ours(high, low, _pooled(mine, STRICT, PRIMARY), len(mine), blind.get(method, []))
    levels = [found.chance for name in (HIGH, LOW) for record in records[:1] if (found := record.find("published", name))]
    chance = (float(levels[0] or 0), float(levels[1] or 0)) if len(levels) == 2 else None
    target = str(Layout().record(Run.of(row.board, "regismcan", 1)))
    return PaperLine(row, _sizes(row, datasets), chance, ours, target)


def _pooled(records: list[Record], protocol: str, metric: str) -> Estimate:
    return estimate([found.sample() for record in records if (found := record.find(protocol, metric))])


def _counts(dataset: str, datasets: Mapping[str, DatasetRow]) -> dict[str, int] | None:
    entry = datasets.get(dataset)
    try:
        from atombench.volumes.sources import reader_of  # the readers of volumes are slow to import

        return None if entry is None else reader_of(entry.kind).counts(entry)
    except (FetchError, DataError):
        return None


def _sizes(row: PaperRow, datasets: Mapping[str, DatasetRow]) -> dict[str, int] | None:
    entry, counts = datasets.get(row.dataset), _counts(row.dataset, datasets)
    if entry is None or counts is None:
        return None
    official = [side for side, count in counts.items() for _ in range(count)]
    draws = sampler(row.gathering, row.split, row.dataset, BlockGrid(1), entry.released_sampler)
    return section_counts(row.dataset, official, row.split, draws)


PAPER_VOLUMES = {
    "adni-all": (800, 100, 100), "organmnist3d": (971, 161, 610), "nodulemnist3d": (1158, 165, 310),
    "fracturemnist3d": (1027, 103, 240), "vesselmnist3d": (1335, 191, 382),
}  # fmt: skip


def paper_volumes(datasets: Mapping[str, DatasetRow]) -> list[tuple[str, str, str | None]]:
    """Table 1: dataset, volumes as published, volumes here (None where they cannot be counted)."""
    found = []
    for name, published in PAPER_VOLUMES.items():
        counts = _counts(name, datasets)
        ours = None if counts is None else " / ".join(str(counts[side]) for side in SPLITS)
        found.append((name, " / ".join(map(str, published)), ours))
    return found


def findings(lines: Sequence[PaperLine], records: Sequence[Record]) -> list[tuple[str, str]]:
    """The six findings about the published results, each with what our own runs say of it."""
    complete = [record for record in records if record.ended and record.run.condition == CLEAN]
    return [
        ("The released RegisMCAN never sees the volume.", _never_sees(complete)),
        ("The published chance level is wrong.", _chance(complete)),
        ("A constant that sees no pixel scores what the paper reports for most rows.", _constant(lines)),
        ("The low-error accuracy uses the true label to choose where to search.", _oracle(complete)),
        ("Many hard sections have no correct answer at all.", _unlabelled(complete)),
        ("Without degradation the task is a look-up.", _look_up(complete)),
    ]


NOT_YET = "No run here tests this yet."


def _boards(number: int, kind: str = "") -> str:
    """Return so many boards in words."""
    return f"the one {kind}board" if number == 1 else f"the {number} {kind}boards"


def _percent(low: float, high: float) -> str:
    """Return a range of percentages; one number where both are written alike."""
    first, last = f"{low:.1f}", f"{high:.1f}"
    return f"{first} %" if first == last else f"{first} to {last} %"


def _never_sees(records: Sequence[Record]) -> str:
    pairs = [
        (own.value, swapped.value)
        for record in records
        if record.run.method == "regismcan-released"
        and (own := record.find("strict", PRIMARY))
        and (swapped := record.find(VOLUME_SWAP, PRIMARY))
    ]
    if not pairs:
        return NOT_YET
    same = sum(own == swapped for own, swapped in pairs)
    return (
        f"In {same} of {len(pairs)} runs of regismcan-released recall@1 is the same to the last digit when every test volume "
        "is replaced by another one."
    )


def _chance(records: Sequence[Record]) -> str:
    levels = {
        record.run.setting: (high.chance, low.chance)
        for record in records
        if (high := record.find("published", HIGH)) and (low := record.find("published", LOW))
    }
    known = [(high, low) for high, low in levels.values() if high is not None and low is not None]
    if not known:
        return NOT_YET
    (least, most), (least_low, most_low) = ((100 * min(column), 100 * max(column)) for column in zip(*known, strict=True))
    return (
        f"It is printed as {PAPER_CHANCE[HIGH]:.2f} and {PAPER_CHANCE[LOW]:.2f} %, as if one block and one box were correct. "
        f"On {_boards(len(known))} here guessing at random gives {_percent(least, most)} (high) and "
        f"{_percent(least_low, most_low)} (low)."
    )


def _constant(lines: Sequence[PaperLine]) -> str:
    rows = {(line.row.dataset, line.row.gathering, line.row.split): line for line in lines if "constant" in line.ours}
    if not rows:
        return NOT_YET
    reached = sum(100 * line.ours["constant"].high.value >= line.row.high_test - 1 for line in rows.values())
    return (
        f"Of the {len(rows)} rows of the paper that were run here, the constant comes within one point of the published "
        f"high-error accuracy, or above it, in {reached}."
    )


def _oracle(records: Sequence[Record]) -> str:
    gaps = [
        (low.value, own.value)
        for record in records
        if record.role == "network" and (low := record.find("published", LOW)) and (own := record.find("strict", PRIMARY))
    ]
    if not gaps:
        return NOT_YET
    low, own = (sum(column) / len(gaps) for column in zip(*gaps, strict=True))
    return (
        f"Over {len(gaps)} runs of networks here it is {100 * low:.1f} % on average, where their own best answer is correct "
        f"for {100 * own:.1f} % of the sections that have one."
    )


def _unlabelled(records: Sequence[Record]) -> str:
    shares = {}
    for record in records:
        strict, published = record.find("strict", PRIMARY), record.find("published", HIGH)
        if (
            strict
            and published
            and AtomBoard.of(record.run.board) == AtomBoard("hard", AtomBoard.of(record.run.board).split, 1)
        ):
            shares[record.run.setting] = 1 - strict.n_queries / published.n_queries
    if not shares:
        return NOT_YET
    low, high = 100 * min(shares.values()), 100 * max(shares.values())
    return (
        f"On {_boards(len(shares), 'hard ')} here {_percent(low, high)} of the test sections have none and count as "
        f"wrong; {_percent(100 - high, 100 - low)} is the most that any method can reach."
    )


def _look_up(records: Sequence[Record]) -> str:
    found = [
        primary.value
        for record in records
        if record.run.method == "exhaustive" and (primary := record.find("strict", PRIMARY))
    ]  # fmt: skip
    if not found:
        return NOT_YET
    text = (
        f"On {_boards(len(found))} here a search that learns nothing is right for "
        f"{_percent(100 * min(found), 100 * max(found))} of the sections."
    )
    empty = [
        stratum
        for record in records
        for stratum in record.strata
        if (record.run.method, stratum.kind, stratum.name) == ("exhaustive", "background", "all")
    ]
    if sections := sum(sum(stratum.counts) for stratum in empty):
        right = 100 * sum(sum(stratum.sums) for stratum in empty) / sections
        text += (
            f" Of the {sections} among them that show no tissue at all it finds {right:.1f} %: what it compares there is the "
            "ripple that resampling leaves in the background."
        )
    return text


def tables(lines: Sequence[PaperLine]) -> list[tuple[str, list[PaperLine]]]:
    """Lines by table of the paper, in its order."""
    return [
        (TITLES.get(number, f"Table {number}"), list(group)) for number, group in groupby(lines, lambda line: line.row.table)
    ]


def paper_page(results: Results) -> str:
    """Return the paper's tables cell by cell beside our own runs."""
    published = read_paper(results.published) if results.published else []
    lines = paper_lines(published, results.records, results.datasets)
    return rendered(
        "atombench.tasks.atom.panels",
        "paper.html.j2",
        tables=tables(lines),
        methods=SHOWN,
        findings=findings(lines, results.records),
        volumes=paper_volumes(results.datasets),
    )
