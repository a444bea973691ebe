"""Units of the RegisMCAN family: self-attention (SA), guided attention (GA), and both in one (SGA), after MCAN.

Yu et al., "Deep Modular Co-Attention Networks for Visual Question Answering", CVPR 2019, section 3.1. Deviations from it: the
norm precedes each part instead of following it (so that training needs no long warm-up), and there is no dropout.

Volume tokens are given per volume and section tokens per section, so that all results that depend only on the volume are
computed once for all sections cut from it.

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
    """Options of networks with a choice of losses."""

    loss: LossName = Field(default="asl", description="asl, bce or softmax")


class Perceptron(nn.Module):
    """Two linear layers with a hidden layer of four times the width, with ReLU as in MCAN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.activation, self.second = nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        output: Tensor = self.second(self.activation(self.first(x)))
        return output


class Attention(nn.Module):
    """Multi-head attention of a volume's tokens to those of a section, or of tokens to each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Attend from x (M, T, C) to y (M, S, C); return (M, T, C)."""
        weights, values = self.weigh(x, y)
        output: Tensor = self.proj((weights.transpose(-2, -1) @ values).transpose(1, 2).flatten(2))
        return output

    def weigh(self, x: Tensor, y: Tensor, owner: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the attention weights and values of each head.

        Args:
            x: (V, T, C).
            y: (M, S, C).
            owner: (M,), row of x that each row of y belongs to; if None, V = M.

        Returns:
            Weights (M, H, S, T), which sum to 1 over S, and values (M, H, S, C / H). S is 4 for a section; a CPU computes the
            softmax of T columns at once much faster than that of T short rows.
        """
        q = self._split(self.query(x))  # (V, H, T, C / H)
        q = q if owner is None else q.index_select(0, owner)
        k, v = (self._split(part) for part in self.key_value(y).chunk(2, dim=-1))
        return (k / math.sqrt(q.shape[-1]) @ q.transpose(-2, -1)).softmax(dim=-2), v

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """SA unit: tokens attend to each other, then each passes through a perceptron; both with residuals."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads), Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (M, T, C) to (M, T, C)."""
        y = self.norm1(x)
        x = x + self.attention(y, y)
        x = x + self.mlp(self.norm2(x))
        return x


class GuidedAttention(nn.Module):
    """GA unit: volume tokens attend to section tokens, then each passes through a perceptron; both with residuals.

    Sections of one volume share computations. Let x be volume tokens, A attention weights, v the values of a section, P the
    output projection and W the first layer of the perceptron. Its input W norm(x + A v P) equals, up to the scale of the norm,
    W x + A (v P W): W x depends only on the volume, and v has few tokens.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_volume, self.norm_section, self.norm2 = (nn.LayerNorm(width) for _ in range(3))
        self.attention, self.mlp = Attention(width, heads), Perceptron(width)

    def forward(self, x: Tensor, section: Tensor, owner: Tensor | None = None) -> Tensor:
        """Map tokens x (V, T, C) and section (M, S, C), with owner (M,) as in `Attention.weigh`, to (M, T, C)."""
        if owner is not None:
            return self._shared(x, section, owner)
        x = x + self.attention(self.norm_volume(x), self.norm_section(section))
        x = x + self.mlp(self.norm2(x))
        return x

    def _shared(self, x: Tensor, section: Tensor, owner: Tensor) -> Tensor:
        weights, values = self.attention.weigh(self.norm_volume(x), self.norm_section(section), owner)
        output = self.attention.proj.weight.T.unflatten(0, (self.attention.heads, -1))  # (H, C / H, C)
        projected = torch.einsum("mhsd,hdc->mhsc", values, output).flatten(1, 2)  # (M, H S, C)
        x = (x + self.attention.proj.bias).index_select(0, owner)
        x = torch.baddbmm(x, weights.flatten(1, 2).transpose(1, 2), projected)
        x = x + self.mlp(self.norm2(x))
        return x


class SelfGuidedAttention(nn.Module):
    """SGA unit: volume tokens attend to each other, then to section tokens, then each passes through a perceptron."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.guided = GuidedAttention(width, heads)

    def forward(self, x: Tensor, section: Tensor, owner: Tensor | None = None) -> Tensor:
        """Map tokens x (V, T, C) and section (M, S, C), with owner (M,) as in `Attention.weigh`, to (M, T, C)."""
        y = self.norm(x)
        x = x + self.attention(y, y)
        guided: Tensor = self.guided(x, section, owner)
        return guided


class SectionEncoder(nn.Module):
    """Encoder of a section: four patches as tokens with learned positions, followed by SA units."""

    def __init__(self, section: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        patch = section // 2
        self.patch = nn.Conv2d(1, width, kernel_size=patch, stride=patch)
        self.position = positions((section // patch) ** 2, width)
        self.units = nn.Sequential(*(SelfAttention(width, heads) for _ in range(layers)))

    def forward(self, pixels: Tensor) -> Tensor:
        """Map sections (M, 4s, 4s) to tokens (M, 4, C)."""
        patches = self.patch(pixels[:, None]).flatten(2).transpose(1, 2)
        tokens: Tensor = self.units(patches + self.position)
        return tokens


def positions(tokens: int, width: int, std: float = POSITION_STD) -> nn.Parameter:
    """Create a learned position for each token (T, C)."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(tokens, width), std=std, a=-3 * std, b=3 * std))
