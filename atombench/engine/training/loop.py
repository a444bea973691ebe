"""The training loop that every network goes through; the weights with the best validation score count.

Everything random is keyed by the seed and the step, so a training that is taken up from a checkpoint goes on as if it had
never ended. The validation score is the strict fine recall@1; test sections are not among what the loop is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench import streams
from atombench.engine.training.checkpoint import Checkpoint
from atombench.engine.training.curve import Curve
from atombench.engine.training.device import autocast, keyed_torch
from atombench.engine.training.interrupts import Interrupts
from atombench.engine.training.schedule import Schedule
from atombench.errors import Interrupted, TrainingError
from atombench.progress import Progress, logger
from atombench.tasks.atom.learning.feed import Batch, SectionFeed
from atombench.tasks.atom.learning.scoring import Network, validate

Weights = dict[str, NDArray[np.generic]]
Loss = Callable[[Batch, torch.Generator], Tensor]


@dataclass
class State:
    """Where a training is, beside its weights.

    Attributes:
        step: optimiser steps done.
        best: best validation score so far; -1 before the first.
        waited: validations since then.
        losses: losses since the last validation.
        rows: the curve.
        done: whether the training has ended; then only the weights to give are kept.
    """

    step: int = 0
    best: float = -1.0
    waited: int = 0
    losses: list[float] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False


class TrainingLoop:
    """One training of one network.

    Args:
        network: trained in place, on the device where it is.
        feeds: training and validation sections.
        schedule: how long and how.
        seed: number of the repetition.
        curve: file for the training curve, one JSON object per line.
        checkpoint: where the state is kept, if anywhere.
    """

    def __init__(
        self,
        network: Network,
        feeds: tuple[SectionFeed, SectionFeed],
        schedule: Schedule,
        seed: int,
        curve: Path | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.network, self.schedule, self.seed, self.checkpoint = network, schedule, seed, checkpoint
        self.feed, validation = feeds
        self.device = self.feed.device
        self.optimizer = optimizer_of(network, schedule)
        self.held_out = validation.fixed(schedule.val_sections, "validation sections")
        self.state, self.kept = State(), weights_of(network)
        self._take_up()
        self.curve = Curve(curve, self.state.rows)
        self._start = time.monotonic()

    def run(self) -> Weights:
        """Train to the end; gives the weights with the best validation score.

        Raises:
            TrainingError: the loss became NaN or infinite.
            Interrupted: the process was told to end; the state is kept if there is a checkpoint.
        """
        schedule, state = self.schedule, self.state
        if state.done:
            return self.kept
        size = schedule.batch_volumes * schedule.batch_sections
        steps = range(state.step + 1, schedule.steps + 1)
        batches = self.feed.batches(schedule.batch_volumes, schedule.batch_sections, self.seed, steps)
        loss: Loss = torch.compile(self.network.loss) if schedule.compile else self.network.loss
        with (
            keyed_torch(self.device, schedule.deterministic),
            Interrupts() as interrupts,
            Progress(schedule.steps * size, f"train seed {self.seed}", "section", state.step * size) as progress,
        ):
            for batch in batches:
                self._step(loss, batch)
                if state.step in schedule.marks:
                    self._validate(size)
                progress.advance(size, f"loss {state.losses[-1] if state.losses else self._last_loss():.3f}, {self._best()}")
                if self._patience_spent():
                    logger.info("stopped early at step %d of %d: %s", state.step, schedule.steps, self._best())
                    break
                self._keep(interrupts)
        state.done = True
        self._save()
        return self.kept

    def _step(self, loss: Loss, batch: Batch) -> None:
        number = self.state.step + 1
        torch.manual_seed(streams.seed_of("step", self.seed, number) % 2**63)  # dropout; global, but put back at the end
        generator = torch.Generator(self.device).manual_seed(streams.seed_of("training", self.seed, number) % 2**63)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(number)
        self.network.train()
        with autocast(self.device, self.schedule.precision):
            found = loss(batch, generator)
        value = float(found.detach())
        if not np.isfinite(value):
            msg = f"the loss became {value} at step {number} of {self.schedule.steps}; lower the learning rate"
            raise TrainingError(msg)
        self.optimizer.zero_grad(set_to_none=True)
        found.backward()
        self.optimizer.step()
        self.state.step = number
        self.state.losses.append(value)

    def _validate(self, size: int) -> None:
        state = self.state
        score = validate(self.network, self.held_out)
        self.curve.add({
            "step": state.step, "sections": state.step * size, "seconds": round(self._seconds(), 2),
            "train/loss": float(np.mean(state.losses)), "val/fine_recall@1": score,
        })  # fmt: skip
        state.losses.clear()
        state.waited += 1
        if score > state.best:
            state.best, state.waited, self.kept = score, 0, weights_of(self.network)

    def _patience_spent(self) -> bool:
        return 0 < self.schedule.patience <= self.state.waited

    def _last_loss(self) -> float:
        return self.state.rows[-1]["train/loss"]

    def _best(self) -> str:
        return f"best validation recall@1 {max(self.state.best, 0):.4f}"

    def _seconds(self) -> float:
        return time.monotonic() - self._start if self.checkpoint is None else self.checkpoint.seconds

    def _keep(self, interrupts: Interrupts) -> None:
        """Write the state where it is time to, or where the process is to end."""
        if self.checkpoint is not None and (interrupts.noted or self.checkpoint.due):
            self._save()
        if interrupts.noted:
            kept = "nothing of it is kept" if self.checkpoint is None else "the same command goes on from there"
            msg = f"the training was told to end at step {self.state.step} of {self.schedule.steps}; {kept}"
            raise Interrupted(msg, 128 + interrupts.noted)

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        arrays = {f"best/{name}": array for name, array in self.kept.items()}
        if not self.state.done:
            arrays |= self._moving()
        self.checkpoint.save(arrays, asdict(self.state))

    def _moving(self) -> Weights:
        """What changes from step to step: weights and the optimiser's moments."""
        arrays = {f"network/{name}": array for name, array in weights_of(self.network).items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer/{number}/{name}": value.cpu().numpy() for name, value in moments.items()}
        return arrays

    def _take_up(self) -> None:
        """Go on where a checkpoint left off, if there is one."""
        found = None if self.checkpoint is None else self.checkpoint.load()
        if found is None:
            return
        arrays, state = found
        self.state = State(**state)
        self.kept = _below("best/", arrays)
        if self.state.done:
            return
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in _below("network/", arrays).items()})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, array in _below("optimizer/", arrays).items():
            number, _, moment = name.partition("/")
            moments.setdefault(int(number), {})[moment] = torch.from_numpy(array)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        logger.info("the training goes on after step %d of %d", self.state.step, self.schedule.steps)


def optimizer_of(network: torch.nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices, none on vectors."""
    matrices = [weight for weight in network.parameters() if weight.ndim >= 2]
    others = [weight for weight in network.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, fused=True)


def weights_of(network: Network) -> Weights:
    """A copy of the network's weights."""
    return {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


def _below(prefix: str, arrays: Weights) -> Weights:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
