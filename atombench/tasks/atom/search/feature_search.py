"""Search by learned features: all positions of a grid and all normals, then local refinement of the best poses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv3d

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.search.best_poses import BestPoses
from atombench.tasks.atom.search.refinement import refined, tilts_between

Templates = Callable[[Tensor, Tensor], Tensor]
"""Returns the features (n, F) of poses: centres (n, 3) and normals (n, 3)."""
PER_NORMAL = 4  # best positions of each normal that are kept
REACH = 1.5  # voxels / s: a centre within this distance is right, as in the metric centre_hit
AT_ONCE = 2**15  # poses whose features are gathered together


@dataclass(frozen=True)
class FeatureJudge:
    """Similarity of queries and poses of one volume.

    Attributes:
        templates: features of poses.
        queries: features of queries after undoing their turn, (Q, F).
    """

    templates: Templates
    queries: Tensor

    def scores(self, centres: Tensor, normals: Tensor, turns: Tensor) -> Tensor:
        """Return the similarity of each query and its own poses (Q, n, 3) each; float64 (Q, n)."""
        parts = torch.arange(len(centres), device=centres.device).split(max(1, AT_ONCE // turns.shape[1]))
        return torch.cat([self._scores(rows, centres[rows], normals[rows]) for rows in parts])

    def _scores(self, rows: Tensor, centres: Tensor, normals: Tensor) -> Tensor:
        features = self.templates(centres.flatten(0, 1), normals.flatten(0, 1)).unflatten(0, centres.shape[:2])
        return torch.einsum("qf,qnf->qn", self.queries[rows], features).double()


@dataclass(frozen=True)
class FeatureSearch:
    """Search of volumes of one size.

    Attributes:
        grid: volume edge and section size.
        normals: normals on the half sphere, evenly spaced; float32 (O, 3).
        poses: K, number of poses that are kept.
        starts: number of poses that are refined.
    """

    grid: BlockGrid
    normals: Tensor
    poses: int
    starts: int

    def best(self, centres: Tensor, templates: Templates, turned: Tensor) -> BestPoses:
        """Return the best poses of queries in a volume, the answer first, then in order of their scores.

        The answer is the best pose near the most probable place. That place has the most probability within reach, summed over
        all poses; a single pose with a high score counts less than many that agree. The turn of a query is chosen first, by the
        total probability of every second cell.

        Args:
            centres: cells of the grid of every s-th voxel that are considered; integers (C, 3), voxels.
            templates: features of poses of the volume.
            turned: features of queries, one for each turn, (T, Q, F).
        """
        turns = self._turns(centres, templates, turned)
        queries = turned[turns, torch.arange(len(turns), device=turns.device)]
        total, scores, chosen = self._survey(centres, templates, queries)
        top = scores.topk(min(self.poses, scores.shape[1]), dim=1)
        positions, normals = chosen.gather(1, top.indices), top.indices // (scores.shape[1] // len(self.normals))
        found = BestPoses(
            centres[positions].double(),
            self.normals[normals].double(),
            turns[:, None].expand_as(positions),
            top.values.double(),
        )
        judge = FeatureJudge(templates, queries)
        found = found.replaced(refined(found.first(self.starts), judge, tilts_between(len(self.normals))))
        near = (found.centres - self._place(centres, total)[:, None].double()).norm(dim=2) <= REACH * self.grid.scale
        order = torch.where(near, found.scores - found.scores.amin() + 1, 0.0).argmax(dim=1, keepdim=True)
        rest = torch.arange(found.scores.shape[1], device=order.device).expand(len(order), -1)
        return found.take((rest != order).long().argsort(dim=1, stable=True))

    def _turns(self, centres: Tensor, templates: Templates, turned: Tensor) -> Tensor:
        """Return the most probable turn of each query (Q,)."""
        second = centres[(centres // self.grid.scale % 2 == 0).all(dim=1)]
        cells = second if len(second) else centres
        total = torch.full(turned.shape[:2], -torch.inf, device=turned.device)
        for normal in self.normals if len(turned) > 1 else ():
            found = turned @ templates(cells, normal.expand(len(cells), 3)).T
            total = torch.logaddexp(total, found.logsumexp(dim=2))
        return total.argmax(dim=0)

    def _survey(self, centres: Tensor, templates: Templates, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compare all positions and normals.

        Returns:
            Logarithm of the total probability of each position (Q, C), up to a constant; scores and positions of the best
            poses of each normal, (Q, O * n) each, normal by normal.
        """
        total = torch.full((len(queries), len(centres)), -torch.inf, device=queries.device)
        scores, chosen = [], []
        for normal in self.normals:
            found = queries @ templates(centres, normal.expand(len(centres), 3)).T
            total = torch.logaddexp(total, found)
            best = found.topk(min(PER_NORMAL, len(centres)), dim=1)
            scores.append(best.values)
            chosen.append(best.indices)
        return total, torch.cat(scores, dim=1), torch.cat(chosen, dim=1)

    def _place(self, centres: Tensor, total: Tensor) -> Tensor:
        """Return the cell with the most probability within reach, in voxels; (Q, 3)."""
        scale, cells = self.grid.scale, self.grid.edge // self.grid.scale
        number = (centres // scale * torch.tensor([cells**2, cells, 1], device=centres.device)).sum(dim=1)
        field = torch.zeros(len(total), cells**3, device=total.device)
        field[:, number] = total.softmax(dim=1)
        steps = torch.arange(-math.floor(REACH), math.floor(REACH) + 1, device=total.device)
        ball = torch.cartesian_prod(steps, steps, steps).square().sum(dim=1) <= REACH**2
        kernel = ball.to(total.dtype).reshape(1, 1, *[len(steps)] * 3)
        mass = conv3d(field.reshape(-1, 1, cells, cells, cells), kernel, padding="same").flatten(1)
        return centres[mass[:, number].argmax(dim=1)]
