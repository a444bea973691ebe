"""Run lists: which records are shown, which are left out, and why."""

import json
from pathlib import Path

import pytest

from atombench.audit.listed import load_audits
from atombench.audit.record import save_findings
from atombench.audit.volumes import audit_volumes
from atombench.errors import DataError
from atombench.records.board import Board
from atombench.records.record import save_record
from atombench.records.run import Run
from atombench.records.run_list import LostRun, load_lost, load_results, load_setting, save_run, settings_listed
from atombench.tasks.atom.audit import audit
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.table import protocol_version_of
from atombench.volumes.curated import Curated
from tests.conftest import volume_set
from tests.records.made import example, listed

CLEAN = "atom/toy/hard-none-x1/clean"


def test_runs_with_different_manifests_are_never_on_one_board(tmp_path: Path) -> None:
    old = example("random")
    older = old.training.model_copy(update={"started": "2025-01-01T00:00:00+00:00"})
    digests = old.digests.model_copy(update={"manifest": "9" * 64})
    path = listed(tmp_path, example(), old.model_copy(update={"digests": digests, "training": older}))
    kept, left_out = load_results([path], protocol_version_of)
    assert [result.record.run.method for result in kept] == ["constant"]
    assert left_out == [f"{old.run.key}: its board has a newer manifest"]


def test_a_record_of_another_protocol_version_is_left_out(tmp_path: Path) -> None:
    path = listed(tmp_path, example("constant"), example("random", protocol_version="0.1"))
    kept, left_out = load_results([path], protocol_version_of)
    assert [result.record.run.method for result in kept] == ["constant"]
    assert len(left_out) == 1
    assert "is of protocol 0.1, expected 1.1" in left_out[0]
    with pytest.raises(DataError, match=r"no records to show; .*is of protocol 1\.1, expected 2\.0"):
        load_results([path], lambda task: "2.0")


def test_a_replaced_record_is_shown_once(tmp_path: Path) -> None:
    path = listed(tmp_path, example("constant"), example("regismcan", 1, 0.5, role="network"))
    first, _ = load_results([path], protocol_version_of)
    record = next(result.path for result in first if result.record.run.method == "regismcan")
    save_record(record, example("regismcan", 1, 0.9, role="network"))
    kept, left_out = load_results([path], protocol_version_of)
    assert [result.record.run.method for result in kept] == ["constant"]
    assert "has changed since it was listed" in left_out[0]
    save_run(tmp_path / "second.json", "second", {}, [record])
    both, left_out = load_results([path, tmp_path / "second.json"], protocol_version_of)
    assert left_out == []
    assert both[1].record == example("regismcan", 1, 0.9, role="network")


def test_a_list_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match="records: this key is required and missing"):
        load_results([tmp_path / "run.json"], protocol_version_of)


@pytest.mark.parametrize("stated", [{}, {"layout": 1}, {"layout": 3}])
def test_a_list_of_another_folder_structure_is_refused_in_one_line(stated: dict[str, int], tmp_path: Path) -> None:
    entry = {"unit": "atom/toy/hard/none/1/clean/0/constant/seed1", "record": "record.json", "sha256": "0" * 64}
    (tmp_path / "old.json").write_text(json.dumps({"run": "old", "config": {}, "records": [entry] * 30, **stated}))
    for read in (settings_listed, load_audits, load_lost, lambda lists: load_results(lists, protocol_version_of)):
        with pytest.raises(DataError) as error:
            read([tmp_path / "old.json"])
        number = stated.get("layout", 1)
        expected = f"lists results of folder structure {number}, expected 2; run the workflow for it again"
        assert str(error.value) == f"{tmp_path / 'old.json'} {expected}"


@pytest.mark.parametrize("layout", ["two", None, [2]])
def test_a_list_with_an_invalid_layout_is_refused(layout: object, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(json.dumps({"layout": layout, "run": "odd", "config": {}, "records": []}))
    with pytest.raises(DataError, match=r"odd\.json: layout: Input should be 2"):
        load_results([tmp_path / "odd.json"], protocol_version_of)


@pytest.mark.parametrize("name", ["nonsense", "a/b/c", "atom/toy/hard-none-x1/clean/constant/seed--1"])
def test_a_list_with_an_invalid_run_name_is_refused(name: str, tmp_path: Path) -> None:
    path = listed(tmp_path, example())
    path.write_text(path.read_text().replace(example().run.key, name))
    with pytest.raises(DataError, match=r"run\.json: records\.0\.run: .*expected a run such as"):
        load_results([path], protocol_version_of)


def test_a_list_with_records_of_an_unknown_task_is_refused(tmp_path: Path) -> None:
    path = listed(tmp_path, example(run=Run.of(Board("atmo", "toy", "x"), "constant", 1)))
    with pytest.raises(DataError, match="unknown task 'atmo'; did you mean 'atom'"):
        load_results([path], protocol_version_of)


def test_run_lists_refuse_missing_and_repeated_records(tmp_path: Path) -> None:
    path = listed(tmp_path, example())
    results, _ = load_results([path], protocol_version_of)
    with pytest.raises(DataError, match="both record"):
        save_run(tmp_path / "r.json", "twice", {}, [results[0].path, results[0].path])
    results[0].path.unlink()
    with pytest.raises(DataError, match=r"no records to show; .*cannot read .*No such file"):
        load_results([path], protocol_version_of)


def test_audits_are_read_through_the_run_lists_and_unreadable_ones_are_named(tmp_path: Path) -> None:
    data = Curated.of(volume_set((4, 2, 2)), "cube20")
    paths = [tmp_path / name for name in ("volumes.json", "hard.json", "easy.json")]
    save_findings(paths[0], audit_volumes(data, []))
    for path, gathering in zip(paths[1:], ("hard", "easy"), strict=True):
        save_findings(path, audit(data, make_manifest(data, AtomBoard(gathering, "none", 1))))
    save_record(tmp_path / "record.json", example())
    for name in ("a", "b"):
        save_run(tmp_path / f"{name}.json", name, {}, [tmp_path / "record.json"], paths)
    found, left_out = load_audits([tmp_path / "a.json", tmp_path / "b.json"])
    assert (len(found), left_out) == (3, [])
    paths[1].write_text("{}")
    paths[2].unlink()
    found, left_out = load_audits([tmp_path / "a.json"])
    assert len(found) == 1
    assert len(left_out) == 2
    assert "hard.json has changed since it was listed" in " ".join(left_out)


def test_lists_are_sorted_by_setting_without_reading_records_and_names_may_contain_slashes(tmp_path: Path) -> None:
    run = Run.of(Board("atom", "a/b", "hard-none-x1"), "x/y%", 1)
    damaged = example("constant", condition="histology-2")
    path = listed(tmp_path, example("constant"), example(run=run), example("random"), damaged)
    settings = settings_listed([path])
    assert list(settings) == ["atom/a%2Fb/hard-none-x1/clean", CLEAN, "atom/toy/hard-none-x1/histology-2"]
    assert [len(entries) for entries in settings.values()] == [1, 2, 1]
    assert {entry.listed_in for entries in settings.values() for entry in entries} == {"run"}
    assert load_setting(settings["atom/a%2Fb/hard-none-x1/clean"], "1.1")[0][0].record.run == run


def test_clusters_are_not_compared_between_conditions(tmp_path: Path) -> None:
    """Each setting is read separately, so different clusters in one do not affect another."""
    other = example("constant", condition="histology-1", clusters=[f"other{number}" for number in range(20)])
    kept, left_out = load_results([listed(tmp_path, example("constant"), other)], protocol_version_of)
    assert [result.record.run.condition for result in kept] == ["clean", "histology-1"]
    assert left_out == []


def test_a_record_of_another_run_than_listed_is_left_out(tmp_path: Path) -> None:
    path = listed(tmp_path, example("constant"))
    path.write_text(path.read_text().replace('clean/constant/seed1"', 'clean/random/seed1"', 1))
    with pytest.raises(DataError, match=f"but is listed as {CLEAN}/random/seed1"):
        load_results([path], protocol_version_of)


def test_a_record_with_other_clusters_than_its_board_is_left_out(tmp_path: Path) -> None:
    clusters = [f"other{number}" for number in range(20)]
    path = listed(tmp_path, example("constant"), example("random"), example("exhaustive", clusters=clusters))
    kept, left_out = load_results([path], protocol_version_of)
    assert [result.record.run.method for result in kept] == ["constant", "random"]
    assert left_out == [f"{CLEAN}/exhaustive/seed1: its clusters differ from those of its board"]


def test_lost_runs_are_listed_once_and_sorted(tmp_path: Path) -> None:
    runs = [LostRun(run=example(method).run, role="network", reason="predict: timeout") for method in ("b", "a")]
    save_record(tmp_path / "record.json", example())
    for name in ("one", "two"):
        save_run(tmp_path / f"{name}.json", name, {}, [tmp_path / "record.json"], lost=runs)
    assert load_lost([tmp_path / "one.json", tmp_path / "two.json"]) == runs[::-1]


def test_the_curve_of_a_run_is_next_to_the_folders_of_its_conditions(tmp_path: Path) -> None:
    save_record(tmp_path / "seed1/clean/record.json", example())
    save_run(tmp_path / "run.json", "run", {}, [tmp_path / "seed1/clean/record.json"])
    (result,) = load_results([tmp_path / "run.json"], protocol_version_of)[0]
    assert result.curve == tmp_path / "seed1/curve.jsonl"
