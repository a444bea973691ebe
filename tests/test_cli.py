"""The command line: bad input is reported in one clear line, with a nonzero exit status and no partial output."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from atombench.engine.answers import Answers, save_answers
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from tests.conftest import ROOT, volume_set
from tests.records.made import example
from tests.volumes.building import plain

STEP = {"facts": {}, "cost": example().training.model_dump()}
CUBE = ("--form", "cube20")
HARD = "atom/toy/hard-none-x1"


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def atombench(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "atombench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment})


def refused(answer: subprocess.CompletedProcess[str]) -> str:
    """Return an expected error: one line, optionally followed by a list; other lines must be log messages with a time."""
    assert answer.returncode == 1 + (answer.stderr.startswith("error: unknown command")), answer.stdout
    lines = [line for line in answer.stderr.splitlines() if not re.match(r"\d\d:\d\d:\d\d ", line)]
    assert lines[0].startswith("error: "), answer.stderr
    assert all(line.startswith("  ") for line in lines[1:]), answer.stderr
    return "\n".join(lines)


def test_help_lists_the_commands_and_an_unknown_command_gets_a_suggestion() -> None:
    assert "curate" in atombench("--help").stdout
    assert "--out" in atombench("curate", "--help").stdout
    assert "did you mean 'curate'" in refused(atombench("currate"))
    assert atombench("--version").stdout.startswith("atombench 0.")


def test_fetch_refuses_an_unknown_dataset(tmp_path: Path) -> None:
    line = refused(atombench("fetch", "vesselmnist", "--out", tmp_path / "r.json"))
    assert "did you mean 'vesselmnist3d'" in line
    assert list(tmp_path.iterdir()) == []


def test_fetch_without_network_names_the_folders_searched_and_both_checksums_of_a_wrong_file(tmp_path: Path) -> None:
    (tmp_path / "vesselmnist3d.npz").write_bytes(b"not it")
    offline = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ATOMBENCH_DATA_DIRS": str(tmp_path)}
    line = refused(atombench("fetch", "vesselmnist3d", "--out", tmp_path / "r.json", "--downloads", tmp_path / "d", **offline))
    assert f"has md5 {hashlib.md5(b'not it').hexdigest()}" in line
    assert "expected b41fd4f7e7e2feedddb201585ecafa1b" in line
    assert f"looked in {tmp_path}" in line
    assert "download failed" in line
    assert not (tmp_path / "r.json").exists()


def test_curate_refuses_a_missing_receipt(tmp_path: Path) -> None:
    line = refused(atombench("curate", "mni-subjects", *CUBE, "--receipt", tmp_path / "no.json", "--out", tmp_path / "v"))
    assert "cannot read" in line
    assert list(tmp_path.iterdir()) == []


def test_fetch_and_curate_report_every_unusable_file_in_the_folder_of_a_user(tmp_path: Path) -> None:
    """The registry of a user has one image with NaN, one constant image, and one with four dimensions."""
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
    line = refused(atombench("curate", "mine", *CUBE, "--receipt", tmp_path / "r.json", "--out", tmp_path / "v", *registry))
    assert "3 problems" in line
    assert "s02_T1.nii.gz holds 1 voxels that are NaN" in line
    assert "s05_T1.nii.gz is constant" in line
    assert "s07_T1.nii.gz has 4 dimensions (24, 22, 20, 2), expected 3" in line
    assert not (tmp_path / "v").exists()


def test_curate_writes_volumes_and_index_into_a_folder(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"mine": plain(tmp_path / "brains")}))
    options = ["--registry", tmp_path / "d.yaml"]
    fetched = atombench("fetch", "mine", "--out", tmp_path / "r.json", *options, ATOMBENCH_DATA_DIRS=str(tmp_path))
    assert fetched.returncode == 0, fetched.stderr
    call = ("curate", "mine", "--receipt", tmp_path / "r.json", "--out", tmp_path / "cube8", *options)
    done = atombench(*call, "--form", "cube8")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "cube8").iterdir()) == ["curated.json", "curated.npz"]
    curated = Curated.open(tmp_path / "cube8")
    assert curated.index.form == "cube8"
    assert curated.volumes().volumes.shape == (10, 8, 8, 8)
    assert "unknown form 'x1' (valid: cubeN" in refused(atombench(*call, "--form", "x1"))


def test_split_writes_a_manifest_and_its_summary(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    toy_data.save(tmp_path / "cube20")
    outs = ["--out", tmp_path / "m.parquet", "--summary", tmp_path / "s.json"]
    done = atombench("split", HARD, "--data", tmp_path / "cube20", *outs)
    assert done.returncode == 0, done.stderr
    assert ATOM.load_manifest(tmp_path / "m.parquet").digest == toy_manifest.digest
    about = json.loads((tmp_path / "s.json").read_text())
    assert (about["board"], about["digest"], about["queries"]) == (HARD, toy_manifest.digest, toy_manifest.counts)


def test_split_refuses_damaged_data(toy_data: Curated, tmp_path: Path) -> None:
    toy_data.save(tmp_path / "cube20")
    index = tmp_path / "cube20/curated.json"
    index.write_bytes(index.read_bytes()[:500])
    outs = ["--out", tmp_path / "m.parquet", "--summary", tmp_path / "s.json"]
    assert "curated.json is not valid JSON" in refused(atombench("split", HARD, "--data", tmp_path / "cube20", *outs))
    index.unlink()
    line = refused(atombench("split", HARD, "--data", tmp_path / "cube20", *outs))
    assert "cannot read" in line
    assert "curated.json" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube20"]


def test_train_refuses_a_truncated_npz(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    files = _files_of_train(toy_data, toy_manifest, tmp_path)
    volumes = tmp_path / "cube20/curated.npz"
    volumes.write_bytes(volumes.read_bytes()[:5000])
    assert "truncated or not an npz" in refused(atombench("train", HARD, "--method", "constant", *files))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube20", "m.parquet"]


def test_an_unwritable_output_is_reported(toy_data: Curated, tmp_path: Path) -> None:
    toy_data.save(tmp_path / "cube20")
    (tmp_path / "file").write_text("a file instead of a folder")
    outs = ["--out", tmp_path / "file" / "m.parquet", "--summary", tmp_path / "s"]
    line = refused(atombench("split", HARD, "--data", tmp_path / "cube20", *outs))
    assert f"cannot write {tmp_path / 'file' / 'm.parquet'}" in line


def test_errors_are_also_written_to_the_log(tmp_path: Path) -> None:
    line = refused(atombench("fetch", "vessel", "--out", tmp_path / "r.json", "--log", tmp_path / "fetch.log"))
    assert line in (tmp_path / "fetch.log").read_text()
    (tmp_path / "file").write_text("a file instead of a folder")
    assert "cannot write the log" in refused(atombench("fetch", "x", "--out", "r", "--log", tmp_path / "file" / "x.log"))


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ("toy/hrd-none-x1", "unknown gathering 'hrd'; did you mean 'hard'"),
        (
            "toy/hard-non-x1",
            "such as hard-none-x1 (GATHERING-SPLIT-xSCALE[-cCONTEXT]), got 'hard-non-x1'",
        ),
        ("atmo/toy/hard-none-x1", "unknown task 'atmo'; did you mean 'atom'"),
        ("hard", "expected a board such as atom/mni-subjects/uniform-none-x1, got 'hard'"),
    ],
)
def test_split_refuses_an_unknown_board_and_suggests_a_valid_one(
    board: str, message: str, toy_data: Curated, tmp_path: Path
) -> None:
    toy_data.save(tmp_path / "cube20")
    outs = ["--out", tmp_path / "m.parquet", "--summary", tmp_path / "s.json"]
    assert message in refused(atombench("split", board, "--data", tmp_path / "cube20", *outs))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube20"]


@pytest.mark.parametrize("name", ["board", "track"])
def test_damaged_run_lists_are_reported(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    place = ["--out", tmp_path / "board"] if name == "board" else ["--store", tmp_path / "m.db"]
    line = refused(atombench(name, tmp_path / "run.json", *place))
    assert f"{tmp_path / 'run.json'}: " in line
    assert "required and missing" in line


def _files_of_train(toy_data: Curated, toy_manifest: Manifest, folder: Path) -> list[object]:
    toy_data.save(folder / "cube20")
    toy_manifest.save(folder / "m.parquet")
    outs = ["--out", folder / "w", "--curve", folder / "c", "--cost", folder / "t"]
    return ["--data", folder / "cube20", "--manifest", folder / "m.parquet", *outs]


def test_train_refuses_options_that_are_not_json_or_unknown(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    files = ["--method", "constant", *_files_of_train(toy_data, toy_manifest, tmp_path)]
    assert "must be a JSON object" in refused(atombench("train", HARD, *files, "--options", "{"))
    line = refused(atombench("train", HARD, *files, "--options", '{"step": 1}'))
    assert "unknown key 'step'" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube20", "m.parquet"]


@pytest.mark.parametrize("command", ["train", "predict", "evaluate"])
def test_a_manifest_of_another_board_is_refused(
    command: str, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    _files_of_train(toy_data, toy_manifest, tmp_path)
    names = {"train": "method out curve cost", "predict": "method weights out cost swaps", "evaluate": "predictions"}
    files = {name: tmp_path / name for name in names[command].split()} | {"data": tmp_path / "cube20"}
    given = [f"--{name}={path}" for name, path in {**files, "manifest": tmp_path / "m.parquet"}.items()]
    line = refused(atombench(command, "atom/toy/easy-none-x1", *given))
    assert "m.parquet is the manifest of atom/toy/hard-none-x1, expected the manifest of atom/toy/easy-none-x1" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube20", "m.parquet"]


def test_evaluate_refuses_answers_of_another_manifest_condition_or_weights(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    toy_data.save(tmp_path / "cube20")
    toy_manifest.save(tmp_path / "m.parquet")
    count = toy_manifest.counts["test"]
    (tmp_path / "w").write_bytes(b"weights")
    (tmp_path / "t").write_text(json.dumps(STEP))
    files = {"data": "cube20", "manifest": "m.parquet", "weights": "w", "predictions": "p.parquet"}
    files |= {"training": "t", "predicting": "t", "out": "record.json"}
    options = ["--method=constant", *(f"--{name}={tmp_path / file}" for name, file in files.items())]
    source = {"manifest": "0" * 64, "method": "constant", "seed": "1", "condition": "histology-1", "weights": "0" * 64}
    for wrong, right in (
        (f"manifest {'0' * 64}", toy_manifest.digest),
        ("condition histology-1", "clean"),
        (f"weights {'0' * 64}", ""),
    ):
        save_answers(tmp_path / "p.parquet", Answers(boxes=np.zeros((count, 729), np.float32)), source, count)
        assert f"was computed with {wrong}, expected {right}" in refused(atombench("evaluate", HARD, *options))
        source[wrong.split()[0]] = right
    assert not (tmp_path / "record.json").exists()


def test_every_command_is_imported_without_torch() -> None:
    script = (
        "import sys, atombench.cli as c; [__import__('atombench.commands.' + c.module_of(n)) for n in c.COMMANDS];"
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "False"


def test_evaluate_prints_a_table_of_metrics_for_any_predictions(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    toy_data.save(tmp_path / "cube20")
    toy_manifest.save(tmp_path / "m.parquet")
    count = toy_manifest.counts["test"]
    answers = Answers(boxes=np.random.default_rng(0).random((count, 729)).astype(np.float32))
    save_answers(tmp_path / "p.parquet", answers, {"manifest": toy_manifest.digest}, count)
    files = [HARD, "--data", tmp_path / "cube20", "--manifest", tmp_path / "m.parquet", "--predictions", tmp_path / "p.parquet"]
    found = atombench("evaluate", *files)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].split()[:3] == ["protocol", "metric", "value"]
    recall = next(line.split() for line in lines if line.startswith("strict     fine_recall@10"))
    expected = next(m for m in evaluate(ATOM, answers, toy_data, toy_manifest).metrics if m.metric == "fine_recall@10")
    assert recall[2] == f"{expected.value:.4f}"
    assert "--out requires --method" in refused(atombench("evaluate", *files, "--out", tmp_path / "r.json"))
    assert not (tmp_path / "r.json").exists()
    other = volume_set((6, 3, 4), np.random.default_rng(1).random((13, 20, 20, 20)).astype(np.float32))
    Curated.of(other, "cube20").save(tmp_path / "cube20")
    assert "was drawn for volumes" in refused(atombench("evaluate", *files))
