"""What all networks share: options of the training, fitting, and answering queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from pydantic import Field

from atombench import streams
from atombench.engine import contract
from atombench.engine.training.device import keyed_torch
from atombench.engine.training.loop import TrainingLoop
from atombench.engine.training.schedule import Precision, Schedule
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.learning.scoring import Network, in_volumes
from atombench.tasks.atom.queries import Queries


class NetworkOptions(contract.Options):
    """Options of the training, the same for every network."""

    steps: int = Field(default=1000, ge=1, description="optimiser steps")
    batch_volumes: int = Field(default=16, ge=1, description="volumes of a batch")
    batch_sections: int = Field(default=16, ge=1, description="sections of each of them")
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    validations: int = Field(default=8, ge=1, description="how often the validation score is taken")
    val_sections: int = Field(default=1024, ge=1, description="validation sections looked at")
    patience: int = Field(default=0, ge=0, description="validations without a better score after which to stop; 0 for never")
    precision: Precision = Field(default="auto", description="auto is bfloat16 on CUDA, float32 elsewhere")
    deterministic: bool = Field(default=True, description="use deterministic operations only")
    compile: bool = Field(default=False, description="put the loss through torch.compile")

    def schedule(self) -> Schedule:
        """The part that the loop needs."""
        return Schedule(**{name: getattr(self, name) for name in Schedule.__dataclass_fields__})


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

    def fit(self, training: contract.Training, resources: contract.Resources) -> contract.Weights:
        """Train with the shared loop.

        Raises:
            TrainingError: the loss became NaN or infinite.
            Interrupted: the process was told to end.
        """
        torch.set_num_threads(resources.threads)
        with keyed_torch("cpu", deterministic=False):
            torch.manual_seed(streams.seed_of("weights", resources.seed) % 2**63)
            network = self.network(training.grid).to(resources.device)
        train, val = (
            SectionFeed(training.volumes, part, training.grid, resources.device) for part in (training.train, training.val)
        )
        schedule = self.options.schedule()
        return TrainingLoop(network, (train, val), schedule, resources.seed, resources.curve, resources.checkpoint).run()

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
        with keyed_torch(resources.device, self.options.deterministic):  # in float32: in half precision scores would tie
            coarse, boxes = in_volumes(network, volumes, index, pixels)
        parameters = sum(weight.numel() for weight in network.parameters())
        return contract.Predictions(boxes=boxes, coarse=coarse, probabilities=True, about={"parameters": parameters})
