import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from atombench.engine.contract import Resources, make_training
from atombench.engine.registry import build
from atombench.engine.training.schedule import relative_rate
from atombench.errors import TrainingError
from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.learning.losses import OBJECTIVES, asymmetric_loss, softmax_loss
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.regismcan import RegisMcanNetwork
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import needs


def naive_loss(logits: torch.Tensor, targets: torch.Tensor, positive: float, negative: float, margin: float) -> list[float]:
    """Equation 2 of the paper, entry by entry, with the sign that makes it a loss."""
    sums = []
    for row, right in zip(logits.tolist(), targets.tolist(), strict=True):
        total = 0.0
        for x, y in zip(row, right, strict=True):
            p = 1 / (1 + math.exp(-x))
            q = max(p - margin, 0)
            total -= (1 - p) ** positive * math.log(p) if y else q**negative * math.log(1 - q)
        sums.append(total)
    return sums


@pytest.mark.parametrize(("positive", "negative", "margin"), [(0, 4, 0.05), (1, 2, 0.1), (0, 0, 0)])
def test_asl_is_the_papers_equation_2(positive: float, negative: float, margin: float) -> None:
    logits, targets = torch.randn(20, 27, dtype=torch.float64), torch.rand(20, 27) < 0.2
    found = asymmetric_loss(logits, targets, positive, negative, margin)
    torch.testing.assert_close(found, torch.tensor(naive_loss(logits, targets, positive, negative, margin)).double())


def test_asl_without_focusing_is_binary_cross_entropy() -> None:
    logits, targets = torch.randn(20, 27), torch.rand(20, 27) < 0.2
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets.float(), reduction="none").sum(dim=1)
    torch.testing.assert_close(asymmetric_loss(logits, targets, 0, 0, 0), expected)


def test_unlikely_negatives_have_no_gradient_at_all() -> None:
    logits = torch.tensor([-6.0, -3.1, -2.0, 1.0], requires_grad=True)  # probabilities 0.002, 0.043, 0.12, 0.73
    asymmetric_loss(logits, torch.zeros(4, dtype=torch.bool)).backward()
    assert logits.grad is not None
    assert logits.grad[:2].tolist() == [0, 0]
    assert (logits.grad[2:] > 0).all()


def test_asl_stays_finite_at_extreme_logits() -> None:
    logits = torch.tensor([-200.0, 200.0], requires_grad=True)
    loss = asymmetric_loss(logits, torch.tensor([True, False]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_the_softmax_loss_is_the_surprise_at_any_correct_answer() -> None:
    logits, targets = torch.randn(20, 27, dtype=torch.float64), torch.rand(20, 27) < 0.2
    targets[:3] = False
    found = softmax_loss(logits.requires_grad_(), targets)
    p = torch.softmax(logits, dim=1)
    expected = [-math.log(sum(row[right].tolist())) if right.any() else 0.0 for row, right in zip(p, targets, strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected).double())
    found.sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:3] == 0).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_loss_falls_when_correct_answers_rise_and_makes_probabilities(name: str) -> None:
    objective, targets = OBJECTIVES[name], torch.eye(5, 27, dtype=torch.bool)
    logits = torch.zeros(5, 27)
    assert (objective.loss(logits + 2 * targets, targets) < objective.loss(logits, targets)).all()
    p = objective.probabilities(logits + 2 * targets)
    assert ((p > 0) & (p < 1)).all()
    assert (p.argmax(dim=1) == torch.arange(5)).all()
    half = objective.loss((logits + 2 * targets).bfloat16(), targets)
    assert half.dtype == torch.float32  # taken in float32 whatever the network computes in


def test_batches_hold_sections_of_their_volumes_and_depend_on_their_key(toy: VolumeSet, toy_manifest: Manifest) -> None:
    task = make_training(toy, toy_manifest)
    feed = SectionFeed(task.volumes, task.train, task.grid, "cpu")
    batch, other = feed.batches(3, 5, 1, range(1, 3))
    assert batch.volumes.shape == (3, 20, 20, 20)
    assert batch.pixels.shape == (15, 4, 4)
    assert batch.volume_index.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    torch.testing.assert_close(other.pixels, next(feed.batches(3, 5, 1, range(2, 9))).pixels)
    assert not torch.equal(batch.pixels, other.pixels)
    assert not torch.equal(batch.pixels, next(feed.batches(3, 5, 2, range(1, 2))).pixels)
    for small in (batch, *feed.batches(1, 2, 1, range(4000, 4003))):  # cut for many steps at once, all alike
        for number, section in zip(small.volume_index, small.pixels, strict=True):
            assert torch.isin(section[section != 0], small.volumes[number]).all()
    fixed = feed.fixed(100, "key")
    assert len(fixed.pixels) == 100
    assert (fixed.volume_index.diff() >= 0).all()


def test_the_curve_is_json_lines_with_steps(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> None:
    options = {"steps": 4, "validations": 2, "width": 8, "batch_volumes": 2, "val_sections": 20}
    task = make_training(toy, toy_manifest)
    build("regismcan", options).fit(task, Resources(seed=1, curve=tmp_path / "curve.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(row["train/loss"] > 0 and 0 <= row["val/fine_recall@1"] <= 1 for row in rows)


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 300])
def test_the_learning_rate_rises_to_its_peak_and_falls_to_nearly_nothing(steps: int) -> None:
    rates = [relative_rate(done, steps) for done in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == 1
    assert steps < 100 or rates[-1] < 0.01


@pytest.mark.parametrize("steps", range(1, 13))
def test_a_training_of_any_length_ends_with_a_validated_network(
    steps: int, toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path
) -> None:
    options = {"steps": steps, "validations": 3, "width": 4, "batch_volumes": 1, "batch_sections": 2, "val_sections": 10}
    curve = tmp_path / "curve.jsonl"
    assert build("regismcan", options).fit(make_training(toy, toy_manifest), Resources(seed=1, curve=curve))
    assert json.loads(curve.read_text().splitlines()[-1])["step"] == steps


@pytest.mark.parametrize(
    ("options", "tolerance"), [({"precision": "bfloat16"}, 2e-2), ({"deterministic": False}, 1e-5), ({"compile": True}, 1e-4)]
)
def test_a_training_with_other_switches_follows_nearly_the_same_losses(
    options: dict, tolerance: float, toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path
) -> None:
    if "compile" in options:
        needs(shutil.which("g++"), "torch.compile needs a C++ compiler")
    task = make_training(toy, toy_manifest)
    small = {"steps": 12, "validations": 12, "width": 16, "batch_volumes": 4, "val_sections": 10, "learning_rate": 0.01}
    losses = []
    for name, more in (("plain", {}), ("other", options)):
        curve = tmp_path / name
        build("mcan", {**small, **more}).fit(task, Resources(seed=1, curve=curve))
        losses.append([json.loads(line)["train/loss"] for line in curve.read_text().splitlines()])
    assert losses[0][-1] < 0.9 * losses[0][0]  # so that steps in another direction would show
    np.testing.assert_allclose(losses[1], losses[0], rtol=tolerance)
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_global_generator_is_as_before_after_a_training(toy: VolumeSet, toy_manifest: Manifest) -> None:
    before = torch.get_rng_state()
    build("mcan", {"steps": 2, "width": 8, "batch_volumes": 2}).fit(make_training(toy, toy_manifest), Resources(seed=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_not_finite_stops_the_training(toy: VolumeSet, toy_manifest: Manifest) -> None:
    task = make_training(toy, toy_manifest)
    task.volumes[:] = float("nan")
    with pytest.raises(TrainingError, match="the loss became nan at step 1 of 3"):
        build("regismcan", {"steps": 3, "width": 8}).fit(task, Resources(seed=1))


def test_validation_scores_that_are_not_finite_stop_the_training(
    toy: VolumeSet, toy_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update may spoil weights after a loss that was finite; rows of NaN would rank first."""

    def scores(self: object, volumes: object, index: object, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return pixels.new_zeros((len(pixels), 27)), pixels.new_full((len(pixels), 729), np.nan)

    monkeypatch.setattr(RegisMcanNetwork, "scores", scores)
    with pytest.raises(TrainingError, match="validation scores became NaN"):
        build("regismcan", {"steps": 2, "width": 8}).fit(make_training(toy, toy_manifest), Resources(seed=1))
