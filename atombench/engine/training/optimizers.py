"""Optimisers: AdamW for all weights, or Muon for matrices and AdamW for the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from atombench.engine.training.schedule import Schedule

MOMENTUM = 0.95
UPDATE_SIZE = 0.2  # root mean square of the steps of AdamW, in learning rates
ITERATIONS, COEFFICIENTS = 5, (3.4445, -4.7750, 2.0315)  # of Newton and Schulz, as published by Jordan et al.
TINY = 1e-7  # least norm of a matrix


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


class MatrixMuon(torch.optim.Optimizer):
    """Muon for matrices and for the weights of convolutions, in single precision.

    Every step is orthogonal and as large as one of AdamW, so that learning rates of AdamW apply (Jordan et al., 2024,
    https://kellerjordan.github.io/posts/muon/; Liu et al., arXiv 2502.16982). torch's own Muon computes in bfloat16, which
    takes about 20 times as long on processors that have no instructions for it.

    Args:
        weights: two or more dimensions each.
        schedule: learning rate and weight decay.
    """

    def __init__(self, weights: Iterable[nn.Parameter], schedule: Schedule) -> None:
        super().__init__(weights, {"lr": schedule.learning_rate, "weight_decay": schedule.weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move the weights by their gradients."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                mean = state["momentum_buffer"]
                mean.lerp_(weight.grad, 1 - MOMENTUM)
                update = weight.grad.lerp(mean, MOMENTUM).flatten(1)
                size = UPDATE_SIZE * math.sqrt(max(update.shape))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonal(update).view_as(weight), alpha=-group["lr"] * size)
        return loss


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix with the same singular vectors, and singular values near 1, by Newton-Schulz iterations."""
    wide = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=TINY)
    first, second, third = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = wide @ wide.mT
        polynomial = torch.addmm(gram, gram, gram, beta=second, alpha=third)
        wide = torch.addmm(wide, polynomial, wide, beta=first)
    return wide.mT if matrix.shape[0] > matrix.shape[1] else wide
