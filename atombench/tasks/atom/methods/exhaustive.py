"""Search `exhaustive`: the most similar candidate among all positions and distinct orientations.

It learns nothing. Without degradation the true section is among the candidates, and the task is a look-up; this search is
the baseline for every learned method.

With q the pixels of a query and c those of a candidate, the sum of squared differences (SSD) is |q|^2 - 2 q.c + |c|^2. The
first term does not affect the ranking, so the search is one matrix product per volume and orientation. It is computed in double
precision, in which products of float32 pixels are exact. The absolute normalised cross-correlation (NCC), for sections of
another contrast, is the product of standardised pixels. Ties are resolved by the first orientation and position. On a board
whose sections all show tissue, only candidates that do are considered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atombench.engine import contract
from atombench.progress import tracked
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.training import Training
from atombench.tasks.atom.uniform import mostly_tissue, show_tissue
from atombench.volumes.volume_set import BACKGROUND

Prepare = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Costs = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
CHUNK = 16384  # candidates compared together, so that their costs take little memory
FLAT = 1e-6  # length of centred pixels below which a section counts as equal throughout


class ExhaustiveOptions(contract.Options):
    """Options of the exhaustive search."""

    similarity: Literal["ssd", "ncc"] = Field(
        default="ssd", description="ssd (least squared difference), or ncc (greatest absolute correlation)"
    )
    orientations: int = Field(default=4000, ge=1, description="normals on the half sphere, if the set of normals is not finite")


def distinct_orientations(normals: NDArray[np.float64], grid: BlockGrid) -> NDArray[np.float64]:
    """Remove normals that show the same voxels around every centre as an earlier normal.

    Rounding half to even depends on the parity of the centre's coordinates, so patterns are compared for all eight parities.
    """
    parities = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=1)
    repeated = np.repeat(normals, 8, axis=0)
    points = section_points(np.tile(parities, (len(normals), 1)), repeated, grid)
    patterns = points.reshape(len(normals), -1)
    _, first = np.unique(patterns, axis=0, return_index=True)
    return normals[np.sort(first)]


class Exhaustive:
    """Nearest candidate section by SSD or NCC."""

    Options = ExhaustiveOptions
    smoke: ClassVar[dict[str, Any]] = {"orientations": 50}

    def __init__(self, options: ExhaustiveOptions) -> None:
        self.options = options

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Return no weights; the search learns nothing."""
        return {}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Search every volume and return the best poses."""
        from threadpoolctl import threadpool_limits

        grid, tissue_only = queries.grid, queries.gathering == "tissue"
        normals = distinct_orientations(known_normals(queries.gathering, self.options.orientations), grid)
        centres = np.stack(np.unravel_index(np.arange(grid.edge**3), (grid.edge,) * 3), axis=1)
        prepare, costs = MEASURES[self.options.similarity]
        queried = prepare(queries.pixels.reshape(len(queries), -1).astype(np.float64))
        slices = [queries.of_volume(volume) for volume in range(len(queries.volumes))]
        margin = ((0, 0), (1, 1), (1, 1), (1, 1))
        padded = np.pad(queries.volumes.astype(np.float64), margin).reshape(len(queries.volumes), -1)
        everywhere, best = np.arange(len(centres)), np.full(len(queries), np.inf)
        chosen = np.zeros((2, len(queries)), dtype=np.int64)  # orientation, centre
        with threadpool_limits(resources.threads):
            for number, normal in enumerate(tracked(normals, len(normals), "search", "orientation")):
                voxels = _flat_voxels(normal, grid)
                for volume, rows in zip(padded, slices, strict=True):
                    shown = _showing_tissue(volume, voxels, grid) if tissue_only else everywhere
                    if not len(shown):
                        continue
                    nearest, cost = _nearest(costs, queried[rows], volume, voxels, shown)
                    better = cost < best[rows]
                    best[rows] = np.where(better, cost, best[rows])
                    chosen[:, rows] = np.where(better, [np.full_like(nearest, number), nearest], chosen[:, rows])
        return contract.Answers(
            centres=centres[chosen[1]].astype(np.float64),
            normals=normals[chosen[0]],
            about={"parameters": 0, "orientations": len(normals), "positions": len(centres)},
        )


def _with_ones(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)


def _flat_voxels(normal: NDArray[np.float64], grid: BlockGrid) -> NDArray[np.intp]:
    """Return the flat voxel index of every point of every candidate, (P, E^3), in a volume with a margin of one voxel.

    A coordinate of a point depends on the same coordinate of the centre only. Points outside the volume are in the margin.
    """
    edge, wide = grid.edge, grid.edge + 2
    diagonal = np.repeat(np.arange(edge)[:, None], 3, axis=1)
    points = section_points(diagonal, np.broadcast_to(normal, (edge, 3)), grid)  # (E, 3, P)
    i, j, k = (np.clip(points, -1, edge) + 1).transpose(1, 2, 0)  # each (P, E)
    flat: NDArray[np.int32] = (i[:, :, None, None] * wide + j[:, None, :, None]) * wide + k[:, None, None, :]
    return flat.reshape(len(i), -1).astype(np.intp)  # other integers would be converted on every use


def _showing_tissue(volume: NDArray[np.float64], voxels: NDArray[np.intp], grid: BlockGrid) -> NDArray[np.int64]:
    """Return the numbers of the candidates that show tissue; volume ((E + 2)^3,), voxels (P, C)."""
    core = voxels[grid.core_points.ravel()]
    enough = np.flatnonzero(mostly_tissue((volume > BACKGROUND)[core]))
    return enough[show_tissue(volume[core[:, enough]], axis=0)]


def _nearest(
    costs: Costs, queried: NDArray[np.float64], volume: NDArray[np.float64], voxels: NDArray[np.intp], shown: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first of the best candidates of each query, and its cost; each (Q,).

    Args:
        costs: cost of every query (Q) and candidate (C).
        queried: prepared queries.
        volume: ((E + 2)^3,).
        voxels: points of all candidates, (P, E^3).
        shown: numbers of the candidates that are considered, ascending.
    """
    best, nearest = np.full(len(queried), np.inf), np.zeros(len(queried), dtype=np.int64)
    for first in range(0, len(shown), CHUNK):
        part = shown[first : first + CHUNK]
        found = costs(queried, volume[np.take(voxels, part, axis=1)])
        place = found.argmin(axis=1)
        cost = found[np.arange(len(found)), place]
        nearest = np.where(cost < best, part[place], nearest)
        best = np.minimum(cost, best)
    return nearest, best


def _ssd(queried: NDArray[np.float64], candidates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the SSD minus |q|^2; queried (Q, P + 1) with a last column of ones, candidates (P, C)."""
    return queried @ np.concatenate([-2 * candidates, (candidates**2).sum(axis=0, keepdims=True)])


def _standardised(sections: NDArray[np.float64], axis: int = 1) -> NDArray[np.float64]:
    """Return sections with mean 0 and length 1 along an axis; zeros if all pixels are equal."""
    centred = sections - sections.mean(axis=axis, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=axis, keepdims=True))
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > FLAT)


def _ncc(queried: NDArray[np.float64], candidates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return minus the absolute correlation; queried (Q, P) standardised, candidates (P, C)."""
    return -np.abs(queried @ _standardised(candidates, axis=0))


MEASURES: dict[str, tuple[Prepare, Costs]] = {"ssd": (_with_ones, _ssd), "ncc": (_standardised, _ncc)}
