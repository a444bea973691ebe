"""Losses for multi-label answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

SMALLEST_PROBABILITY = 1e-8


def asymmetric_loss(
    logits: Tensor, targets: Tensor, gamma_positive: float = 0.0, gamma_negative: float = 4.0, margin: float = 0.05
) -> Tensor:
    """Asymmetric loss (ASL; Ridnik et al., ICCV 2021; equation 2 of the ATOM paper, which omits the minus sign).

    With p the sigmoid of a logit and q = max(p - margin, 0), the loss of a positive is -(1 - p)^gamma_positive log p, and that
    of a negative -q^gamma_negative log(1 - q). As in the ATOM release, no gradient flows through the focusing weights
    (1 - p)^gamma_positive and q^gamma_negative. With both gammas and the margin at zero this is binary cross-entropy.

    Args:
        logits: (..., K).
        targets: bool or float (..., K).
        gamma_positive: focusing of positives; the release uses 0.
        gamma_negative: focusing of negatives; the release uses 4.
        margin: negatives with p below the margin have zero loss and zero gradient; the release uses 0.05.

    Returns:
        Sum over the last axis; (...).
    """
    logits = _wide(logits)
    targets = targets.to(logits.dtype)
    p = torch.sigmoid(logits)
    q = (p - margin).clamp(min=0)
    positive = targets * torch.log(p.clamp(min=SMALLEST_PROBABILITY))
    negative = (1 - targets) * torch.log((1 - q).clamp(min=SMALLEST_PROBABILITY))
    with torch.no_grad():
        weight = torch.where(targets > 0, (1 - p) ** gamma_positive, q**gamma_negative)
    return -(weight * (positive + negative)).sum(dim=-1)


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the binary cross-entropy (BCE) of logits and targets (..., K), summed over the last axis; (...)."""
    logits = _wide(logits)
    entries: Tensor = nn.functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
    return entries.sum(dim=-1)


def softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log of the softmax probability of all correct answers together; 0 without a correct answer.

    Args:
        logits: (..., K).
        targets: bool or float (..., K).

    Returns:
        Loss (...).
    """
    logits, correct = _wide(logits), targets > 0
    none = ~correct.any(dim=-1, keepdim=True)
    correct_logits = logits.masked_fill(~(correct | none), -torch.inf)
    return logits.logsumexp(dim=-1) - correct_logits.logsumexp(dim=-1)


def _wide(logits: Tensor) -> Tensor:
    """Return logits as at least float32; half precision is too coarse for 1 - p."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


@dataclass(frozen=True)
class Objective:
    """A loss, and the function that turns logits into the corresponding probabilities."""

    loss: Callable[[Tensor, Tensor], Tensor]
    probabilities: Callable[[Tensor], Tensor]


LossName = Literal["asl", "bce", "softmax"]
OBJECTIVES: dict[LossName, Objective] = {
    "asl": Objective(asymmetric_loss, lambda logits: torch.sigmoid(_wide(logits))),
    "bce": Objective(binary_cross_entropy, lambda logits: torch.sigmoid(_wide(logits))),
    "softmax": Objective(softmax_loss, lambda logits: torch.softmax(_wide(logits), dim=-1)),
}
