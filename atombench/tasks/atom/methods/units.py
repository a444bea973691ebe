"""Units of the RegisMCAN family: self-attention (SA), guided attention (GA), and both in one (SGA), after MCAN.

Yu et al., "Deep Modular Co-Attention Networks for Visual Question Answering", CVPR 2019, section 3.1. Deviations from it: the
norm stands before each part instead of after it (so that training needs no long warm-up), and nothing is dropped out.

Volume tokens come per volume and section tokens per section: what depends on the volume alone is computed once for all sections
that were cut from it.

Letters: V volumes, M sections, T tokens of a volume, S tokens of a section, C width, H heads.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from atombench.tasks.atom.learning.losses import LossName
from atombench.tasks.atom.methods.network import NetworkOptions

POSITION_STD = 0.02


class AttentionOptions(NetworkOptions):
    """Options of every network with attention."""

    width: int = Field(default=64, ge=4, multiple_of=4)
    heads: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> AttentionOptions:
        if self.width % self.heads:
            msg = f"width {self.width} must be a multiple of heads {self.heads}"
            raise ValueError(msg)
        return self


class FamilyOptions(AttentionOptions):
    """Options of the networks whose loss may be chosen."""

    loss: LossName = Field(default="asl", description="asl, bce or softmax")


class Perceptron(nn.Module):
    """Two layers, four times as wide between them, with ReLU as in MCAN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.activation, self.second = nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        found: Tensor = self.second(self.activation(self.first(x)))
        return found


class Attention(nn.Module):
    """Multi-head attention of a volume's tokens to those of a section, or of tokens to each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Let x (M, T, C) query y (M, S, C); gives (M, T, C)."""
        weights, values = self.weigh(x, y)
        found: Tensor = self.proj((weights @ values).transpose(1, 2).flatten(2))
        return found

    def weigh(self, x: Tensor, y: Tensor, owner: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Attention weights and values of each head.

        Args:
            x: (V, T, C).
            y: (M, S, C).
            owner: (M,) which row of x each row of y belongs to; without it V = M.

        Returns:
            weights (M, H, T, S) and values (M, H, S, C / H).
        """
        q = self._split(self.query(x))  # (V, H, T, C / H)
        q = q if owner is None else q.index_select(0, owner)
        k, v = (self._split(part) for part in self.key_value(y).chunk(2, dim=-1))
        return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1), v

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """SA unit: tokens attend to each other, then each passes a perceptron; both with residuals."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads), Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        """(M, T, C) to (M, T, C)."""
        y = self.norm1(x)
        x = x + self.attention(y, y)
        x = x + self.mlp(self.norm2(x))
        return x


class GuidedAttention(nn.Module):
    """GA unit: a volume's tokens query a section's, then each passes a perceptron; both with residuals.

    Sections of one volume share work. With volume tokens x, attention weights A and a section's values v, the perceptron's
    first layer sees W norm(x + A v P) (P the output projection, W the layer), which up to the norm's scale is W x + A (v P W):
    W x is of the volume alone, and v has few tokens.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_volume, self.norm_section, self.norm2 = (nn.LayerNorm(width) for _ in range(3))
        self.attention, self.mlp = Attention(width, heads), Perceptron(width)

    def forward(self, x: Tensor, section: Tensor, owner: Tensor | None = None) -> Tensor:
        """Tokens x (V, T, C) and section (M, S, C), with owner (M,) as in `Attention.weigh`, to (M, T, C)."""
        if owner is not None:
            return self._shared(x, section, owner)
        x = x + self.attention(self.norm_volume(x), self.norm_section(section))
        x = x + self.mlp(self.norm2(x))
        return x

    def _shared(self, x: Tensor, section: Tensor, owner: Tensor) -> Tensor:
        weights, values = self.attention.weigh(self.norm_volume(x), self.norm_section(section), owner)
        output = self.attention.proj.weight.T.unflatten(0, (self.attention.heads, -1))  # (H, C / H, C)
        each = torch.einsum("mhsd,hdc->mhsc", values, output).flatten(1, 2)  # (M, H S, C)
        x = (x + self.attention.proj.bias).index_select(0, owner)
        x = torch.baddbmm(x, weights.transpose(1, 2).flatten(2), each)
        x = x + self.mlp(self.norm2(x))
        return x


class SelfGuidedAttention(nn.Module):
    """SGA unit: a volume's tokens attend to each other, then query a section's, then each passes a perceptron."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.guided = GuidedAttention(width, heads)

    def forward(self, x: Tensor, section: Tensor, owner: Tensor | None = None) -> Tensor:
        """Tokens x (V, T, C) and section (M, S, C), with owner (M,) as in `Attention`, to (M, T, C)."""
        y = self.norm(x)
        x = x + self.attention(y, y)
        guided: Tensor = self.guided(x, section, owner)
        return guided


class SectionEncoder(nn.Module):
    """A section's four patches as tokens with learned positions, through SA units."""

    def __init__(self, section: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        patch = section // 2
        self.patch = nn.Conv2d(1, width, kernel_size=patch, stride=patch)
        self.position = positions((section // patch) ** 2, width)
        self.units = nn.Sequential(*(SelfAttention(width, heads) for _ in range(layers)))

    def forward(self, pixels: Tensor) -> Tensor:
        """Sections (M, 4s, 4s) to tokens (M, 4, C)."""
        patches = self.patch(pixels[:, None]).flatten(2).transpose(1, 2)
        tokens: Tensor = self.units(patches + self.position)
        return tokens


def positions(tokens: int, width: int, std: float = POSITION_STD) -> nn.Parameter:
    """A learned position for each token (T, C)."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(tokens, width), std=std, a=-3 * std, b=3 * std))
