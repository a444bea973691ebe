"""Exact search: the first of the most similar candidates of each query, as if all were compared in double precision.

Most of the work is done in single precision:

1. Every candidate is compared in single precision, and the greatest score in each block of candidates is kept.
2. Blocks whose greatest score lies within twice the rounding error of the query's best are compared in double precision.

Scores are equal if they agree when rounded to `QUANTUM` times their size; of equal candidates the first counts, by orientation,
then by position. A query that has reached the greatest score possible needs no further comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from atombench.similarity.measure import Measure
from atombench.tasks.atom.search.candidates import Candidates

BLOCK = 2048  # least number of positions compared together on a CPU; their scores stay in its cache
DEVICE_BLOCK = 65536  # on other devices
BLOCKS = 64  # of positions at most, so that a survey takes little memory
AT_ONCE = 8  # blocks per thread that are compared again before it is checked which queries are finished
QUANTUM = 1e-13  # scores that are equal when rounded to this, relative to their size, are equal


@dataclass(frozen=True)
class Survey:
    """Best candidates in single precision, of each query, orientation and block of positions.

    Attributes:
        scores: float32 (Q, O, blocks), minus infinity for a block without candidates.
        positions: number of the position that has the score, int32 (Q, O, blocks); empty if not asked for.
    """

    scores: Tensor
    positions: Tensor


@dataclass(frozen=True)
class Found:
    """Best candidate of each query: numbers of its orientation and position, and its score; (Q,) each.

    Without any candidate, the numbers are 0 and the score is minus infinity.
    """

    orientations: Tensor
    positions: Tensor
    scores: Tensor


class ExactSearch:
    """Search of one volume. Equal queries are compared once.

    Args:
        candidates: candidates of the volume.
        measure: measure of similarity.
        pixels: queries, float32 (Q, W, W), on the device of the candidates.
        threads: processor threads.
    """

    def __init__(self, candidates: Candidates, measure: Measure, pixels: Tensor, threads: int) -> None:
        self.candidates, self.measure, self.pixels = candidates, measure, pixels
        self.on_cpu = pixels.device.type == "cpu"
        self.threads = threads if self.on_cpu else 1
        different, self.copies = pixels.flatten(1).unique(dim=0, return_inverse=True)
        self.queries = measure.features(different.reshape(-1, *pixels.shape[1:]).double())
        self.quanta = QUANTUM * measure.sizes(self.queries)
        count = len(candidates)
        step = max(BLOCK if self.on_cpu else DEVICE_BLOCK, -(-count // BLOCKS))
        self.blocks = [slice(first, min(first + step, count)) for first in range(0, count, step)]

    def survey(self, located: bool = False) -> Survey:
        """Compare all candidates in single precision.

        Args:
            located: whether to return positions, too, which takes longer.
        """
        orientations = len(self.candidates.lattices.normals)
        shape, device = (orientations, len(self.blocks), len(self.queries)), self.queries.device
        scores = torch.full(shape, -torch.inf, device=device)
        positions = torch.zeros(shape if located else (0, 0, 0), dtype=torch.int32, device=device)
        compare = partial(self._compare, self.queries.float(), scores, positions)
        with one_thread_each(self.on_cpu), ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(compare, range(orientations)))
        return Survey(scores.permute(2, 0, 1), positions.permute(2, 0, 1))

    def find(self, survey: Survey | None = None) -> Found:
        """Return the best candidates, as if all were compared in double precision."""
        wanted = self._wanted((survey or self.survey()).scores)
        ceilings = (self.measure.ceilings(self.queries) / self.quanta).round()
        best = torch.full_like(ceilings, -torch.inf)
        chosen = torch.zeros((2, len(best)), dtype=torch.int64, device=best.device)
        items, step = wanted.any(dim=0).nonzero().tolist(), AT_ONCE * self.threads
        with one_thread_each(self.on_cpu), ThreadPoolExecutor(self.threads) as pool:
            for first in range(0, len(items), step):
                some = items[first : first + step]
                rows = [(wanted[:, orientation, block] & (best < ceilings)).nonzero()[:, 0] for orientation, block in some]
                for (orientation, _), row, found in zip(some, rows, pool.map(self._again, some, rows), strict=True):
                    score, position = found
                    better = score > best[row]
                    best[row] = torch.where(better, score, best[row])
                    chosen[0, row[better]], chosen[1, row[better]] = orientation, position[better]
        return Found(chosen[0][self.copies], chosen[1][self.copies], (best * self.quanta)[self.copies])

    def _compare(self, queries: Tensor, scores: Tensor, positions: Tensor, orientation: int) -> None:
        """Write the best scores in each block of one orientation, and their positions unless `positions` is empty."""
        for number, block in enumerate(self.blocks):
            sections, numbers = self.candidates.sections(orientation, block)
            if not len(numbers):
                continue
            found = self.measure.scores(queries, self.measure.features(sections.double()).float())
            if len(positions):
                indices = _first_best(found)
                scores[orientation, number] = found.gather(1, indices[:, None])[:, 0]
                positions[orientation, number] = numbers[indices].int()
            else:
                torch.amax(found, dim=1, out=scores[orientation, number])

    def _wanted(self, scores: Tensor) -> Tensor:
        """Return which blocks may hold the best candidate of a query, bool (Q, O, blocks)."""
        largest = float(self.candidates.voxels.abs().max())
        margins = 2 * self.measure.margins(self.queries, largest) + self.quanta
        least = scores.amax(dim=(1, 2)).double() - margins
        return (scores >= least[:, None, None]) & scores.isfinite()

    def _again(self, where: tuple[int, int], rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best score of some queries in a block, as a multiple of its quantum, and its position; (rows,) each."""
        if not len(rows):
            return torch.zeros(0, dtype=torch.float64, device=rows.device), rows
        sections, numbers = self.candidates.sections(where[0], self.blocks[where[1]])
        found = self.measure.scores(self.queries[rows], self.measure.features(sections.double()))
        found = (found / self.quanta[rows, None]).round()
        best = found.max(dim=1)
        return best.values, numbers[best.indices]


def _first_best(scores: Tensor) -> Tensor:
    """Return the number of the first of the best candidates of each row of (Q, n); numpy is ten times faster than torch."""
    return torch.from_numpy(scores.numpy().argmax(axis=1)) if scores.device.type == "cpu" else scores.argmax(dim=1)


@contextmanager
def one_thread_each(on_cpu: bool = True) -> Iterator[None]:
    """Let torch use one thread for each operation, while a pool of threads shares the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if on_cpu else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
