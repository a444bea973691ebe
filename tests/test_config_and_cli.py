"""The command as a user meets it: one clear line for bad input, exit status not 0, nothing half-written."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from atombench.config import check_run
from atombench.engine.answers import save_predictions
from atombench.engine.contract import Predictions
from atombench.errors import ConfigError
from atombench.io.schema import read_yaml
from atombench.tasks.atom.evaluate import evaluate
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.table import CONTROLS
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT, volume_set
from tests.records.made import example
from tests.volumes.building import plain

STEP = {"facts": {}, "cost": example().training.model_dump()}
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def atombench(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "atombench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment})


def refused(answer: subprocess.CompletedProcess[str]) -> str:
    """An expected error: one line, or one and a list; beside it there may only be messages, which begin with the time."""
    assert answer.returncode == 1 + (answer.stderr.startswith("error: unknown command")), answer.stdout
    lines = [line for line in answer.stderr.splitlines() if not re.match(r"\d\d:\d\d:\d\d ", line)]
    assert lines[0].startswith("error: "), answer.stderr
    assert all(line.startswith("  ") for line in lines[1:]), answer.stderr
    return "\n".join(lines)


@pytest.mark.parametrize(
    "name", ["config.yaml", "vessel.yaml", "ixi.yaml", "hippocampus.yaml", "paper.yaml", "cross-organ.yaml"]
)
def test_shipped_configurations_are_valid(name: str) -> None:
    check_run(yaml.safe_load((ROOT / "config" / name).read_text()))


def test_the_matrix_repeats_only_seeded_methods() -> None:
    units = list(check_run(DEFAULT).units())
    assert len({unit.key for unit in units}) == len(units) == 28
    assert [unit.seed for unit in units if unit.method == "exhaustive" and unit.gathering == "hard"] == [1]


def boards(**change: object) -> dict[str, object]:
    """The default run's boards with something changed."""
    return {"boards": [{**DEFAULT["boards"][0], **change}]}


def test_transfer_adds_learned_methods_to_the_boards_of_the_other_dataset() -> None:
    two = {**DEFAULT, "boards": [{"datasets": ["mni-subjects", "ixi-t1"], "gatherings": ["hard"]}]}
    units = list(check_run({**two, "transfer": [{"train": "mni-subjects", "test": "ixi-t1"}]}).units())
    moved = [unit for unit in units if "@" in unit.method]
    assert {unit.dataset for unit in moved} == {"ixi-t1"}
    learned = ("section-only", "volume-only", "regismcan-released", "regismcan")
    assert {(unit.method, unit.seed) for unit in moved} == {(f"{m}@mni-subjects", s) for m in learned for s in (1, 2)}
    with pytest.raises(ConfigError, match="transfer: unknown dataset of the boards 'ixi'; did you mean 'ixi-t1'"):
        check_run({**two, "transfer": [{"train": "ixi", "test": "ixi-t1"}]})
    apart = [{"datasets": ["mni-subjects"], "gatherings": ["hard"]}, {"datasets": ["ixi-t1"], "gatherings": ["easy"]}]
    with pytest.raises(ConfigError, match="no two datasets have a board of the same"):
        check_run({**two, "boards": apart, "transfer": [{"train": "mni-subjects", "test": "ixi-t1"}]})


def test_a_method_may_stand_in_a_run_several_times_with_other_options() -> None:
    some = {"regismcan": {"steps": 3}, "regismcan+linear": {"steps": 3, "embedding": "linear"}}
    run = check_run({**DEFAULT, "methods": some})
    assert {unit.method for unit in run.units()} >= set(some)
    with pytest.raises(ConfigError, match="unknown option of regismcan\\+linear 'embeding'; did you mean 'embedding'"):
        check_run({**DEFAULT, "methods": {"regismcan+linear": {"embeding": "linear"}}})
    with pytest.raises(ConfigError, match="expected a method such as regismcan or regismcan\\+wide"):
        check_run({**DEFAULT, "methods": {"regismcan wide": None}})
    with pytest.raises(ConfigError, match="'regismcan@ixi-t1' names a dataset; that is what transfer is for"):
        check_run({**DEFAULT, "methods": {"regismcan@ixi-t1": None}})


def test_controls_stand_on_every_board_unless_they_are_left_out_by_name() -> None:
    bare = {**DEFAULT, "methods": {"constant": None}}
    assert set(check_run(bare).all_methods) == set(CONTROLS)
    fewer = check_run({**bare, "without": ["exhaustive", "random"]})
    assert set(fewer.all_methods) == set(CONTROLS) - {"exhaustive", "random"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"without": ["exhaustiv"]}, "without: unknown control 'exhaustiv'; did you mean 'exhaustive'"),
        ({"without": ["regismcan"]}, "without: unknown control 'regismcan'"),
        ({"without": ["constant"], "methods": {"constant": None}}, "without: unknown control 'constant'"),
        (boards(datasets=["mni-subject"]), "unknown dataset 'mni-subject'; did you mean 'mni-subjects'"),
        ({"methods": {"regismcan-release": None}}, "unknown method 'regismcan-release'; did you mean 'regismcan-released'"),
        ({"methods": {"regismcan": {"stepz": 3}}}, "unknown option of regismcan 'stepz'; did you mean 'steps'"),
        (boards(gatherings=["hrd"]), "unknown gathering 'hrd'; did you mean 'hard'"),
        (boards(gathering=["hard"]), "unknown key 'boards.0.gathering'; did you mean 'boards.0.gatherings'"),
        ({"boards": [*boards()["boards"]] * 2}, "the board mni-subjects/hard/none/1 stands in more than one block"),
        ({"boards": []}, "boards: List should have at least 1 item"),
        ({"seedz": [1]}, "unknown key 'seedz'; did you mean 'seeds'"),
        ({"seeds": ["one"]}, "seeds.0: Input should be a valid integer"),
        ({"seeds": [-1]}, "seeds.0: Input should be greater than or equal to 0"),
        ({"seeds": ["1"]}, "seeds.0: Input should be a valid integer"),
        ({"seeds": [10**30]}, "seeds.0: Input should be less than"),
        ({"methods": {"regismcan": {"learning_rate": "1e-3"}}}, "got '1e-3' \\(YAML reads 1e-3 as text; write 1.0e-3\\)"),
        ({"seeds": [1, 1]}, "seeds: Value error, 1 stands in the list more than once"),
        (boards(gatherings="hard"), "boards.0.gatherings: Input should be a valid list"),
        (boards(splits=["non"]), "unknown split rule 'non'; did you mean 'none'"),
        ({"methods": {"regismcan": {"steps": 0}}}, "options of regismcan: steps: Input should be greater"),
        ({"methods": {"regismcan": {"heads": 3}}}, "width 64 must be a multiple of heads 3"),
        (boards(scales=[4]), "boards.0.scales.0: Input should be 1, 2 or 3"),
        (boards(datasets=[]), "boards.0.datasets: List should have at least 1 item"),
    ],
)
def test_a_wrong_configuration_is_answered_with_what_is_right(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        check_run({**DEFAULT, **change})
    assert "\n" not in str(error.value)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("run: a\nseeds: [1]\nseeds: [5]\n")
    with pytest.raises(ConfigError, match="the key 'seeds' stands twice"):
        read_yaml(tmp_path / "c.yaml")


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not on PATH")
def test_snakemake_refuses_a_wrong_configuration_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**DEFAULT, **boards(datasets=["mni-subjets"])}))
    command = ["snakemake", "-n", "--configfile", str(tmp_path / "c.yaml")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert answer.returncode != 0
    assert "unknown dataset 'mni-subjets'; did you mean 'mni-subjects'" in answer.stdout + answer.stderr
    assert "Job stats" not in answer.stdout + answer.stderr


def test_help_lists_the_commands_and_an_unknown_one_gets_the_nearest() -> None:
    assert "curate" in atombench("--help").stdout
    assert "--out" in atombench("curate", "--help").stdout
    assert "did you mean 'curate'" in refused(atombench("currate"))
    assert atombench("--version").stdout.startswith("atombench 0.")


def test_fetch_refuses_an_unknown_dataset(tmp_path: Path) -> None:
    line = refused(atombench("fetch", "vesselmnist", "--out", tmp_path / "r.json"))
    assert "did you mean 'vesselmnist3d'" in line
    assert list(tmp_path.iterdir()) == []


def test_fetch_without_network_says_where_it_looked(tmp_path: Path) -> None:
    away = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ATOMBENCH_DATA_DIRS": str(tmp_path)}
    line = refused(atombench("fetch", "organmnist3d", "--out", tmp_path / "r.json", "--downloads", tmp_path / "d", **away))
    assert f"looked in {tmp_path}" in line
    assert "download failed" in line
    assert not (tmp_path / "r.json").exists()


def test_a_local_file_with_a_wrong_checksum_is_named_with_both_sums(tmp_path: Path) -> None:
    (tmp_path / "vesselmnist3d.npz").write_bytes(b"not it")
    away = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ATOMBENCH_DATA_DIRS": str(tmp_path)}
    line = refused(atombench("fetch", "vesselmnist3d", "--out", tmp_path / "r.json", "--downloads", tmp_path / "d", **away))
    assert f"has md5 {hashlib.md5(b'not it').hexdigest()}" in line
    assert "expected b41fd4f7e7e2feedddb201585ecafa1b" in line


def test_curate_refuses_a_receipt_that_is_not_there(tmp_path: Path) -> None:
    line = refused(atombench("curate", "mni-subjects", "--receipt", tmp_path / "no.json", "--out", tmp_path / "v.npz"))
    assert "cannot read" in line
    assert list(tmp_path.iterdir()) == []


def test_fetch_and_curate_name_every_unusable_file_of_a_users_folder(tmp_path: Path) -> None:
    """A registry of the user's own, with an image each that holds NaN, is constant, or has four dimensions."""
    import nibabel

    row = plain(tmp_path / "brains")
    good = np.random.default_rng(0).random((24, 22, 20))
    hole = good.copy()
    hole[0, 0, 0] = np.nan
    for name, array in (("s02", hole), ("s05", 0 * good), ("s07", np.stack([good, good], axis=-1))):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "brains" / "t1" / f"{name}_T1.nii.gz")
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"mine": row}))
    registry = ["--registry", tmp_path / "d.yaml"]
    fetched = atombench("fetch", "mine", "--out", tmp_path / "r.json", *registry, ATOMBENCH_DATA_DIRS=str(tmp_path))
    assert fetched.returncode == 0, fetched.stderr
    line = refused(atombench("curate", "mine", "--receipt", tmp_path / "r.json", "--out", tmp_path / "v.npz", *registry))
    assert "3 problems" in line
    assert "s02_T1.nii.gz holds 1 voxels that are NaN" in line
    assert "s05_T1.nii.gz is constant" in line
    assert "s07_T1.nii.gz has 4 dimensions (24, 22, 20, 2), expected 3" in line
    assert not (tmp_path / "v.npz").exists()


def test_split_refuses_a_truncated_npz(toy: VolumeSet, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    (tmp_path / "v.npz").write_bytes((tmp_path / "v.npz").read_bytes()[:5000])
    line = refused(
        atombench("split", "--volumes", tmp_path / "v.npz", "--out", tmp_path / "m.parquet", "--summary", tmp_path / "s.json")
    )
    assert "truncated or not an npz" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.npz"]


def test_an_unwritable_output_is_named(toy: VolumeSet, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    (tmp_path / "file").write_text("in the way of a folder")
    line = refused(
        atombench(
            "split", "--volumes", tmp_path / "v.npz", "--out", tmp_path / "file" / "m.parquet", "--summary", tmp_path / "s"
        )
    )
    assert f"cannot write {tmp_path / 'file' / 'm.parquet'}" in line


def test_the_error_stands_in_the_log_as_well(tmp_path: Path) -> None:
    line = refused(atombench("fetch", "vessel", "--out", tmp_path / "r.json", "--log", tmp_path / "fetch.log"))
    assert line in (tmp_path / "fetch.log").read_text()
    (tmp_path / "file").write_text("in the way of a folder")
    assert "cannot write the log" in refused(atombench("fetch", "x", "--out", "r", "--log", tmp_path / "file" / "x.log"))


@pytest.mark.parametrize("wrong", [["--gathering", "hrd"], ["--split", "non"]])
def test_split_answers_an_unknown_name_with_valid_ones(wrong: list[str], toy: VolumeSet, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    outs = ["--out", tmp_path / "m.parquet", "--summary", tmp_path / "s.json"]
    assert f"unknown {'gathering' if 'hrd' in wrong else 'split rule'} '{wrong[1]}'" in refused(
        atombench("split", "--volumes", tmp_path / "v.npz", *outs, *wrong)
    )


@pytest.mark.parametrize("name", ["board", "track"])
def test_lists_that_are_damaged_are_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    place = ["--out", tmp_path / "board"] if name == "board" else ["--store", tmp_path / "m.db"]
    line = refused(atombench(name, tmp_path / "run.json", *place))
    assert f"{tmp_path / 'run.json'}: " in line
    assert "required and missing" in line


def test_train_refuses_options_that_are_not_json_or_not_its_own(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    toy_manifest.save(tmp_path / "m.parquet")
    outs = ["--out", tmp_path / "w", "--curve", tmp_path / "c", "--cost", tmp_path / "t"]
    files = ["--volumes", tmp_path / "v.npz", "--manifest", tmp_path / "m.parquet", *outs]
    assert "must be a JSON object" in refused(atombench("train", "constant", *files, "--options", "{"))
    line = refused(atombench("train", "constant", *files, "--options", '{"step": 1}'))
    assert "unknown key 'step'" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.parquet", "v.npz"]


def test_evaluate_refuses_predictions_of_another_manifest(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> None:
    from atombench.engine.answers import save_predictions
    from atombench.engine.contract import Predictions

    toy.save(tmp_path / "v.npz")
    toy_manifest.save(tmp_path / "m.parquet")
    boxes = np.zeros((toy_manifest.counts["test"], 729), np.float32)
    (tmp_path / "w").write_bytes(b"weights")
    source = {"manifest": "0" * 64, "method": "constant", "seed": "1", "weights": "0" * 64}
    save_predictions(tmp_path / "p.parquet", Predictions(boxes=boxes), source)
    (tmp_path / "t").write_text(json.dumps(STEP))
    files = {"volumes": "v.npz", "manifest": "m.parquet", "weights": "w", "predictions": "p.parquet"}
    files |= {"training": "t", "predicting": "t", "out": "record.json"}
    line = refused(atombench("evaluate", "constant", *(f"--{name}={tmp_path / file}" for name, file in files.items())))
    assert f"comes from manifest {'0' * 64}, expected {toy_manifest.digest}" in line
    source["manifest"] = toy_manifest.digest
    save_predictions(tmp_path / "p.parquet", Predictions(boxes=boxes), source)
    line = refused(atombench("evaluate", "constant", *(f"--{name}={tmp_path / file}" for name, file in files.items())))
    assert f"comes from weights {'0' * 64}, expected" in line
    assert not (tmp_path / "record.json").exists()


def test_every_command_starts_without_torch() -> None:
    script = (
        "import sys, atombench.cli as c; [__import__('atombench.commands.' + n.replace('-', '_')) for n in c.COMMANDS];"
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "False"


def test_evaluate_alone_prints_a_table_of_any_predictions(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    toy_manifest.save(tmp_path / "m.parquet")
    count = toy_manifest.counts["test"]
    answers = Predictions(boxes=np.random.default_rng(0).random((count, 729)).astype(np.float32))
    save_predictions(tmp_path / "p.parquet", answers, {"manifest": toy_manifest.digest})
    files = ["--volumes", tmp_path / "v.npz", "--manifest", tmp_path / "m.parquet", "--predictions", tmp_path / "p.parquet"]
    found = atombench("evaluate", *files)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].split()[:3] == ["protocol", "metric", "value"]
    recall = next(line.split() for line in lines if line.startswith("strict     fine_recall@10"))
    expected = next(m for m in evaluate(answers, toy_manifest, toy) if m.metric == "fine_recall@10")
    assert recall[2] == f"{expected.value:.4f}"
    assert "a record needs METHOD" in refused(atombench("evaluate", *files, "--out", tmp_path / "r.json"))
    assert not (tmp_path / "r.json").exists()
    other = volume_set((6, 3, 4), np.random.default_rng(1).random((13, 20, 20, 20)).astype(np.float32))
    other.save(tmp_path / "v.npz")
    assert "was made for volumes" in refused(atombench("evaluate", *files))
