"""Poses from predicted points of a section, by least squares."""

from __future__ import annotations

import torch
from torch import Tensor

from atombench.tasks.atom.geometry import BlockGrid, plane

SHORTEST = 1e-9  # square voxels; length of u x v below which points have no plane


def exact_points(centres: Tensor, normals: Tensor, grid: BlockGrid, chosen: list[int]) -> Tensor:
    """Return the exact (unrounded) positions of chosen points of sections, float32 (M, C, 3) in voxels.

    Args:
        centres: (M, 3) voxels.
        normals: (M, 3), any positive length.
        grid: grid that defines the section's size.
        chosen: C numbers of points of the section, in the order of `BlockGrid.offsets`.
    """
    a, b = grid.offsets
    device = centres.device
    offsets = plane(normals.cpu().double(), (a[chosen], b[chosen])).transpose(1, 2)
    points: Tensor = centres[:, None] + offsets.float().to(device)
    return points


def fitted_poses(points: Tensor, grid: BlockGrid, chosen: list[int]) -> tuple[Tensor, Tensor]:
    """Fit a pose to positions of a section's points; float64 centres (M, 3) in voxels and unit normals (M, 3), on the CPU.

    An affine map (a, b) -> p + a u + b v is fitted by least squares. The centre is p, the place of (0, 0), which differs from
    the mean of the points because offsets run from -2s to 2s - 1; the normal is the direction of u x v. Exact points therefore
    yield their exact pose. The rotation in the plane follows from the normal and is not fitted. If u and v are parallel, the
    normal is +k.

    Args:
        points: (M, C, 3) voxels, of the points `chosen` (at least three that are not in a line).
        grid: grid that defines the section's size.
        chosen: C numbers of points of the section, in the order of `BlockGrid.offsets`.
    """
    points = points.detach().cpu().double()
    a, b = (torch.from_numpy(offset[chosen]) for offset in grid.offsets)
    design = torch.stack([torch.ones_like(a), a, b], dim=1)  # (C, 3)
    maps = torch.linalg.pinv(design) @ points  # (M, 3, 3): rows p, u, v
    crossed = torch.linalg.cross(maps[:, 1], maps[:, 2])
    length = crossed.norm(dim=1, keepdim=True)
    upwards = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    normals = torch.where(length > SHORTEST, crossed / length.clamp(min=SHORTEST), upwards)
    return maps[:, 0], normals
