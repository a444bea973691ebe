"""The best poses of each query, which refinement improves and from which scores of boxes follow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from atombench.tasks.atom.search.candidates import Lattices
from atombench.tasks.atom.search.exact import ExactSearch


@dataclass(frozen=True)
class BestPoses:
    """The K best poses of Q queries, the best first.

    Attributes:
        centres: float64 (Q, K, 3), voxels.
        normals: float64 (Q, K, 3), any positive length.
        turns: number of the turned query that each pose was compared with, (Q, K).
        scores: float64 (Q, K), by the measure of the search; minus infinity where there are fewer candidates.
    """

    centres: Tensor
    normals: Tensor
    turns: Tensor
    scores: Tensor

    def take(self, places: Tensor) -> BestPoses:
        """Return some poses of each query, in the order of `places` (Q, n)."""
        three = places[:, :, None].expand(-1, -1, 3)
        return BestPoses(
            self.centres.gather(1, three),
            self.normals.gather(1, three),
            self.turns.gather(1, places),
            self.scores.gather(1, places),
        )

    def replaced(self, first: BestPoses) -> BestPoses:
        """Return the poses with the first ones replaced, in order of their scores."""
        count = first.scores.shape[1]
        pairs = zip(vars(first).values(), vars(self).values(), strict=True)
        both = BestPoses(*(torch.cat([new, old[:, count:]], dim=1) for new, old in pairs))
        return both.take(both.scores.argsort(dim=1, descending=True, stable=True))

    def first(self, count: int) -> BestPoses:
        """Return the best `count` poses of each query."""
        return BestPoses(*(values[:, :count] for values in vars(self).values()))


def best_poses(search: ExactSearch, lattices: Lattices, turns: int, count: int) -> BestPoses:
    """Return the best poses among those that are the best of their orientation and block of positions.

    The very best is that of the exact search.

    Args:
        search: search with queries turned by T angles, T after one another.
        lattices: its positions and orientations.
        turns: T.
        count: K; if there are fewer orientations and blocks, the last poses are meaningless and score minus infinity.
    """
    survey, blocks = search.survey(located=True), len(search.blocks)
    found = search.find(survey)
    queries = len(search.copies) // turns
    copies = search.copies.reshape(turns, queries)
    scores, turn = survey.scores.flatten(1)[copies].max(dim=0)  # (Q, O * blocks)
    missing = count - scores.shape[1]
    if missing > 0:  # so that all volumes have as many poses, whatever share of their positions is compared
        scores, turn = pad(scores, (0, missing), value=-torch.inf), pad(turn, (0, missing))
    top = scores.topk(count, dim=1)
    turn = turn.gather(1, top.indices)
    last = top.indices.clamp(max=survey.scores.flatten(1).shape[1] - 1)
    positions = survey.positions.flatten(1)[copies.T.gather(1, turn), last].long()
    best = found.scores.reshape(turns, queries).argmax(dim=0)
    rows = torch.arange(queries, device=best.device)
    orientations = last // blocks
    for values, exact in ((orientations, found.orientations), (positions, found.positions)):
        values[:, 0] = exact.reshape(turns, queries)[best, rows]
    turn[:, 0] = best
    normals = torch.from_numpy(lattices.normals).to(best.device)
    values = top.values.double()
    values[:, 0] = found.scores.reshape(turns, queries)[best, rows]
    return BestPoses(lattices.coordinates[positions].double(), normals[orientations], turn, values)
