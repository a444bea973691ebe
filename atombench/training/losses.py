"""Losses for multi-label answers."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_PROBABILITY = 1e-8


def asymmetric_loss(
    logits: Tensor, targets: Tensor, gamma_positive: float = 0.0, gamma_negative: float = 4.0, margin: float = 0.05
) -> Tensor:
    """Asymmetric loss (ASL; Ridnik et al., ICCV 2021; equation 2 of the ATOM paper, there without its minus sign).

    With p the sigmoid of a logit and q = max(p - margin, 0), a positive answer costs -(1 - p)^gamma_positive log p and a
    negative one -q^gamma_negative log(1 - q). As in the ATOM release no gradient flows through the focusing weights
    (1 - p)^gamma_positive and q^gamma_negative. With both gammas and the margin at zero this is binary cross-entropy.

    Args:
        logits: (..., K).
        targets: bool or float (..., K).
        gamma_positive: focusing of positives; the release uses 0.
        gamma_negative: focusing of negatives; the release uses 4.
        margin: negatives less likely than this cost nothing and have no gradient; the release uses 0.05.

    Returns:
        Sum over the last axis; (...).
    """
    targets = targets.to(logits.dtype)
    p = torch.sigmoid(logits)
    q = (p - margin).clamp(min=0)
    positive = targets * torch.log(p.clamp(min=SMALLEST_PROBABILITY))
    negative = (1 - targets) * torch.log((1 - q).clamp(min=SMALLEST_PROBABILITY))
    with torch.no_grad():
        weight = torch.where(targets > 0, (1 - p) ** gamma_positive, q**gamma_negative)
    return -(weight * (positive + negative)).sum(dim=-1)
