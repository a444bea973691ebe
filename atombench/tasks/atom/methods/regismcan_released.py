"""`regismcan-released`: the function that the released code of RegisMCAN computes.

Wang et al., "From Tissue Plane to Organ World", arXiv 2406.04105; code: haizailache999/Image-Registration (MIT), files
vit_2d_sa.py, vit_3d_ga1.py, vit_3d_ga2.py, utils.py. Reimplemented from their behaviour.

Properties of the released graph:

- The section passes through three blocks of width 4 with a class token and four heads, so one number per head. Keys and values
  of the last block, five numbers per head, are mapped by one linear layer (shared by keys and values) to 28 pseudo-tokens.
- Only keys and values of the last of these blocks are used; its own output (proj, norm2, mlp) is never trained.
- In every block the attention output is added to itself instead of to the block's input; the multi-layer perceptron has a
  true residual.
- 27 volume tokens and a class token query the pseudo-tokens. Volume tokens attend neither to each other nor to the class token,
  and the head uses the class token only: the logits are a function of the section alone. The volume tokens are therefore not
  computed here, and the 3D patch embedding and its positions (1 028 000 parameters at level one, 52 704 at level two, which
  never receive a gradient) are not created; nor is the last norm of the section encoder (8). With them, there are 11 650 246
  parameters. Exchanging the volume changes no bit of the output.
- Level two has the same form, so that its answer does not depend on the opened block.

Deviations from the release, none of which changes this function:

- One optimiser for both levels instead of two that share the section encoder; the loss is not scaled twice; no gradient
  clipping (in the release it follows the step). Losses are averaged over the batch; AdamW is insensitive to their scale.
- Learning rate, batch size and number of steps are options (release: 5e-5, 128, 500 epochs). The learning rate follows a
  schedule (release: constant), the weights with the best validation score are kept (release: the last), and weight decay
  does not apply to vectors (release: applies to all weights).
- A section keeps its normal, where the release draws a new normal at every access.
- Widths stay 1000 and 216 at any scale, where the release ties them to the block's volume.

Letters: B batch, H heads, T pseudo-tokens, W width of a level.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.losses import asymmetric_loss
from atombench.tasks.atom.learning.scoring import Network
from atombench.tasks.atom.methods.network import NetworkMethod, NetworkOptions

HEADS = 4
SECTION_WIDTH = 4
SECTION_TOKENS = 5  # four patches and the class token
SECTION_BLOCKS = 3
PSEUDO_TOKENS = 28
LEVEL_WIDTHS = (1000, 216)
BEAM = 5  # best-ranked blocks among which training opens a correct one
NORM_EPSILON = 1e-6


class ReleasedOptions(NetworkOptions):
    """Options of `regismcan-released`."""

    learning_rate: float = Field(default=1e-3, gt=0, description="peak; constant 5e-5 for 500 epochs in the release")


class Perceptron(nn.Sequential):
    """Two linear layers with a hidden layer of four times the width."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class SectionBlock(nn.Module):
    """Self-attention of the section encoder, with the attention output doubled instead of a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(SECTION_WIDTH, eps=NORM_EPSILON)
        self.qkv = nn.Linear(SECTION_WIDTH, 3 * SECTION_WIDTH)
        self.proj = nn.Linear(SECTION_WIDTH, SECTION_WIDTH)
        self.norm2 = nn.LayerNorm(SECTION_WIDTH, eps=NORM_EPSILON)
        self.mlp = Perceptron(SECTION_WIDTH)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 5, 4) to (B, 5, 4), keys and values (B, H, 5, 1)."""
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)  # (B, H, 5, 1)
        x = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
        x = 2 * self.proj(x)
        return x + self.mlp(self.norm2(x)), k, v


class SectionEncoder(nn.Module):
    """Patches of a quarter of the section, class token, positions, three blocks; returns the last keys and values."""

    def __init__(self, grid: BlockGrid) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, SECTION_WIDTH, kernel_size=grid.section // 2, stride=grid.section // 2)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, SECTION_WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, SECTION_TOKENS, SECTION_WIDTH))
        self.blocks = nn.ModuleList(SectionBlock() for _ in range(SECTION_BLOCKS))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map sections (B, 4s, 4s) to keys and values (B, H, 5)."""
        patches = self.patch(pixels[:, None]).flatten(2).transpose(1, 2)  # (B, 4, 4)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        for block in self.blocks:
            x, k, v = block(x)
        return k.flatten(2), v.flatten(2)


class Level(nn.Module):
    """Class token of one level: 27 logits from the section's keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.match_kv = nn.Linear(SECTION_TOKENS, PSEUDO_TOKENS * width // HEADS)
        self.cls_token = nn.Parameter(torch.zeros(width))
        self.pos_embed = nn.Parameter(torch.zeros(width))  # of the class token; those of volume tokens have no effect
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.query = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.mlp = Perceptron(width)
        self.norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.head = nn.Linear(width, BLOCKS)

    def forward(self, k: Tensor, v: Tensor) -> Tensor:
        """Map keys and values (B, H, 5) to logits (B, 27)."""
        q = self.query(self.norm1(self.cls_token + self.pos_embed)).unflatten(0, (HEADS, -1))  # (H, W / H)
        weight = self.match_kv.weight.unflatten(0, (PSEUDO_TOKENS, -1))  # (T, W / H, 5)
        bias = self.match_kv.bias.unflatten(0, (PSEUDO_TOKENS, -1))  # (T, W / H)
        key_map = torch.einsum("hc,tci->hti", q, weight)  # query times key map, so that keys are never computed
        scores = torch.einsum("bhi,hti->bht", k, key_map) + torch.einsum("hc,tc->ht", q, bias)
        a = (scores / math.sqrt(q.shape[1])).softmax(dim=-1)  # (B, H, T)
        pairs = (a[..., None] * v[:, :, None, :]).flatten(2)  # (B, H, 5 T)
        x = (pairs @ weight.transpose(1, 2).flatten(0, 1) + a @ bias).flatten(1)  # (B, W)
        x = 2 * self.proj(x)
        x = x + self.mlp(self.norm2(x))
        logits: Tensor = self.head(self.norm(x))
        return logits


class ReleasedNetwork(Network):
    """Section encoder and both levels."""

    def __init__(self, grid: BlockGrid) -> None:
        super().__init__()
        self.encoder = SectionEncoder(grid)
        self.levels = nn.ModuleList(Level(width) for width in LEVEL_WIDTHS)
        self.apply(_initialise)

    def logits(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of blocks (B, 27) and of boxes within any block (B, 27)."""
        k, v = self.encoder(pixels)
        return self.levels[0](k, v), self.levels[1](k, v)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the ASL of both levels; targets of level two are those of the opened block, or all negative if it is wrong."""
        coarse, fine = self.logits(batch.pixels)
        opened, is_correct = _opened_block(coarse.detach(), batch.labels.coarse)
        inner = batch.labels.fine[torch.arange(len(opened), device=opened.device), opened] & is_correct[:, None]
        return (asymmetric_loss(coarse, batch.labels.coarse) + asymmetric_loss(fine, inner)).mean()

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of blocks (M, 27), and of boxes (M, 729) as the product of both levels."""
        coarse, fine = (torch.sigmoid(logits) for logits in self.logits(pixels))
        return coarse, (coarse[:, :, None] * fine[:, None, :]).reshape(-1, BOXES)


def _opened_block(coarse: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
    """Return the block opened in training (B,), the best-ranked correct one of five, else the best; and its correctness."""
    top = coarse.topk(BEAM, dim=1).indices
    hits = correct.gather(1, top)
    first = hits.int().argmax(dim=1, keepdim=True)  # 0 if none is correct
    return top.gather(1, first)[:, 0], hits.any(dim=1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.zeros_(module.bias)
    for name in ("cls_token", "pos_embed"):
        if isinstance(getattr(module, name, None), nn.Parameter):
            nn.init.trunc_normal_(getattr(module, name), std=0.02)


class RegisMcanReleased(NetworkMethod):
    """The released RegisMCAN, trained with the shared loop."""

    Options = ReleasedOptions

    def network(self, grid: BlockGrid) -> ReleasedNetwork:
        """Build the untrained network."""
        return ReleasedNetwork(grid)
