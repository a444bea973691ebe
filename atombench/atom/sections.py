"""Cutting sections out of volumes: a gather, on whatever device the volumes are."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from atombench.atom.geometry import BlockGrid


def cut(volumes: Any, volume_index: Any, points: Any, grid: BlockGrid) -> Any:
    """Pixels of sections, 0 outside the volume.

    Args:
        volumes: (N, E, E, E), NumPy or torch.
        volume_index: integers (M,), which volume each section is cut from.
        points: integers (M, 3, P), from `section_points`, on the same device.
        grid: gives the section's size.

    Returns:
        (M, 4s, 4s), same kind and type as `volumes`; rows follow b, columns a.
    """
    xp = array_namespace(volumes)
    edge = grid.edge
    wide = xp.astype(points, xp.int64)
    visible = xp.all((wide >= 0) & (wide < edge), axis=1)  # (M, P)
    i, j, k = (wide[:, axis] for axis in range(3))
    flat = ((xp.astype(volume_index, xp.int64)[:, None] * edge + i) * edge + j) * edge + k
    pixels = xp.reshape(volumes, (-1,))[xp.where(visible, flat, xp.zeros_like(flat))]
    pixels = xp.where(visible, pixels, xp.zeros_like(pixels))
    return xp.reshape(pixels, (-1, grid.section, grid.section))
