"""Cut sections out of volumes by a gather operation on the device of the volumes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from atombench.progress import available_threads
from atombench.tasks.atom.geometry import AnyArray, BlockGrid, section_points
from atombench.tasks.atom.labels import Labels, label_sections

CHUNK = 4096  # sections per batch on a CPU, so that intermediate results stay in its cache


@dataclass(frozen=True)
class CutSections:
    """Pixels, points and labels of M sections.

    Attributes:
        pixels: (M, 4sc, 4sc) at scale s and context c, 0 outside the volume; rows follow b, columns a; dtype of the volumes.
        points: int32 (M, 3, (4sc)^2), voxel of every pixel, in the same order; may lie outside the volume.
        coarse: bool (M, 27), index 9i + 3j + k.
        fine: bool (M, 27, 27), fine boxes inside each coarse block.
    """

    pixels: AnyArray
    points: AnyArray
    coarse: AnyArray
    fine: AnyArray

    @property
    def labels(self) -> Labels:
        """Both levels of labels together."""
        return Labels(self.coarse, self.fine)


def cut_sections(
    volumes: AnyArray,
    volume_index: AnyArray,
    centres: AnyArray,
    normals: AnyArray,
    scale: int = 1,
    threads: int | None = None,
    context: int = 1,
) -> CutSections:
    """Cut sections at given poses and label them (docs/protocol.md; Wang et al., arXiv 2406.04105, section 3).

    Accept NumPy arrays or torch tensors and return the same kind, on the device of the volumes. Every section depends on its
    own row only, so that the result depends neither on the order nor on the number of threads.

    Args:
        volumes: (N, E, E, E) with E = 20 x scale.
        volume_index: integers (M,), row of the volume that each section is cut from.
        centres: (M, 3) voxel coordinates.
        normals: (M, 3), of any positive length.
        scale: 1, 2, 3, ...
        threads: CPU threads for NumPy arrays; by default `OMP_NUM_THREADS`, or as many as the process may use. Torch has its
            own setting.
        context: edge of the shown section, as a multiple of that of its core, which is labelled.

    Raises:
        ValueError: shapes do not match, a volume index is out of range, or a pose is not finite or has a normal of length 0.
        TypeError: arrays of several kinds are mixed.
    """
    grid = BlockGrid(scale, context)
    _check(volumes, volume_index, centres, normals, grid)
    if is_numpy_array(volumes):
        return _in_threads(volumes, volume_index, centres, normals, grid, threads or available_threads())
    step = CHUNK if str(device(volumes)) == "cpu" else len(centres) or 1
    chunks = [slice(first, first + step) for first in range(0, len(centres) or 1, step)]
    parts = [cut_and_label(volumes, volume_index[rows], centres[rows], normals[rows], grid) for rows in chunks]
    if len(parts) == 1:
        return parts[0]
    xp = array_namespace(volumes)
    return CutSections(*(xp.concat([vars(part)[name] for part in parts]) for name in vars(parts[0])))


def cut(volumes: AnyArray, volume_index: AnyArray, points: AnyArray, grid: BlockGrid) -> AnyArray:
    """Return the pixels of sections, 0 outside the volume.

    Args:
        volumes: (N, E, E, E), NumPy or torch.
        volume_index: integers (M,), row of the volume that each section is cut from.
        points: integers (M, 3, P), from `section_points`, on the same device.
        grid: grid that defines the section's size.

    Returns:
        (M, 4sc, 4sc), of the kind and dtype of `volumes`; rows follow b, columns a.
    """
    xp = array_namespace(volumes)
    edge = grid.edge
    points = xp.permute_dims(points, (1, 2, 0))  # (3, P, M), the order of section_points in memory
    visible = xp.all((points >= 0) & (points < edge), axis=0)  # (P, M)
    i, j, k = (xp.astype(points[axis, ...], xp.int64) for axis in range(3))
    flat = ((xp.astype(volume_index, xp.int64) * edge + i) * edge + j) * edge + k
    flat = xp.reshape(xp.where(visible, flat, xp.zeros_like(flat)), (-1,))
    pixels = xp.reshape(xp.take(xp.reshape(volumes, (-1,)), flat, axis=0), visible.shape)
    pixels = xp.where(visible, pixels, xp.zeros_like(pixels))
    return xp.reshape(xp.permute_dims(pixels, (1, 0)), (-1, grid.section, grid.section))


def cut_and_label(
    volumes: AnyArray, volume_index: AnyArray, centres: AnyArray, normals: AnyArray, grid: BlockGrid
) -> CutSections:
    """Cut and label a batch without checking it, which would wait for the device; see `cut_sections`."""
    points = section_points(centres, normals, grid)
    labels = label_sections(points, grid)
    return CutSections(cut(volumes, volume_index, points, grid), points, labels.coarse, labels.fine)


def _in_threads(
    volumes: AnyArray, volume_index: AnyArray, centres: AnyArray, normals: AnyArray, grid: BlockGrid, threads: int
) -> CutSections:
    """Cut chunk by chunk into preallocated arrays; NumPy releases the interpreter lock, so that threads run in parallel."""
    sample = cut_and_label(volumes, volume_index[:0], centres[:0], normals[:0], grid)
    count = len(centres)
    whole = CutSections(*(np.empty((count, *part.shape[1:]), part.dtype) for part in vars(sample).values()))

    def fill(first: int) -> None:
        rows = slice(first, first + CHUNK)
        part = cut_and_label(volumes, volume_index[rows], centres[rows], normals[rows], grid)
        for name, values in vars(part).items():
            vars(whole)[name][rows] = values

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, count, CHUNK)))
    return whole


def _check(volumes: AnyArray, volume_index: AnyArray, centres: AnyArray, normals: AnyArray, grid: BlockGrid) -> None:
    xp, count = array_namespace(volumes, volume_index, centres, normals), len(centres)
    edges = tuple(volumes.shape[1:])
    if volumes.ndim != 4 or edges != (grid.edge,) * 3:
        msg = f"expected volumes of shape (N, {grid.edge}, {grid.edge}, {grid.edge}), got {tuple(volumes.shape)}"
        raise ValueError(msg)
    for name, values, shape in (
        ("volume_index", volume_index, (count,)),
        ("centres", centres, (count, 3)),
        ("normals", normals, (count, 3)),
    ):
        if tuple(values.shape) != shape:
            msg = f"expected {name} of shape {shape}, got {tuple(values.shape)}"
            raise ValueError(msg)
    if not count:
        return
    if bool(xp.min(volume_index) < 0) or bool(xp.max(volume_index) >= volumes.shape[0]):
        msg = f"expected volume_index from 0 to {volumes.shape[0] - 1}"
        raise ValueError(msg)
    squared = xp.sum(xp.astype(normals, xp.float64) ** 2, axis=1)
    if not bool(xp.all((squared > 0) & xp.isfinite(squared))):
        raise ValueError("expected finite normals of positive length")
    if not bool(xp.all(xp.isfinite(xp.astype(centres, xp.float64)))):
        raise ValueError("expected finite centres")
