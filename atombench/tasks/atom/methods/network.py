"""Base of all networks: training options, fitting, and answering queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, ClassVar, TypeVar

import torch
from pydantic import Field

from atombench import streams
from atombench.engine import contract
from atombench.engine.training.device import keyed_torch
from atombench.engine.training.loop import Course, Trainable, TrainingLoop
from atombench.engine.training.schedule import Optimizer, Precision, Schedule
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.learning.scoring import Network, in_volumes, poses_in_volumes, validate
from atombench.tasks.atom.protocol import PRIMARY
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.training import Training

Loaded = TypeVar("Loaded", bound=Trainable)


class NetworkOptions(contract.Options):
    """Training options of every network."""

    steps: int = Field(default=1000, ge=1, description="optimiser steps")
    batch_volumes: int = Field(default=16, ge=1, description="volumes per batch")
    batch_sections: int = Field(default=16, ge=1, description="sections per volume of a batch")
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    optimizer: Optimizer = Field(default="adamw", description="optimiser of weight matrices: adamw or muon")
    damage: int = Field(
        default=0, ge=0, le=5, description="highest severity of histology damage to the training sections; 0 for none"
    )
    validations: int = Field(default=8, ge=1, description="number of validations during training")
    val_sections: int = Field(default=1024, ge=1, description="sections per validation")
    patience: int = Field(default=0, ge=0, description="stop after this many validations without improvement; 0 to never stop")
    precision: Precision = Field(default="auto", description="auto is bfloat16 on CUDA, float32 elsewhere")
    deterministic: bool = Field(default=True, description="use deterministic operations only")
    compile: bool = Field(default=False, description="compile the loss with torch.compile")

    def schedule(self) -> Schedule:
        """Return the options that the training loop needs."""
        return Schedule(**{name: getattr(self, name) for name in Schedule.__dataclass_fields__})


class TrainedMethod(ABC):
    """A method that trains a network; subclasses define which one, on what, and how it answers."""

    Options: ClassVar[type[NetworkOptions]] = NetworkOptions
    smoke: ClassVar[dict[str, Any]] = {
        "steps": 3,
        "batch_volumes": 2,
        "batch_sections": 4,
        "validations": 1,
        "val_sections": 64,
    }

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def network(self, grid: BlockGrid) -> Trainable:
        """Build the untrained network."""

    @abstractmethod
    def course(self, training: Training, device: str) -> Course:
        """Return batches and the validation score."""

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Train with the shared loop.

        Raises:
            TrainingError: the loss became NaN or infinite.
            Interrupted: the process received a signal to terminate.
        """
        torch.set_num_threads(resources.threads)
        with keyed_torch("cpu", deterministic=False):
            torch.manual_seed(streams.seed_of("weights", resources.seed) % 2**63)
            network = self.network(training.grid).to(resources.device)
        course, schedule = self.course(training, resources.device), self.options.schedule()
        return TrainingLoop(network, course, schedule, resources.seed, resources.curve, resources.checkpoint).run()


def load_weights(network: Loaded, weights: contract.Weights, resources: contract.Resources) -> Loaded:
    """Return the network with these weights, on the device of the resources.

    Raises:
        DataError: the weights do not match the network.
    """
    torch.set_num_threads(resources.threads)
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    except RuntimeError as error:
        msg = f"the weights do not match the network ({' '.join(str(error).split()):.200}); train again with these options"
        raise DataError(msg) from error
    return network.to(resources.device).eval()


class NetworkMethod(TrainedMethod):
    """A method that trains a network on the board's sections and answers with its scores; subclasses define which one."""

    @abstractmethod
    def network(self, grid: BlockGrid) -> Network:
        """Build the untrained network."""

    def course(self, training: Training, device: str) -> Course:
        """Return batches of training sections, and the score on a fixed random subset of validation sections."""
        options = self.options
        parts = (training.train, training.val)
        feed, validation = (SectionFeed(training.volumes, part, training.grid, device, options.damage) for part in parts)
        held_out = validation.fixed(options.val_sections, "validation sections")
        return Course(
            device=device,
            batches=partial(feed.batches, options.batch_volumes, options.batch_sections),
            size=options.batch_volumes * options.batch_sections,
            unit="section",
            score=lambda network: validate(network, held_out),
            score_name=PRIMARY,
        )

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Score all blocks and boxes, and return poses if the network predicts them.

        Raises:
            DataError: the weights do not match the options.
        """
        network = load_weights(self.network(queries.grid), weights, resources)
        volumes, index, pixels = (
            torch.from_numpy(array).to(resources.device) for array in (queries.volumes, queries.volume_index, queries.pixels)
        )
        with keyed_torch(resources.device, self.options.deterministic):  # float32, because scores would tie in half precision
            coarse, boxes = in_volumes(network, volumes, index, pixels)
            centres, normals = poses_in_volumes(network, volumes, index, pixels) or (None, None)
        return contract.Answers(
            boxes=boxes,
            coarse=coarse,
            centres=centres,
            normals=normals,
            probabilities=network.probabilities,
            about={"parameters": sum(weight.numel() for weight in network.parameters())},
        )
