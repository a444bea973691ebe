"""Search of `locus`: matches of pixels, and the best poses by learned features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.engine import contract
from atombench.engine.training.device import keyed_torch
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.drawn_feed import near_tissue
from atombench.tasks.atom.methods.locus_network import LocusNetwork
from atombench.tasks.atom.methods.locus_options import LocusOptions
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.candidates import every_position
from atombench.tasks.atom.search.feature_search import FeatureSearch
from atombench.tasks.atom.search.pixel_match import Matches, PixelMatch
from atombench.tasks.atom.search.views import View, views_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Poses:
    """Poses of Q queries, the answer first.

    Attributes:
        centres: (Q, K, 3), voxels.
        normals: (Q, K, 3).
        turns: how the section was turned or mirrored, as in `locus_network.anchor_orders`; (Q, K).
        scores: sums of the scores in all views, (Q, K); on validation sections, sums found more than means.
    """

    centres: Array
    normals: Array
    turns: NDArray[np.int64]
    scores: Array


@dataclass(frozen=True)
class LocusSearch:
    """Search of the volumes of one board.

    Attributes:
        network: the trained network.
        views: views of each volume.
        features: search by features.
        match: search by pixels.
        cells: positions of the search by features, integers (C, 3), voxels.
        device: torch device.
        deterministic: whether only deterministic operations are used.
    """

    network: LocusNetwork
    views: Sequence[View]
    features: FeatureSearch
    match: PixelMatch
    cells: Tensor
    device: str
    deterministic: bool

    @property
    def grid(self) -> BlockGrid:
        """Volume edge and section size."""
        return self.network.grid

    @staticmethod
    def of(network: LocusNetwork, options: LocusOptions, gathering: str, resources: contract.Resources) -> LocusSearch:
        """Return the search for a board with sections of a gathering."""
        grid, device = network.grid, resources.device
        normals = torch.from_numpy(known_normals("tissue", options.orientations)).float().to(device)
        count = options.match * (10 if grid.scale == 1 else 1)
        return LocusSearch(
            network=network,
            views=views_of(grid, options.views),
            features=FeatureSearch(grid, normals, options.poses, options.starts),
            match=PixelMatch.of(grid, gathering, count, device, resources.threads),
            cells=torch.from_numpy(every_position(grid, grid.scale)).to(device),
            device=device,
            deterministic=options.deterministic,
        )

    def matches(self, volume: NDArray[np.float32], pixels: NDArray[np.float32]) -> Matches:
        """Return the best matches of queries (Q, W, W) in a volume (E, E, E), by their pixels."""
        return self.match.best(volume, pixels)

    def poses(self, volume: NDArray[np.float32], pixels: NDArray[np.float32], upright: bool = False) -> Poses:
        """Return the best poses of queries (Q, W, W) in a volume (E, E, E), by their features.

        Args:
            volume: the volume.
            pixels: the queries.
            upright: whether the queries are known to be neither turned nor mirrored.
        """
        with torch.no_grad(), keyed_torch(self.device, self.deterministic):
            voxels, queries = (torch.from_numpy(array).to(self.device) for array in (volume, pixels))
            fields = [self.network.field(view.volume(voxels)) for view in self.views]
            cells, templates = self._cells_near_tissue(voxels), partial(self._templates, fields)
            found = self.features.best(cells, templates, self._queries(queries)[: 1 if upright else None])
        return Poses(*(values.cpu().numpy() for values in (found.centres, found.normals, found.turns, found.scores)))

    def _queries(self, pixels: Tensor) -> Tensor:
        """Return the features of sections (Q, W, W) in all views with each turn undone, (T, Q, views * F)."""
        return torch.cat([view.turned(self.network.queries(view.pixels(pixels))) for view in self.views], dim=2)

    def _templates(self, fields: Sequence[Tensor], centres: Tensor, normals: Tensor) -> Tensor:
        """Return the features of poses (N, 3) in all views, (N, views * F)."""
        parts = zip(fields, self.views, strict=True)
        return torch.cat([self.network.templates(field, *view.poses(centres, normals)) for field, view in parts], dim=1)

    def _cells_near_tissue(self, volume: Tensor) -> Tensor:
        near = torch.zeros(volume.numel(), dtype=torch.bool, device=volume.device)
        near[near_tissue(volume)] = True
        kept = near.reshape(volume.shape)[tuple(self.cells.T)]
        return self.cells[kept] if kept.any() else self.cells
