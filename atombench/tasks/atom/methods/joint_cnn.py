"""Baseline `joint-cnn`: convolutions of the section in 2D and of the volume in 3D, fused into scores of the 729 boxes.

Late fusion by concatenation, as in two-stream networks (Feichtenhofer et al., "Convolutional Two-Stream Network Fusion for
Video Action Recognition", CVPR 2016): one vector per section and one per volume, and a perceptron on both. The vectors meet
only there, so the network cannot compare the section with a place in the volume pixel by pixel. Convolutions, classes and
loss are those of `section-cnn`; the difference between the two is what the volume adds.
"""

from __future__ import annotations

from torch import Tensor

from atombench.tasks.atom.geometry import BOXES, BlockGrid
from atombench.tasks.atom.methods.encoders import EncoderOptions, JointEncoder
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.section_cnn import BoxNetwork


class JointCnnNetwork(BoxNetwork):
    """Both encoders and a perceptron."""

    def __init__(self, grid: BlockGrid, options: EncoderOptions) -> None:
        super().__init__()
        self.encoder = JointEncoder(grid, options, BOXES)

    def logits(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return logits of boxes (M, 729)."""
        logits: Tensor = self.encoder(volumes, volume_index, pixels)
        return logits


class JointCnn(NetworkMethod):
    """Classifier of pairs of a section and a volume."""

    Options = EncoderOptions

    def network(self, grid: BlockGrid) -> JointCnnNetwork:
        """Build the untrained network."""
        return JointCnnNetwork(grid, self.options)
