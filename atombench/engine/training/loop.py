"""The training loop of all networks; it keeps the weights with the best validation score.

Random numbers are keyed by seed and step, so a training that is resumed from a checkpoint ends with the same weights as an
uninterrupted one. The loop never sees test queries.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
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
from atombench.engine.training.device import autocast, is_emulated, keyed_torch
from atombench.engine.training.interrupts import Interrupts
from atombench.engine.training.optimizers import optimizers_of
from atombench.engine.training.schedule import Schedule
from atombench.errors import Interrupted, TrainingError
from atombench.progress import Progress, logger

Weights = dict[str, NDArray[np.generic]]
Loss = Callable[[Any, torch.Generator], Tensor]


class Trainable(torch.nn.Module, ABC):
    """A network that the loop can train."""

    @abstractmethod
    def loss(self, batch: Any, generator: torch.Generator) -> Tensor:
        """Return the mean loss of a batch; the generator is on the batch's device."""


@dataclass(frozen=True)
class Course:
    """Training and validation data of a network.

    Attributes:
        device: device of the batches.
        batches: yields the batch of each step, given the seed and the step numbers, and depends on these only.
        size: number of queries in a batch.
        unit: name of a query in progress lines.
        score: returns the validation score of a network; higher is better.
        score_name: name of the validation score in the training curve.
    """

    device: str
    batches: Callable[[int, range], Iterator[Any]]
    size: int
    unit: str
    score: Callable[[Any], float]
    score_name: str


@dataclass
class State:
    """Progress of a training, without its weights.

    Attributes:
        step: finished optimiser steps.
        best: best validation score so far; -1 before the first validation.
        waited: validations since the best one.
        losses: losses since the last validation.
        rows: rows of the training curve.
        done: whether the training has finished; only the best weights are then stored.
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
        network: trained in place, on its current device.
        course: batches and validation score.
        schedule: schedule and numerical settings.
        seed: number of the repetition.
        curve: file for the training curve, one JSON object per line.
        checkpoint: stores the state, if given.
    """

    def __init__(
        self,
        network: Trainable,
        course: Course,
        schedule: Schedule,
        seed: int,
        curve: Path | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.network, self.schedule, self.seed, self.checkpoint = network, schedule, seed, checkpoint
        self.course, self.device = course, course.device
        if is_emulated(self.device, schedule.precision):
            logger.warning("this processor only emulates bfloat16, which is slow; precision: float32 is faster")
        self.optimizers = optimizers_of(network, schedule)
        self.state, self.kept = State(), weights_of(network)
        self._resume()
        self.curve = Curve(curve, self.state.rows)
        self._start = time.monotonic()

    def run(self) -> Weights:
        """Train to the end and return the weights with the best validation score.

        Raises:
            TrainingError: the loss became NaN or infinite.
            Interrupted: the process received SIGTERM or SIGINT; the state is saved if there is a checkpoint.
        """
        schedule, state = self.schedule, self.state
        if state.done:
            return self.kept
        size = self.course.size
        steps = range(state.step + 1, schedule.steps + 1)
        batches = self.course.batches(self.seed, steps)
        loss: Loss = torch.compile(self.network.loss) if schedule.compile else self.network.loss
        with (
            keyed_torch(self.device, schedule.deterministic),
            Interrupts() as interrupts,
            Progress(schedule.steps * size, f"train seed {self.seed}", self.course.unit, state.step * size) as progress,
        ):
            for batch in batches:
                self._step(loss, batch)
                if state.step in schedule.marks:
                    self._validate()
                progress.advance(size, f"loss {state.losses[-1] if state.losses else self._last_loss():.3f}, {self._best()}")
                if self._patience_spent():
                    logger.info("stopped early at step %d of %d: %s", state.step, schedule.steps, self._best())
                    break
                self._keep(interrupts)
        state.done = True
        self._save()
        return self.kept

    def _step(self, loss: Loss, batch: Any) -> None:
        number = self.state.step + 1
        torch.manual_seed(
            streams.seed_of("step", self.seed, number) % 2**63
        )  # dropout; the global state is restored at the end
        generator = torch.Generator(self.device).manual_seed(streams.seed_of("training", self.seed, number) % 2**63)
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = self.schedule.rate(number)
        self.network.train()
        with autocast(self.device, self.schedule.precision):
            batch_loss = loss(batch, generator)
        value = float(batch_loss.detach())
        if not np.isfinite(value):
            msg = f"the loss became {value} at step {number} of {self.schedule.steps}; lower the learning rate"
            raise TrainingError(msg)
        self.network.zero_grad(set_to_none=True)
        batch_loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.state.step = number
        self.state.losses.append(value)

    def _validate(self) -> None:
        state = self.state
        score = self.course.score(self.network)
        row = {"step": state.step, f"{self.course.unit}s": state.step * self.course.size, "seconds": round(self._seconds(), 2)}
        self.curve.add({**row, "train/loss": float(np.mean(state.losses)), f"val/{self.course.score_name}": score})
        state.losses.clear()
        state.waited += 1
        if score > state.best:
            state.best, state.waited, self.kept = score, 0, weights_of(self.network)

    def _patience_spent(self) -> bool:
        return 0 < self.schedule.patience <= self.state.waited

    def _last_loss(self) -> float:
        return self.state.rows[-1]["train/loss"]

    def _best(self) -> str:
        return f"best validation {self.course.score_name} {max(self.state.best, 0):.4f}"

    def _seconds(self) -> float:
        return time.monotonic() - self._start if self.checkpoint is None else self.checkpoint.seconds

    def _keep(self, interrupts: Interrupts) -> None:
        """Save the state if it is due; raise Interrupted if a signal was received."""
        if self.checkpoint is not None and (interrupts.received or self.checkpoint.due):
            self._save()
        if interrupts.received:
            advice = "its state is lost" if self.checkpoint is None else "repeat the command to resume it"
            msg = f"the training was interrupted at step {self.state.step} of {self.schedule.steps}; {advice}"
            raise Interrupted(msg, 128 + interrupts.received)

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        arrays = {f"best/{name}": array for name, array in self.kept.items()}
        if not self.state.done:
            arrays |= self._moving()
        self.checkpoint.save(arrays, asdict(self.state))

    def _moving(self) -> Weights:
        """Return the arrays that change in every step: weights and moments of the optimisers."""
        arrays = {f"network/{name}": array for name, array in weights_of(self.network).items()}
        for part, optimizer in enumerate(self.optimizers):
            for number, moments in optimizer.state_dict()["state"].items():
                arrays |= {f"optimizer{part}/{number}/{name}": value.cpu().numpy() for name, value in moments.items()}
        return arrays

    def _resume(self) -> None:
        """Restore the state from the checkpoint, if there is one."""
        saved = None if self.checkpoint is None else self.checkpoint.load()
        if saved is None:
            return
        arrays, state = saved
        self.state = State(**state)
        self.kept = _below("best/", arrays)
        if self.state.done:
            return
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in _below("network/", arrays).items()})
        for part, optimizer in enumerate(self.optimizers):
            moments: dict[int, dict[str, Tensor]] = {}
            for name, array in _below(f"optimizer{part}/", arrays).items():
                number, _, moment = name.partition("/")
                moments.setdefault(int(number), {})[moment] = torch.from_numpy(array)
            optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        logger.info("resuming the training after step %d of %d", self.state.step, self.schedule.steps)


def weights_of(network: torch.nn.Module) -> Weights:
    """Return a copy of the weights of a network."""
    return {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


def _below(prefix: str, arrays: Weights) -> Weights:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
