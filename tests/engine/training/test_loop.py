import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from atombench.engine.contract import Resources
from atombench.engine.training.schedule import relative_rate
from atombench.errors import TrainingError
from atombench.progress import logger
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.regismcan import RegisMcanNetwork
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import Training, make_training
from atombench.volumes.curated import Curated
from tests.conftest import needs


def test_the_curve_is_written_as_json_lines_with_steps(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    options = {"steps": 4, "validations": 2, "width": 8, "batch_volumes": 2, "val_sections": 20}
    training = make_training(toy_data, toy_manifest)
    ATOM.registry.build("regismcan", options).fit(training, Resources(seed=1, curve=tmp_path / "curve.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(row["train/loss"] > 0 and 0 <= row["val/fine_recall@1"] <= 1 for row in rows)


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 300])
def test_the_learning_rate_rises_to_its_peak_and_falls_almost_to_zero(steps: int) -> None:
    rates = [relative_rate(done, steps) for done in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == 1
    assert steps < 100 or rates[-1] < 0.01


@pytest.mark.parametrize("steps", range(1, 13))
def test_a_training_of_any_length_ends_with_a_validated_network(
    steps: int, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    options = {"steps": steps, "validations": 3, "width": 4, "batch_volumes": 1, "batch_sections": 2, "val_sections": 10}
    curve = tmp_path / "curve.jsonl"
    assert ATOM.registry.build("regismcan", options).fit(make_training(toy_data, toy_manifest), Resources(seed=1, curve=curve))
    assert json.loads(curve.read_text().splitlines()[-1])["step"] == steps


@pytest.mark.parametrize(
    ("options", "tolerance"), [({"precision": "bfloat16"}, 2e-2), ({"deterministic": False}, 1e-5), ({"compile": True}, 1e-4)]
)
def test_other_numerical_settings_give_nearly_the_same_losses(
    options: dict, tolerance: float, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # traced, without compiling C++
    assert_similar_losses(options, tolerance, make_training(toy_data, toy_manifest), tmp_path)


@pytest.mark.parametrize(("precision", "warned"), [("bfloat16", True), ("float32", False)])
def test_emulated_bfloat16_is_warned_of(
    precision: str,
    warned: bool,
    toy_data: Curated,
    toy_manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    method = ATOM.registry.build("regismcan", {"steps": 1, "width": 4, "val_sections": 10, "precision": precision})
    with caplog.at_level("WARNING", logger=logger.name):
        method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    assert ("only emulates bfloat16" in caplog.text) is warned


@pytest.mark.long
def test_a_compiled_training_gives_nearly_the_same_losses(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    needs(shutil.which("g++"), "torch.compile needs a C++ compiler")
    assert_similar_losses({"compile": True}, 1e-4, make_training(toy_data, toy_manifest), tmp_path)


def assert_similar_losses(options: dict, tolerance: float, training: Training, folder: Path) -> None:
    """Train with and without the given options, and compare the losses step by step."""
    small = {"steps": 12, "validations": 12, "width": 16, "batch_volumes": 4, "val_sections": 10, "learning_rate": 0.01}
    losses = []
    for name, more in (("plain", {}), ("other", options)):
        curve = folder / name
        ATOM.registry.build("mcan", {**small, **more}).fit(training, Resources(seed=1, curve=curve))
        losses.append([json.loads(line)["train/loss"] for line in curve.read_text().splitlines()])
    assert losses[0][-1] < 0.9 * losses[0][0]  # so that wrong steps would be detected
    np.testing.assert_allclose(losses[1], losses[0], rtol=tolerance)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_training_restores_the_global_generator(toy_data: Curated, toy_manifest: Manifest) -> None:
    before = torch.get_rng_state()
    method = ATOM.registry.build("mcan", {"steps": 2, "width": 8, "batch_volumes": 2})
    method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_not_finite_stops_the_training(toy_data: Curated, toy_manifest: Manifest) -> None:
    training = make_training(toy_data, toy_manifest)
    training.volumes[:] = float("nan")
    with pytest.raises(TrainingError, match="the loss became nan at step 1 of 3"):
        ATOM.registry.build("regismcan", {"steps": 3, "width": 8}).fit(training, Resources(seed=1))


def test_validation_scores_that_are_not_finite_stop_the_training(
    toy_data: Curated, toy_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights can become NaN in an update after a finite loss; rows of NaN would rank first."""

    def scores(self: object, volumes: object, index: object, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return pixels.new_zeros((len(pixels), 27)), pixels.new_full((len(pixels), 729), np.nan)

    monkeypatch.setattr(RegisMcanNetwork, "scores", scores)
    with pytest.raises(TrainingError, match="validation scores became NaN"):
        ATOM.registry.build("regismcan", {"steps": 2, "width": 8}).fit(make_training(toy_data, toy_manifest), Resources(seed=1))
