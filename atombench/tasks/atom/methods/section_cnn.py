"""Baseline `section-cnn`: convolutions of the section, and a softmax over the 729 boxes. It does not see the volume.

The usual image classifier (convolutions of 3 x 3 as in Simonyan and Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition", ICLR 2015, with strides instead of pooling), with boxes as classes. Its score can be reached
by learning where such tissue usually lies. A section may have several correct boxes; the loss is the negative log of their
probability together.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.losses import OBJECTIVES
from atombench.tasks.atom.learning.scoring import Network
from atombench.tasks.atom.methods.encoders import EncoderOptions, SectionConvolutions, perceptron
from atombench.tasks.atom.methods.network import NetworkMethod

OBJECTIVE = OBJECTIVES["softmax"]


class BoxNetwork(Network):
    """A network with one logit per box; subclasses compute the logits."""

    @abstractmethod
    def logits(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return logits of boxes (M, 729); arguments as in `Network.scores`."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean softmax loss."""
        return OBJECTIVE.loss(self.logits(batch.volumes, batch.volume_index, batch.pixels), batch.labels.boxes).mean()

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of blocks (M, 27), as sums over their boxes, and of boxes (M, 729)."""
        boxes = OBJECTIVE.probabilities(self.logits(volumes, volume_index, pixels))
        return boxes.unflatten(1, (BLOCKS, BLOCKS)).sum(dim=2), boxes


class SectionCnnNetwork(BoxNetwork):
    """Convolutions of the section and a perceptron."""

    def __init__(self, grid: BlockGrid, options: EncoderOptions) -> None:
        super().__init__()
        section = SectionConvolutions(grid, options)
        self.layers = nn.Sequential(section, perceptron(options.hidden, options.hidden, BOXES))

    def logits(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return logits of boxes (M, 729); volumes are ignored."""
        logits: Tensor = self.layers(pixels)
        return logits


class SectionCnn(NetworkMethod):
    """Classifier of sections."""

    Options = EncoderOptions

    def network(self, grid: BlockGrid) -> SectionCnnNetwork:
        """Build the untrained network."""
        return SectionCnnNetwork(grid, self.options)
