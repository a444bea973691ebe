from pathlib import Path

import pytest
from pydantic import ValidationError

from atombench.audit.record import save_findings
from atombench.audit.volumes import audit_volumes
from atombench.board.site import build_site
from atombench.errors import DataError
from atombench.records.record import Record, Unit, save_record, unquoted
from atombench.records.run_list import boards_listed, load_audits, load_board, load_results, save_run
from atombench.tasks.atom.audit import audit_board
from atombench.tasks.atom.manifest import make_manifest
from tests.board.made import stored
from tests.conftest import volume_set
from tests.records.made import example


def test_runs_of_two_manifests_or_protocols_never_share_a_board(tmp_path: Path) -> None:
    old = example("random")
    older = old.training.model_copy(update={"started": "2025-01-01T00:00:00+00:00"})
    digests = old.digests.model_copy(update={"manifest": "9" * 64})
    listed = stored(tmp_path, example(), old.model_copy(update={"digests": digests, "training": older}))
    kept, left_out = load_results([tmp_path / "run.json"])
    assert [result.record.unit.method for result in kept] == ["constant"]
    assert left_out == [f"{old.unit.key}: its board has a newer manifest"]
    build_site(listed, {}, tmp_path / "out")
    assert "1 file is left out" in (tmp_path / "out" / "index.html").read_text()
    with pytest.raises(DataError, match=r"is of protocol 0\.1, expected"):
        stored(tmp_path, example(protocol_version="0.1"))


def test_a_record_that_another_run_replaced_counts_once(tmp_path: Path) -> None:
    stored(tmp_path, example("constant"), example("regismcan", 1, 0.5, role="network"))
    first, _ = load_results([tmp_path / "run.json"])
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


@pytest.mark.parametrize("name", ["nonsense", "a/b/c", "atom/toy/hard/none/one/clean/0/constant/seed1"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="expected the name of a unit such as"):
        unquoted(name)


def test_names_are_taken_apart_as_they_were_put_together() -> None:
    unit = Unit(dataset="a/b%2F", gathering="hard", split="none", scale=2, method="x/y%", seed=1)
    assert unquoted(unit.key) == (*unit.board, unit.method, "seed1")


def test_run_lists_refuse_what_is_gone_and_what_is_twice(tmp_path: Path) -> None:
    stored(tmp_path, example())
    results, _ = load_results([tmp_path / "run.json"])
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


def test_a_record_whose_numbers_are_not_of_its_boards_volumes_is_left_out(tmp_path: Path) -> None:
    volumes = [f"other{number}" for number in range(20)]
    stored(tmp_path, example("constant"), example("random"), example("exhaustive", volumes=volumes))
    kept, left_out = load_results([tmp_path / "run.json"])
    assert [result.record.unit.method for result in kept] == ["constant", "random"]
    assert left_out == ["atom/toy/hard/none/1/clean/0/exhaustive/seed1: its volumes are not those of its board"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"counts": [10] * 19}, "strict fine_recall@1 has 20 sums and 19 counts for 20 volumes"),
        ({"sums": [[1.0]] * 19 + [[]]}, "has 20 sums and 20 counts"),
        ({"counts": [0] * 20}, "counts no section"),
        ({"counts": [-1] * 20}, "counts no section, or less than none"),
    ],
)
def test_a_record_whose_sums_and_counts_do_not_fit_is_no_record(changed: dict[str, object], message: str) -> None:
    content = example().model_dump()
    content["metrics"][0] |= changed
    with pytest.raises(ValidationError, match=message):
        Record.model_validate(content)
