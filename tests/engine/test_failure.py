"""Errors caused by a method become failed records with a reason; other errors pass."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from atombench.commands import evaluate, predict, train
from atombench.engine.answers import Answers
from atombench.engine.external import read_submission
from atombench.engine.failure import MethodFailure, own_faults
from atombench.engine.weights import load_bundle
from atombench.errors import DataError, Interrupted, TrainingError
from atombench.records.record import Record, load_record
from atombench.submissions.new_method import new_method
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.queries import Queries
from atombench.volumes.curated import Curated
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrainingError("the loss became nan at step 3 of 9"), "training: the loss became nan at step 3 of 9"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB.\nmore"),
            "training: out of GPU memory: CUDA out of memory.",
        ),
        (ValueError("shapes\n differ"), "training: ValueError: shapes"),
        (KeyError("x"), "training: KeyError: 'x'"),
        (AssertionError(), "training: AssertionError:"),
        (RuntimeError("long " * 400), "training: RuntimeError: long long"),
    ],
)
def test_an_error_caused_by_a_method_becomes_a_reason(error: Exception, reason: str) -> None:
    with pytest.raises(MethodFailure) as caught, own_faults("training"):
        raise error
    assert str(caught.value).startswith(reason)
    assert len(str(caught.value)) <= 500
    assert "\n" not in str(caught.value)


def test_control_characters_of_an_exception_reach_neither_record_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    """ESC moves the cursor of a terminal, U+202E reverses the text of a page."""
    with caplog.at_level("ERROR", "atombench"), pytest.raises(MethodFailure) as error, own_faults("training"):
        raise ValueError("all \x1b[2J well\u202e gnp.exe")
    assert str(error.value) == "training: ValueError: all ?[2J well? gnp.exe"
    assert "gnp.exe" in caplog.text
    assert not {"\x1b", "\u202e"} & set(caplog.text)
    assert str(MethodFailure("a\nb\x07")) == "a b?"


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        MemoryError(),
        DataError("damaged"),
        Interrupted("interrupted", 143),
        KeyboardInterrupt(),
        SystemExit(3),
        torch.AcceleratorError("CUDA error: uncorrectable ECC error"),
    ],
)
def test_an_error_not_caused_by_a_method_passes(error: BaseException) -> None:
    with pytest.raises(type(error)), own_faults("training"):
        raise error


def test_missing_host_memory_is_not_a_failure_of_the_method() -> None:
    with pytest.raises(MemoryError, match="can't allocate memory"), own_faults("training"):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


@pytest.fixture
def files(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> Path:
    toy_data.save(tmp_path)
    toy_manifest.save(tmp_path / "manifest.parquet")
    return tmp_path


def steps(folder: Path, method: str = "regismcan", options: str = '{"steps": 2, "width": 8, "batch_volumes": 2}') -> Record:
    """Train, predict and evaluate as the workflow does."""
    names = ("weights.safetensors", "predictions.parquet", "swaps.parquet", "training.json", "predicting.json", "record.json")
    weights, predictions, swaps, training, predicting, record = (folder / name for name in names)
    data = {"data": folder, "manifest": folder / "manifest.parquet"}
    board = "atom/toy/hard-none-x1"
    train.run(board, method, **data, out=weights, curve=folder / "curve.jsonl", cost=training, options=options)
    predict.run(board, method, **data, weights=weights, out=predictions, cost=predicting, swaps=swaps, options=options)
    evaluate.run(
        board,
        **data,
        method=method,
        weights=weights,
        predictions=predictions,
        swaps=swaps,
        training=training,
        predicting=predicting,
        out=record,
    )
    return load_record(record)


def test_a_failed_training_becomes_a_record_with_its_reason(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object) -> None:
        raise TrainingError("the loss became nan at step 1 of 2")

    monkeypatch.setattr(NetworkMethod, "fit", fit)
    record = steps(files)
    assert (record.status, record.reason) == ("failed", "training: the loss became nan at step 1 of 2")
    assert record.metrics == []
    assert record.options["steps"] == 2
    with pytest.raises(MethodFailure, match="the loss became nan"):
        load_bundle(files / "weights.safetensors")


def test_a_failed_prediction_becomes_a_record_with_its_reason(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(NetworkMethod, "predict", answer)
    record = steps(files)
    assert (record.status, record.reason) == ("failed", "predicting: out of GPU memory: CUDA out of memory")


def test_answers_that_are_not_finite_are_a_failure_of_the_method(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(self: object, weights: object, queries: Queries, resources: object) -> Answers:
        return Answers(boxes=np.full((len(queries), 729), np.nan, np.float32))

    monkeypatch.setattr(NetworkMethod, "predict", answer)
    record = steps(files)
    assert record.status == "failed"
    assert record.reason.startswith("predicting: boxes holds NaN or infinite values")


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from atombench.errors import DataError
from atombench.engine.failure import own_faults
from atombench.engine.training.checkpoint import Checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with own_faults("training"):
        Checkpoint(Path(sys.argv[1]), "b").save({"x": np.zeros(10_000)}, {})
except DataError as error:
    print("DataError", error)
"""


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_not_a_failure_of_the_method(tmp_path: Path) -> None:
    """The library raises its own error, which is not an OSError."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "state.safetensors")]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.stdout.startswith("DataError cannot write"), answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_when_the_disk_is_full(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(NetworkMethod, "fit", fit)
    with pytest.raises(DataError, match="No space left"):
        steps(files)
    assert {path.name for path in files.iterdir()} == {"curated.npz", "curated.json", "manifest.parquet"}


def test_a_method_with_an_invalid_card_is_not_trained(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(files)
    folder = new_method("careless-one")
    read_submission.cache_clear()
    about = (folder / "submission.yaml").read_text()
    (folder / "submission.yaml").write_text(about.replace("contact: none ", "contact: call me ").replace("team: ", "tema: "))
    method = (folder / "method.py").read_text()
    (folder / "method.py").write_text(method + "\nraise ValueError('was imported')\n")
    record = steps(files, "careless-one", "{}")
    assert record.status == "failed"
    assert "the submission is not valid" in record.reason
    assert "contact" in record.reason
    assert "did you mean" in record.reason
    assert "was imported" not in record.reason
    assert record.card == {}


def test_a_run_without_errors_is_complete(files: Path) -> None:
    record = steps(files)
    assert (record.status, record.reason) == ("complete", "")
