from pathlib import Path
from typing import get_args, get_type_hints

import pandas as pd
import pytest

from atombench.atom.manifest import make_manifest
from atombench.audit.boards import audit_board
from atombench.audit.record import save_findings
from atombench.audit.volumes import audit_volumes
from atombench.board.figures import ROLE_COLOURS, ROLE_SYMBOLS
from atombench.board.pages import build_board
from atombench.board.tables import COLUMNS, long_table
from atombench.errors import DataError
from atombench.evaluation.record import Record, Unit, save_record
from atombench.methods.table import Entry
from atombench.runs import Result, boards_listed, load_audits, load_board, load_results, save_run
from tests.conftest import volume_set
from tests.evaluation.records import example

ASKED = (
    "task dataset gathering split scale degradation severity method seed protocol metric value ci_low ci_high n_volumes "
    "n_sections status"
)


def stored(folder: Path, *records: Record) -> list[Result]:
    paths = []
    for record in records:
        path = folder / record.unit.key / "record.json"
        save_record(path, record)
        paths.append(path)
    save_run(folder / "run.json", "test", {}, paths)
    return load_results([folder / "run.json"])[0]


def several() -> list[Record]:
    return [
        example("constant"), example("regismcan", 1, 0.5, role="network"), example("regismcan", 2, 0.6, role="network"),
        example("constant", gathering="easy"),
    ]  # fmt: skip


def test_the_long_table_has_the_columns_and_one_row_per_number() -> None:
    table = long_table(several())
    assert list(table.columns) == ASKED.split() == COLUMNS
    mine = table[(table["method"] == "regismcan") & (table["metric"] == "fine_recall@1")]
    assert list(mine["seed"]) == ["1", "2", "all"]
    values = mine.set_index("seed")["value"]
    assert values["all"] == pytest.approx((values["1"] + values["2"]) / 2)
    assert (mine["ci_low"] < mine["value"]).all()
    assert (mine["value"] < mine["ci_high"]).all()
    assert set(table[table["method"] == "chance"]["status"]) == {"theory"}


def test_a_failed_run_is_a_row_and_makes_its_method_incomplete() -> None:
    failed = example("regismcan", 3, role="network", status="failed", reason="the loss became nan", metrics=[])
    table = long_table([*several(), failed])
    mine = table[(table["method"] == "regismcan")]
    assert list(mine[mine["seed"] == "3"]["status"]) == ["failed"]
    assert set(mine[mine["seed"] == "all"]["status"]) == {"incomplete"}


def test_the_page_holds_every_method_and_is_the_same_when_built_again(tmp_path: Path) -> None:
    results = stored(tmp_path, *several())
    build_board(results, {}, tmp_path / "a")
    build_board(results[::-1], {}, tmp_path / "b")
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert Path("index.html") in names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
    page = (tmp_path / "a" / "index.html").read_text()
    assert page.count("<section id=") == 3
    for words in ("regismcan", "constant", "chance", "oracle low@5", "1, 2"):
        assert words in page
    assert "http://" not in page
    assert "https://" not in page


def test_incomplete_and_failed_methods_stand_below_with_their_reason(tmp_path: Path) -> None:
    failed = example("regismcan", 3, role="network", status="failed", reason="the loss became nan", metrics=[])
    lost = example("exhaustive", role="search", status="failed", reason="out of memory", metrics=[])
    build_board(stored(tmp_path, *several(), failed, lost), {}, tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    hard = page[page.index('<section id="atom-toy-hard') :]
    assert hard.index(">constant <") < hard.index(">regismcan <") < hard.index(">exhaustive <") < hard.index(">chance <")
    assert "regismcan, seed 3 failed: the loss became nan" in page
    assert "out of memory" in page


def test_a_board_whose_runs_have_all_failed_is_still_a_page(tmp_path: Path) -> None:
    lost = example("exhaustive", role="search", status="failed", reason="out of memory", metrics=[])
    build_board(stored(tmp_path, lost), {}, tmp_path / "out")
    assert "out of memory" in (tmp_path / "out" / "index.html").read_text()


def test_runs_of_two_manifests_or_protocols_never_share_a_board(tmp_path: Path) -> None:
    old = example("random")
    older = old.training.model_copy(update={"started": "2025-01-01T00:00:00+00:00"})
    digests = old.digests.model_copy(update={"manifest": "9" * 64})
    kept = stored(tmp_path, example(), old.model_copy(update={"digests": digests, "training": older}))
    assert [result.record.unit.method for result in kept] == ["constant"]
    _, left_out = load_results([tmp_path / "run.json"])
    assert left_out == [f"{old.unit.key}: its board has a newer manifest"]
    build_board(kept, {}, tmp_path / "out", left_out)
    assert "1 file is left out" in (tmp_path / "out" / "index.html").read_text()
    with pytest.raises(DataError, match=r"is of protocol 0\.1, expected"):
        stored(tmp_path, example(protocol_version="0.1"))


def test_what_a_record_says_is_escaped(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><b>"
    unit = Unit(dataset=evil, gathering="hard", split="none", scale=1, method=evil, seed=1)
    record = example(unit=unit, options={evil: evil}, about={"parameters": evil})
    path = tmp_path / "record.json"
    save_record(path, record)
    build_board([Result(record, path, "0")], {}, tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script>alert" not in page
    assert "<b>&lt;" not in page
    assert page.count("</script>") == 3  # data of the figure, plotly, and the call


def test_the_table_reads_back(tmp_path: Path) -> None:
    build_board(stored(tmp_path, *several()), {}, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "results.csv", dtype={"seed": str})
    assert len(table) == len(long_table(several()))
    assert table["value"].notna().all()


def test_a_record_that_another_run_replaced_counts_once(tmp_path: Path) -> None:
    first = stored(tmp_path, example("constant"), example("regismcan", 1, 0.5, role="network"))
    path = next(result.path for result in first if result.record.unit.method == "regismcan")
    save_record(path, example("regismcan", 1, 0.9, role="network"))
    kept, left_out = load_results([tmp_path / "run.json"])
    assert [result.record.unit.method for result in kept] == ["constant"]
    assert "has changed since it was listed" in left_out[0]
    save_run(tmp_path / "second.json", "second", {}, [path])
    both, left_out = load_results([tmp_path / "run.json", tmp_path / "second.json"])
    assert left_out == []
    assert both[1].record == example("regismcan", 1, 0.9, role="network")


def test_a_list_that_is_not_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match="records: this key is required and missing"):
        load_results([tmp_path / "run.json"])


def test_run_lists_refuse_what_is_gone_and_what_is_twice(tmp_path: Path) -> None:
    results = stored(tmp_path, example())
    with pytest.raises(DataError, match="both record"):
        save_run(tmp_path / "r.json", "twice", {}, [results[0].path, results[0].path])
    results[0].path.unlink()
    with pytest.raises(DataError, match=r"no records to show; .*cannot read .*No such file"):
        load_results([tmp_path / "run.json"])


def test_audits_are_read_through_the_run_lists_and_lost_ones_are_named(tmp_path: Path) -> None:
    volumes = volume_set((4, 2, 2))
    paths = [tmp_path / name for name in ("volumes.json", "hard.json", "easy.json")]
    save_findings(paths[0], audit_volumes(volumes, 1, []))
    for path, gathering in zip(paths[1:], ("hard", "easy"), strict=True):
        save_findings(path, audit_board(volumes, make_manifest(volumes, gathering, "none", 1)))
    save_record(tmp_path / "record.json", example())
    for name in ("a", "b"):
        save_run(tmp_path / f"{name}.json", name, {}, [tmp_path / "record.json"], paths)
    found, lost = load_audits([tmp_path / "a.json", tmp_path / "b.json"])
    assert (len(found), lost) == (3, [])
    paths[1].write_text("{}")
    paths[2].unlink()
    found, lost = load_audits([tmp_path / "a.json"])
    assert len(found) == 1
    assert len(lost) == 2
    assert "hard.json has changed since it was listed" in " ".join(lost)


def test_every_role_of_a_method_has_a_colour_and_a_symbol() -> None:
    roles = set(get_args(get_type_hints(Entry)["role"]))
    assert roles == set(ROLE_COLOURS) == set(ROLE_SYMBOLS)


def test_submissions_are_marked_and_their_texts_are_escaped(tmp_path: Path) -> None:
    card = {"note": "a <b>note</b>", "compute": "one day", "commit": "abc1234", "team": "we"}
    sent = example(
        "sent-in", 1, 0.6, role="submission", origin="submitted predictions", card=card, training=None, predicting=None
    )
    ran = example("ran-here", 1, 0.5, role="submission", origin="submitted method", card=card)
    refused = example("refused-one", 1, 0.5, role="submission", origin="submitted predictions", training=None, predicting=None)
    refused = refused.model_copy(update={"status": "failed", "reason": "predictions/<a>.csv: NaN", "metrics": []})
    results = stored(tmp_path, sent, ran, refused, example("constant"))
    build_board(results, {}, tmp_path / "board")
    page = (tmp_path / "board/index.html").read_text()
    assert "self-reported: one day" in page
    assert ">reproduced<" in page
    assert "a &lt;b&gt;note&lt;/b&gt;" in page
    assert "predictions/&lt;a&gt;.csv: NaN" in page
    assert "<b>note" not in page


def test_lists_are_sorted_by_board_without_reading_a_record_and_a_slash_in_a_name_does_not_mislead(tmp_path: Path) -> None:
    unit = Unit(dataset="a/b", gathering="hard", split="none", scale=1, method="x/y%", seed=1)
    stored(tmp_path, example("constant"), example(unit=unit), example("random"))
    boards = boards_listed([tmp_path / "run.json"])
    assert list(boards) == ["atom/a%2Fb/hard/none/1/clean/0", "atom/toy/hard/none/1/clean/0"]
    assert [len(entries) for entries in boards.values()] == [1, 2]
    assert load_board(boards["atom/a%2Fb/hard/none/1/clean/0"])[0][0].record.unit == unit


def test_a_record_of_another_unit_than_listed_is_left_out(tmp_path: Path) -> None:
    stored(tmp_path, example("constant"))
    text = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(text.replace('clean/0/constant/seed1"', 'clean/0/random/seed1"', 1))
    with pytest.raises(DataError, match="it is listed as atom/toy/hard/none/1/clean/0/random/seed1"):
        load_results([tmp_path / "run.json"])
