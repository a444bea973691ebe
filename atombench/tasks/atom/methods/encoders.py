"""Convolutional encoders of sections and volumes, shared by the networks without attention.

Neither has normalisation layers: these would remove the absolute intensity, which tells tissues apart. Signals keep their size
from layer to layer by the initial weights of He et al., "Delving Deep into Rectifiers", ICCV 2015. Letters: V volumes, M
sections.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.methods.network import NetworkOptions

SMALLEST_MAP = 4  # pixels or voxels per axis, below which maps are not halved further
LARGEST_FACTOR = 4  # maps have at most this multiple of the width as channels


class EncoderOptions(NetworkOptions):
    """Options of the convolutional networks."""

    width: int = Field(default=32, ge=1, description="channels of the first layer; deeper layers have up to four times as many")
    hidden: int = Field(default=256, ge=1, description="length of the vector that describes a section or a volume")


class SectionConvolutions(nn.Module):
    """Convolutions of 3 x 3 pixels; the map is halved until it has at most 7 x 7 pixels, then mapped to a vector."""

    def __init__(self, grid: BlockGrid, options: EncoderOptions) -> None:
        super().__init__()
        edges = _edges(grid.section)
        channels = _channels(options.width, len(edges))
        layers: list[nn.Module] = [nn.Conv2d(1, channels[0], 3, padding=1), nn.ReLU()]
        for a, b in pairwise(channels):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.ReLU()]
        layers += [nn.Flatten(), nn.Linear(channels[-1] * edges[-1] ** 2, options.hidden), nn.ReLU()]
        self.layers = nn.Sequential(*layers).apply(start)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map sections (M, 4sc, 4sc) to vectors (M, hidden)."""
        vectors: Tensor = self.layers(pixels[:, None])
        return vectors


class VolumeConvolutions(nn.Module):
    """Convolutions of 3 x 3 x 3 voxels on the volume averaged to 20^3 voxels; the last map is mapped to a vector as a whole."""

    def __init__(self, grid: BlockGrid, options: EncoderOptions) -> None:
        super().__init__()
        edges = _edges(BlockGrid(1).edge)
        channels = [1, *_channels(max(1, options.width // 2), len(edges) - 1)]
        layers: list[nn.Module] = [nn.AvgPool3d(grid.scale)]
        for a, b in pairwise(channels):
            layers += [nn.Conv3d(a, b, 3, stride=2, padding=1), nn.ReLU()]
        layers += [nn.Flatten(), nn.Linear(channels[-1] * edges[-1] ** 3, options.hidden), nn.ReLU()]
        self.layers = nn.Sequential(*layers).apply(start)

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes (V, E, E, E) to vectors (V, hidden)."""
        vectors: Tensor = self.layers(volumes[:, None])
        return vectors


class JointEncoder(nn.Module):
    """Vectors of a section and of its volume, concatenated and passed through a perceptron with one hidden layer."""

    def __init__(self, grid: BlockGrid, options: EncoderOptions, outputs: int) -> None:
        super().__init__()
        self.section, self.volume = SectionConvolutions(grid, options), VolumeConvolutions(grid, options)
        self.head = perceptron(2 * options.hidden, options.hidden, outputs)

    def forward(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Map volumes (V, E, E, E), the volume of each section (M,) and sections (M, 4sc, 4sc) to (M, outputs)."""
        outputs: Tensor = self.head(torch.cat([self.section(pixels), self.volume(volumes)[volume_index]], dim=1))
        return outputs


def start(layer: nn.Module) -> None:
    """Give a layer that a ReLU follows the initial weights of He et al."""
    if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return two linear layers with ReLU between them."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def _edges(edge: int) -> list[int]:
    """Return the edges of the maps: halved, rounded up, until less than twice `SMALLEST_MAP`."""
    edges = [edge]
    while edges[-1] >= 2 * SMALLEST_MAP:
        edges.append((edges[-1] + 1) // 2)
    return edges


def _channels(width: int, layers: int) -> list[int]:
    return [width * min(2**layer, LARGEST_FACTOR) for layer in range(layers)]
