"""An interrupted training that is resumed from its checkpoint ends with identical results, bit for bit."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from atombench.engine.contract import Resources, Weights
from atombench.engine.training.checkpoint import Checkpoint
from atombench.engine.training.loop import TrainingLoop
from atombench.errors import Interrupted
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import Training, make_training
from atombench.volumes.curated import Curated

SMALL = {"width": 8, "batch_volumes": 2, "batch_sections": 4, "val_sections": 40}
OPTIONS = {"steps": 12, "validations": 4, **SMALL}


@pytest.fixture
def training(toy_data: Curated, toy_manifest: Manifest) -> Training:
    return make_training(toy_data, toy_manifest)


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch, number: signal.Signals = signal.SIGTERM) -> None:
    """Make the training send a signal to this process after the given number of steps."""
    step = TrainingLoop._step

    def stepping(self: TrainingLoop, *arguments: object) -> None:
        step(self, *arguments)
        if self.state.step == steps:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainingLoop, "_step", stepping)


def fit(
    name: str, training: Training, path: Path, binding: str = "b", seconds: float = 1e9, options: dict = OPTIONS
) -> Weights:
    checkpoint = Checkpoint(path / "state.safetensors", binding, seconds)
    resources = Resources(seed=1, curve=path / "curve.jsonl", checkpoint=checkpoint)
    return ATOM.registry.build(name, options).fit(training, resources)


def same(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)


def without_times(curve: Path) -> list[dict]:
    rows = [json.loads(line) for line in curve.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize(("name", "optimizer"), [("regismcan", "adamw"), ("mcan", "adamw"), ("mcan", "muon")])
@pytest.mark.parametrize("steps", [1, 3, 5, 11])
def test_an_interrupted_training_resumes_to_the_same_weights_and_curve(
    name: str, optimizer: str, steps: int, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**OPTIONS, "optimizer": optimizer}
    (tmp_path / "undisturbed").mkdir()
    expected = fit(name, training, tmp_path / "undisturbed", options=options)
    with monkeypatch.context() as patch:
        interrupt_after(steps, patch)
        with pytest.raises(Interrupted, match=f"at step {steps} of 12") as caught:
            fit(name, training, tmp_path, options=options)
    assert caught.value.exit_status == 143
    assert same(fit(name, training, tmp_path, options=options), expected)
    assert without_times(tmp_path / "curve.jsonl") == without_times(tmp_path / "undisturbed/curve.jsonl")


@pytest.fixture
def control_c() -> Iterator[None]:
    """Handle SIGINT as in a terminal, even if the tests run in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("control_c")
def test_control_c_also_saves_the_state(training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(4, monkeypatch, signal.SIGINT)
    with pytest.raises(Interrupted) as caught:
        fit("regismcan", training, tmp_path)
    assert caught.value.exit_status == 130
    assert Checkpoint(tmp_path / "state.safetensors", "b").load()[1]["step"] == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("control_c")
def test_an_ignored_signal_stays_ignored(training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt_after(4, monkeypatch, signal.SIGINT)
    assert fit("regismcan", training, tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_state_is_saved_only_when_it_is_due(training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(TrainingLoop, "_save", lambda self: written.append(self.state.step))
    fit("regismcan", training, tmp_path, seconds=1e9)
    assert written == [12]
    fit("regismcan", training, tmp_path, seconds=0)
    assert written[1:] == [*range(1, 13), 12]


def test_a_finished_training_is_not_repeated(training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fit("regismcan", training, tmp_path)
    arrays, state = Checkpoint(tmp_path / "state.safetensors", "b").load()
    assert state["done"]
    assert all(name.startswith("best/") for name in arrays)
    monkeypatch.setattr(TrainingLoop, "_step", lambda *_: pytest.fail("it trained again"))
    assert same(fit("regismcan", training, tmp_path), first)
    assert len(without_times(tmp_path / "curve.jsonl")) == 4


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "bound to something else"])
def test_an_unusable_checkpoint_is_ignored(
    damage: str, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = fit("regismcan", training, tmp_path)
    path = tmp_path / "state.safetensors"
    content = {"truncated": path.read_bytes()[:-9], "text": b"no tensors here", "empty": b""}
    path.write_bytes(content.get(damage, path.read_bytes()))
    with caplog.at_level("INFO", logger="atombench"):
        found = fit("regismcan", training, tmp_path, binding="other" if "bound" in damage else "b")
    assert "the training starts from the beginning" in caplog.text
    assert same(found, expected)


def test_attempts_and_their_durations_are_counted(training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        with pytest.raises(Interrupted):
            fit("regismcan", training, tmp_path)
    checkpoint = Checkpoint(tmp_path / "state.safetensors", "b")
    assert checkpoint.load() is not None
    assert checkpoint.attempts == 2
    assert checkpoint.seconds > checkpoint.earlier_seconds > 0


def test_patience_stops_a_training_early_and_keeps_the_best_weights(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.4, 0.2, 0.3, 0.9, 0.9])
    monkeypatch.setattr("atombench.tasks.atom.methods.network.validate", lambda *_: next(scores))
    options = {"steps": 12, "validations": 6, "patience": 2, **SMALL}
    fit("regismcan", training, tmp_path, options=options)
    assert [row["step"] for row in without_times(tmp_path / "curve.jsonl")] == [2, 4, 6, 8]
    assert Checkpoint(tmp_path / "state.safetensors", "b").load()[1]["best"] == 0.4
