import json
import math
from pathlib import Path

import pytest
import torch

from atombench.atom.manifest import Manifest
from atombench.errors import TrainingError
from atombench.methods.contract import Resources, make_task
from atombench.methods.registry import build
from atombench.training.loop import SectionFeed, relative_rate
from atombench.training.losses import asymmetric_loss
from atombench.volumes.volume_set import VolumeSet


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


def test_batches_hold_sections_of_their_volumes_and_depend_on_their_key(toy: VolumeSet, toy_manifest: Manifest) -> None:
    task = make_task(toy, toy_manifest)
    feed = SectionFeed(task.volumes, task.train, task.grid, "cpu")
    batch = feed.draw(3, 5, "key")
    assert batch.volumes.shape == (3, 20, 20, 20)
    assert batch.pixels.shape == (15, 4, 4)
    assert batch.volume_index.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    torch.testing.assert_close(batch.pixels, feed.draw(3, 5, "key").pixels)
    assert not torch.equal(batch.pixels, feed.draw(3, 5, "other").pixels)
    fixed = feed.fixed(100, "key")
    assert len(fixed.pixels) == 100
    assert (fixed.volume_index.diff() >= 0).all()


def test_the_curve_is_json_lines_with_steps(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> None:
    options = {"steps": 4, "validations": 2, "width": 8, "batch_volumes": 2, "val_sections": 20}
    task = make_task(toy, toy_manifest)
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
def test_a_training_of_any_length_ends_with_a_validated_network(steps: int, toy: VolumeSet, toy_manifest: Manifest) -> None:
    options = {"steps": steps, "validations": 3, "width": 4, "batch_volumes": 1, "batch_sections": 2, "val_sections": 10}
    assert build("regismcan", options).fit(make_task(toy, toy_manifest), Resources(seed=1))


def test_a_loss_that_is_not_finite_stops_the_training(toy: VolumeSet, toy_manifest: Manifest) -> None:
    task = make_task(toy, toy_manifest)
    task.volumes[:] = float("nan")
    with pytest.raises(TrainingError, match="the loss became nan at step 1 of 3"):
        build("regismcan", {"steps": 3, "width": 8}).fit(task, Resources(seed=1))
