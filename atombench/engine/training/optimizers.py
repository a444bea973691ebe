"""Optimisers: AdamW for all weights, or Muon for matrices and AdamW for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from atombench.engine.training.schedule import Schedule


def optimizers_of(network: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Return the optimisers of all weights of a network; matrices decay, vectors do not.

    Weights of convolutions are matrices with one row for each output channel.
    """
    matrices = [weight for weight in network.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in network.parameters() if weight.ndim < 2]
    without_decay = {"params": vectors, "weight_decay": 0.0}
    if schedule.optimizer == "muon":
        return [MatrixMuon(matrices, schedule), torch.optim.AdamW([without_decay], lr=schedule.learning_rate, fused=True)]
    decaying = {"params": matrices, "weight_decay": schedule.weight_decay}
    return [torch.optim.AdamW([decaying, without_decay], lr=schedule.learning_rate, fused=True)]


class MatrixMuon(torch.optim.Muon):
    """Muon that also takes the weights of convolutions, as matrices.

    Every step is orthogonal and as large as one of AdamW, so that learning rates of AdamW apply (Jordan et al., 2024; Liu et
    al., arXiv 2502.16982).

    Args:
        weights: two or more dimensions each, contiguous.
        schedule: learning rate and weight decay.
    """

    def __init__(self, weights: Iterable[nn.Parameter], schedule: Schedule) -> None:
        self.weights = list(weights)
        self.matrices = [nn.Parameter(weight.detach().view(len(weight), -1)) for weight in self.weights]
        super().__init__(
            self.matrices, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, adjust_lr_fn="match_rms_adamw"
        )

    def step(self, closure: Any = None) -> Any:
        """Move the weights by their gradients."""
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            matrix.data = weight.detach().view(matrix.shape)  # the same memory, even if the network has been moved
            matrix.grad = None if weight.grad is None else weight.grad.reshape(matrix.shape)
        return super().step(closure)
