"""Losses against the equations of the papers, entry by entry."""

import math

import pytest
import torch

from atombench.tasks.atom.learning.losses import OBJECTIVES, asymmetric_loss, softmax_loss


def naive_loss(logits: torch.Tensor, targets: torch.Tensor, positive: float, negative: float, margin: float) -> list[float]:
    """Return equation 2 of the paper, computed entry by entry and negated to obtain a loss."""
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
def test_asl_equals_equation_2_of_the_paper(positive: float, negative: float, margin: float) -> None:
    logits, targets = torch.randn(20, 27, dtype=torch.float64), torch.rand(20, 27) < 0.2
    found = asymmetric_loss(logits, targets, positive, negative, margin)
    torch.testing.assert_close(found, torch.tensor(naive_loss(logits, targets, positive, negative, margin)).double())


def test_asl_without_focusing_is_binary_cross_entropy() -> None:
    logits, targets = torch.randn(20, 27), torch.rand(20, 27) < 0.2
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets.float(), reduction="none").sum(dim=1)
    torch.testing.assert_close(asymmetric_loss(logits, targets, 0, 0, 0), expected)


def test_negatives_below_the_margin_have_zero_gradient() -> None:
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


def test_the_softmax_loss_is_the_negative_log_probability_of_any_correct_answer() -> None:
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
def test_every_loss_decreases_with_correct_logits_and_yields_probabilities(name: str) -> None:
    objective, targets = OBJECTIVES[name], torch.eye(5, 27, dtype=torch.bool)
    logits = torch.zeros(5, 27)
    assert (objective.loss(logits + 2 * targets, targets) < objective.loss(logits, targets)).all()
    p = objective.probabilities(logits + 2 * targets)
    assert ((p > 0) & (p < 1)).all()
    assert (p.argmax(dim=1) == torch.arange(5)).all()
    half = objective.loss((logits + 2 * targets).bfloat16(), targets)
    assert half.dtype == torch.float32  # taken in float32 whatever the network computes in
