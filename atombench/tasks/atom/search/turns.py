"""Turned and mirrored queries, for sections that were turned on the slide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def turned(pixels: Tensor, degrees: Sequence[float], mirrored: bool) -> Tensor:
    """Return the queries after undoing a turn by each angle, then after undoing a mirror image and the turn; (T, Q, W, W).

    Turns are about the middle of the section, with the sign of `degradation/rotation.py`.
    Pixels are interpolated bilinearly, and border pixels are continued outwards. An angle of 0 leaves them as they are.

    Args:
        pixels: (Q, W, W); rows follow b, columns a.
        degrees: angles.
        mirrored: whether to add queries with a reversed.
    """
    signs = (1.0, -1.0) if mirrored else (1.0,)
    return torch.stack([_turned(pixels, math.radians(angle), sign) for sign in signs for angle in degrees])


def _turned(pixels: Tensor, angle: float, sign: float) -> Tensor:
    if angle == 0 and sign > 0:
        return pixels
    width = pixels.shape[1]
    middle = (width - 1) / 2
    steps = torch.arange(width, dtype=torch.float64, device=pixels.device) - middle
    b, a = torch.meshgrid(steps, sign * steps, indexing="ij")
    columns, rows = math.cos(angle) * a - math.sin(angle) * b, math.sin(angle) * a + math.cos(angle) * b
    scaled = (torch.stack([columns, rows], dim=-1) / middle).to(pixels.dtype).expand(len(pixels), -1, -1, -1)
    return grid_sample(pixels[:, None], scaled, padding_mode="border", align_corners=True)[:, 0]
