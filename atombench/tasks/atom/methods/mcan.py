"""`mcan`: the encoder-decoder of MCAN, with a joint score for all 729 boxes.

Yu et al., "Deep Modular Co-Attention Networks for Visual Question Answering", CVPR 2019, the network of which RegisMCAN is a
variant. The section replaces the question: its patches pass through L self-attention units (SA). The volume replaces the image:
its patches pass through L guided units (SGA), all of which attend to the output of the last SA unit. Both token sets are pooled
by attention, the pooled vectors are added, and one linear layer scores the answers, which are the 729 boxes. Scores of the
volume patches that overlap a box are added to the score of the box.

Differences from RegisMCAN: volume tokens attend to each other, there is one level instead of two, and no token belongs to a
block.

Deviations from MCAN:

- Units have the norm before each part and no dropout; see units.py. A final norm follows the last units, as usual for pre-norm.
- Widths are options; MCAN uses 512 with 8 heads and 6 units; pooled vectors are twice as wide.
- Volume patches are cubes of 5s voxels without overlap, 64 in all, where MCAN uses detected regions. Their embeddings are
  normalised and their positions large, so that positions remain visible in a nearly empty volume.
- The scores of patches, distributed to boxes by overlap, are an addition. Pooling alone mixes all positions into one vector
  before any box is scored: on VesselMNIST3D, the network without patch scores still ignored the volume after 500 steps
  (recall@1 on validation sections 4.8 % with their own volumes and 4.9 % with others); with them, it used it after 400.
- Softmax over all boxes by default, since boxes compete; MCAN uses BCE, and the other networks of the family ASL, which needs
  hundreds of steps to reduce 729 scores. Optimiser and schedule are those of the shared loop.

Letters: V volumes, M sections, T tokens, C width.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.losses import OBJECTIVES, LossName
from atombench.tasks.atom.learning.scoring import Network
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.units import FamilyOptions, SectionEncoder, SelfGuidedAttention, positions

PATCHES_PER_AXIS = 4
VOLUME_POSITION_STD = 0.5
SECTIONS_AT_ONCE = 128  # on a CPU, so that activations stay in its cache


class McanOptions(FamilyOptions):
    """Options of `mcan`."""

    loss: LossName = Field(default="softmax", description="asl, bce or softmax")
    layers: int = Field(default=2, ge=1, description="SA units on the section, and as many SGA units on the volume")


class AttentionPooling(nn.Module):
    """Weighted sum of tokens, with weights from a perceptron, followed by a linear map."""

    def __init__(self, width: int, pooled: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.map = nn.Linear(width, pooled)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (M, T, C) to vectors (M, pooled)."""
        x = self.norm(x)
        pooled: Tensor = self.map((self.weight(x).softmax(dim=1) * x).sum(dim=1))
        return pooled


class McanNetwork(Network):
    """Section encoder, volume decoder, and one score per box."""

    overlap: Tensor

    def __init__(self, grid: BlockGrid, options: McanOptions) -> None:
        super().__init__()
        width, heads, patch = options.width, options.heads, grid.edge // PATCHES_PER_AXIS
        self.objective = OBJECTIVES[options.loss]
        self.section = SectionEncoder(grid.section, width, heads, options.layers)
        self.embed = nn.Conv3d(1, width, kernel_size=patch, stride=patch)
        self.norm_embed = nn.LayerNorm(width)
        self.position = positions(PATCHES_PER_AXIS**3, width, std=VOLUME_POSITION_STD)
        self.decoder = nn.ModuleList(SelfGuidedAttention(width, heads) for _ in range(options.layers))
        self.pools = nn.ModuleList(AttentionPooling(width, 2 * width) for _ in range(2))
        self.norm = nn.LayerNorm(2 * width)
        self.head = nn.Linear(2 * width, BOXES)
        self.patch_score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))
        self.register_buffer("overlap", box_shares(grid), persistent=False)

    def logits(self, volumes: Tensor, owner: Tensor, pixels: Tensor) -> Tensor:
        """Map volumes (V, E, E, E), the volume of each section (M,) and sections (M, 4s, 4s) to logits of boxes (M, 729)."""
        section = self.section(pixels)
        patches = self.embed(volumes[:, None]).flatten(2).transpose(1, 2)  # (V, 64, C)
        x = self.norm_embed(patches) + self.position
        x = self.decoder[0](x, section, owner)  # (M, 64, C)
        for unit in self.decoder[1:]:
            x = unit(x, section)
        pooled: Tensor = self.head(self.norm(self.pools[0](x) + self.pools[1](section)))
        return pooled + self.patch_score(x)[..., 0] @ self.overlap

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean loss over all boxes."""
        return self.objective.loss(self.logits(batch.volumes, batch.volume_index, batch.pixels), batch.labels.boxes).mean()

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of blocks (M, 27), as sums over their boxes, and of boxes (M, 729)."""
        together = SECTIONS_AT_ONCE if pixels.device.type == "cpu" else max(1, len(pixels))
        parts = zip(volume_index.split(together), pixels.split(together), strict=True)
        logits = torch.cat([self.logits(volumes, owner, part) for owner, part in parts])
        boxes = self.objective.probabilities(logits)
        return boxes.unflatten(1, (BLOCKS, BLOCKS)).sum(dim=2), boxes


def box_shares(grid: BlockGrid) -> Tensor:
    """Return the share of each box that lies in each patch (64, 729); the shares of a box add up to one."""
    patch = grid.edge // PATCHES_PER_AXIS
    patches = patch * torch.cartesian_prod(*[torch.arange(PATCHES_PER_AXIS)] * 3)[:, None]  # (64, 1, 3)
    boxes = torch.from_numpy(grid.box_starts)[None]  # (1, 729, 3)
    low, high = torch.maximum(patches, boxes), torch.minimum(patches + patch, boxes + grid.fine_edge)
    return (high - low).clamp(min=0).prod(dim=-1) / grid.fine_edge**3


class Mcan(NetworkMethod):
    """MCAN's encoder-decoder, trained with the shared loop."""

    Options = McanOptions

    def network(self, grid: BlockGrid) -> McanNetwork:
        """Build the untrained network."""
        return McanNetwork(grid, self.options)
