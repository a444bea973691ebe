"""What all networks share: options of the training, fitting, and answering queries."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from pydantic import Field

from atombench import streams
from atombench.atom.geometry import BlockGrid
from atombench.atom.queries import Queries
from atombench.errors import ConfigError, DataError
from atombench.methods import contract
from atombench.training.loop import Network, Schedule, SectionFeed, in_volumes, train


class NetworkOptions(contract.Options):
    """Options of the training, the same for every network."""

    steps: int = Field(default=1000, ge=1, description="optimiser steps")
    batch_volumes: int = Field(default=16, ge=1, description="volumes of a batch")
    batch_sections: int = Field(default=16, ge=1, description="sections of each of them")
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    validations: int = Field(default=8, ge=1, description="how often the validation score is taken")
    val_sections: int = Field(default=1024, ge=1, description="validation sections looked at")

    def schedule(self) -> Schedule:
        """The part that the loop needs."""
        return Schedule(**{name: getattr(self, name) for name in Schedule.__dataclass_fields__})


def resolved_device(name: str) -> str:
    """Torch device for a name; `auto` is the GPU where there is one.

    Raises:
        ConfigError: the name is not a device, or the device is not there.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        msg = f"expected a device of auto, cpu, cuda, cuda:0, cuda:1, ..., got {name!r}"
        raise ConfigError(msg)
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if name.startswith("cuda") and not available:
        msg = f"device {name!r} was asked for, but torch finds no CUDA device; use cpu or auto"
        raise ConfigError(msg)
    return name


class NetworkMethod(ABC):
    """A method whose answer is a network; subclasses say which one."""

    Options: ClassVar[type[NetworkOptions]] = NetworkOptions
    smoke: ClassVar[dict[str, Any]] = {
        "steps": 3, "batch_volumes": 2, "batch_sections": 4, "validations": 1, "val_sections": 64,
    }  # fmt: skip

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def network(self, grid: BlockGrid) -> Network:
        """Build the untrained network."""

    def fit(self, task: contract.Task, resources: contract.Resources) -> contract.Weights:
        """Train with the shared loop.

        Raises:
            TrainingError: the loss became NaN or infinite.
        """
        torch.set_num_threads(resources.threads)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams.seed_of("weights", resources.seed) % 2**63)
            network = self.network(task.grid).to(resources.device)
        feeds = tuple(SectionFeed(task.volumes, part, task.grid, resources.device) for part in (task.train, task.val))
        return train(network, (feeds[0], feeds[1]), self.options.schedule(), resources.seed, resources.curve)

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Predictions:
        """Score all blocks and boxes.

        Raises:
            DataError: the weights belong to other options.
        """
        torch.set_num_threads(resources.threads)
        network = self.network(queries.grid).to(resources.device)
        try:
            network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        except RuntimeError as error:
            msg = f"the weights do not fit the network ({' '.join(str(error).split()):.200}); train again with these options"
            raise DataError(msg) from error
        volumes, index, pixels = (
            torch.from_numpy(array).to(resources.device) for array in (queries.volumes, queries.volume_index, queries.pixels)
        )
        coarse, boxes = in_volumes(network, volumes, index, pixels)
        parameters = sum(weight.numel() for weight in network.parameters())
        return contract.Predictions(boxes=boxes, coarse=coarse, probabilities=True, about={"parameters": parameters})
