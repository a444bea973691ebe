"""What all networks share: options of the training, fitting, and answering queries."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from atombench import streams
from atombench.atom.geometry import BlockGrid
from atombench.atom.queries import Queries
from atombench.errors import ConfigError
from atombench.methods import contract
from atombench.training.loop import Schedule, SectionFeed, in_volumes, train


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
        ConfigError: the device is not there.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if name.startswith("cuda") and not available:
        msg = f"device {name!r} was asked for, but torch finds no CUDA device; use cpu or auto"
        raise ConfigError(msg)
    return name


class NetworkMethod:
    """A method whose answer is a network; subclasses say which one."""

    Options: type[NetworkOptions] = NetworkOptions

    def __init__(self, options: Any) -> None:
        self.options = options

    def network(self, grid: BlockGrid) -> torch.nn.Module:
        """Build the untrained network."""
        raise TypeError(f"{type(self).__name__} names no network")  # noqa: EM102

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
        """Score all blocks and boxes."""
        torch.set_num_threads(resources.threads)
        network = self.network(queries.grid).to(resources.device)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        volumes, index, pixels = (
            torch.from_numpy(array).to(resources.device) for array in (queries.volumes, queries.volume_index, queries.pixels)
        )
        coarse, boxes = in_volumes(network, volumes, index, pixels)
        parameters = sum(weight.numel() for weight in network.parameters())
        return contract.Predictions(boxes=boxes, coarse=coarse, probabilities=True, about={"parameters": parameters})
