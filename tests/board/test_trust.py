"""What a reader may trust: self-reported scores are not ranked, and copies, fakes and blind methods are marked."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from atombench.board.rows import make_rows
from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError, DataError
from atombench.records.confirmations import (
    QUOTA,
    QUOTA_DAYS,
    Confirmation,
    append,
    check_quota,
    confirmed_answers,
    read_log,
)
from atombench.records.record import Record
from atombench.records.run import RESERVED, Run
from atombench.submissions.reserved import reserved
from atombench.tasks.atom.task import ATOM
from tests.board.made import site_of
from tests.board.swapped import record
from tests.records.made import DIGESTS

TODAY = date(2026, 11, 21)
CARD = {"name": "truth", "team": "we", "code": "none", "parameters": 5, "extra_data": True, "note": "the labels themselves"}


def fake(method: str = "truth", rate: float = 1.0, predictions: str = "4" * 64, **changes: object) -> Record:
    """Return the record of submitted predictions."""
    facts = {"origin": "self-reported", "role": "submission", "card": {**CARD, "name": method}, **changes}
    return record(method, rate, digests=DIGESTS.model_copy(update={"predictions": predictions}), **facts)


def line(**changes: object) -> Confirmation:
    content = {
        "scoring": 1,
        "date": TODAY,
        "team": "we",
        "submission": "truth",
        "board": "atom/toy/hard-none-x1",
        "secret": "atom/toy/hard-secret-none-x1",
        "seed": 1,
        "predictions": "4" * 64,
        "value": 0.8,
        "width": 0.1,
        "confirmed": True,
    }
    return Confirmation(**{**content, **changes})


def by_name(*records: Record, **more: object) -> dict[str, object]:
    rows, _ = make_rows(ATOM, sorted(records, key=lambda one: one.run.order), **more)
    return {row.method: row for row in rows}


def marks(row: object) -> list[str]:
    return [mark.name for mark in row.marks]


HONEST = (record("regismcan", 0.6, role="network"), record("constant", 0.05))


def test_a_perfect_self_reported_score_is_not_ranked_and_not_best(tmp_path: Path) -> None:
    rows = by_name(fake(), *HONEST)
    assert rows["truth"].standing is None
    assert rows["regismcan"].standing.rank == 1
    assert list(rows) == ["regismcan", "constant", "truth", "chance"]
    out = site_of(tmp_path, fake(), *HONEST)
    start = (out / "index.html").read_text()
    best = start[start.index('data-key="best"') : start.index("</table>")]
    assert "regismcan" in best
    assert "truth" not in best
    page = (out / "boards/atom-toy-hard-none-x1.html").read_text()
    assert "not ranked: the scores are self-reported" in page
    assert "truth" not in pd.read_csv(out / "comparisons.csv")[["first", "second"]].to_numpy()


def test_results_state_the_origin_of_every_number(tmp_path: Path) -> None:
    out = site_of(tmp_path, fake(), *HONEST)
    for table in (out / "results.csv", out / "boards/atom-toy-hard-none-x1.csv"):
        origins = pd.read_csv(table).groupby("method")["origin"].unique().map(list).to_dict()
        assert origins == {
            "truth": ["self-reported"],
            "regismcan": ["measured"],
            "constant": ["measured"],
            "chance": ["theory"],
        }


def test_a_confirmed_score_is_ranked_and_marked() -> None:
    confirmed = confirmed_answers([line()])
    row = by_name(fake(rate=0.9), *HONEST, confirmed=confirmed)["truth"]
    assert row.standing.rank == 1
    assert marks(row)[0] == "confirmed"
    for other in (fake(rate=0.9, predictions="9" * 64), fake("renamed", 0.9), fake(rate=0.9, seed=2)):
        row = by_name(other, *HONEST, confirmed=confirmed)[other.run.method]
        assert row.standing is None
        assert "confirmed" not in marks(row)
    assert confirmed_answers([line(confirmed=False)]) == frozenset()


def test_scores_at_the_ceiling_of_what_pixels_allow_are_marked_for_submissions_only() -> None:
    perfect = record("exhaustive", 1.0, role="search")
    rows = by_name(fake(), perfect, *HONEST, ceiling=0.98)
    assert "at-ceiling" in marks(rows["truth"])
    assert "at-ceiling" not in marks(rows["exhaustive"])
    assert "at-ceiling" not in marks(by_name(fake(rate=0.5), ceiling=0.98)["truth"])


def test_the_marks_of_a_card_are_shown() -> None:
    assert marks(by_name(fake())["truth"]) == ["1-seed", "extra-data", "no-code"]
    open_card = {**CARD, "code": "https://example.org", "extra_data": False}
    two = [fake(card=open_card, predictions=str(seed) * 64, seed=seed) for seed in (1, 2)]
    assert marks(by_name(*two)["truth"]) == []


def test_copies_of_answers_are_marked_with_what_they_copy() -> None:
    origin = record("regismcan", 0.6, role="network", answers="a" * 64)
    rows = by_name(fake("renamed", answers="a" * 64), fake("own", answers="b" * 64), origin)
    (copied,) = [mark for mark in rows["renamed"].marks if mark.name == "same-answers"]
    assert "regismcan" in copied.meaning
    assert "same-answers" not in marks(rows["own"])
    assert "same-answers" not in marks(rows["regismcan"])
    twins = by_name(fake("first", answers="c" * 64), fake("second", answers="c" * 64))
    assert "second" in next(mark.meaning for mark in twins["first"].marks if mark.name == "same-answers")


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_no_run_and_no_submission_may_have_the_name_of_a_row_of_theory(name: str) -> None:
    assert name in reserved()
    for method in (name, f"{name}+wide"):
        with pytest.raises(ValidationError, match="is reserved for rows that are not methods"):
            Run(task="atom", dataset="toy", name="hard-none-x1", method=method, seed=1)
        with pytest.raises(ConfigError, match="is reserved for rows that are not methods"):
            MethodName.read(method)


def test_the_row_of_chance_keeps_its_own_number(tmp_path: Path) -> None:
    """Even a record that names itself so does not get into the table."""
    rows = by_name(*HONEST)
    assert rows["chance"].key != "chance"
    assert rows["regismcan"].key == "regismcan"


def test_a_team_has_a_quota_of_scorings(tmp_path: Path) -> None:
    log = [line(scoring=1 + number, team="  W-É. ") for number in range(QUOTA)]
    with pytest.raises(
        DataError, match=f"has scored {QUOTA} submissions on secret boards in {QUOTA_DAYS} days; again on 2026-12-21"
    ):
        check_quota(log, "we", TODAY)
    check_quota(log, "others", TODAY)
    check_quota(log[1:], "we", TODAY)
    check_quota([*log[1:], line(scoring=2, seed=2)], "we", TODAY)  # the lines of one comparison count once
    check_quota(log, "we", date(2026, 12, 21))


def test_the_log_is_dated_and_only_grows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    assert read_log(path) == []
    append(path, [line()])
    append(path, [line(submission="other", team='a, "quoted" team', confirmed=False)])
    found = read_log(path)
    assert [(one.submission, one.confirmed, one.date) for one in found] == [("truth", True, TODAY), ("other", False, TODAY)]
    assert found[1].team == 'a, "quoted" team'
    path.write_text(path.read_text().replace("4" * 64, "short"))
    with pytest.raises(ConfigError, match="predictions"):
        read_log(path)


def test_equal_sections_bound_every_score() -> None:
    """Blank sections get one answer, so a table of labels is better than any method can be."""
    from atombench.tasks.atom.board import AtomBoard
    from atombench.tasks.atom.ceiling import ceiling
    from atombench.tasks.atom.manifest import make_manifest
    from atombench.volumes.curated import Curated
    from tests.conftest import textured, volume_set

    volumes = textured(6)
    volumes[:, :, :, 10:] = 0
    data = volume_set((2, 2, 2), volumes)
    manifest = make_manifest(Curated.of(data), AtomBoard("hard", "none", 1))
    bound = ceiling(data, manifest, "test")
    assert bound is not None
    sections = manifest.parts["test"]
    boxes = sections.labels(manifest.grid).boxes
    groups: dict[bytes, np.ndarray] = {}
    labelled = boxes.any(axis=1)
    for row in np.flatnonzero(labelled):
        one = sections.take(np.array([row]))
        points = one.points(manifest.grid)[0]
        inside = ((points >= 0) & (points < 20)).all(axis=0)
        shown = np.where(inside, volumes[one.volume[0]][tuple(np.clip(points, 0, 19))], 0.0)
        key = one.volume.tobytes() + (shown + 0.0).astype(np.float32).tobytes()
        groups[key] = groups.get(key, 0) + boxes[row].astype(int)
    assert bound == pytest.approx(sum(counts.max() for counts in groups.values()) / labelled.sum())
    assert 0.2 < bound < 0.95
