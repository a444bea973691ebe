"""Batches of sections, cut and labelled on the device of the volumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench import streams
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Sections
from atombench.tasks.atom.sections import CutSections, cut_and_label

CUT_AT_ONCE = 4096  # sections; small batches of several steps are cut together, which takes little longer than one batch


@dataclass(frozen=True)
class Batch:
    """M sections of V volumes: volumes (V, E, E, E), volume_index (M,), pixels (M, 4s, 4s), labels."""

    volumes: Tensor
    volume_index: Tensor
    pixels: Tensor
    labels: Labels


class SectionFeed:
    """Cuts batches of sections on the device of the volumes.

    Devices without float64 (Apple MPS) cannot round poses exactly; for them, sections are cut on the CPU and then moved.
    """

    def __init__(self, volumes: NDArray[np.float32], sections: Sections, grid: BlockGrid, device: str) -> None:
        order = np.argsort(sections.volume, kind="stable")
        self.grid = grid
        self.owner = sections.volume[order].astype(np.int64)  # (M,), ascending
        self.present, self.first, self.counts = np.unique(self.owner, return_index=True, return_counts=True)
        self.device, cut_device = device, "cpu" if device.startswith("mps") else device
        self.volumes = torch.from_numpy(volumes).to(cut_device)
        self.centres = torch.from_numpy(sections.centres[order].astype(np.int64)).to(cut_device)
        self.normals = torch.from_numpy(sections.normals[order]).to(cut_device)

    def batches(self, volumes: int, sections: int, seed: int, steps: range) -> Iterator[Batch]:
        """Draw the batch of each step; it depends only on seed and step, not on the first step.

        Args:
            volumes: volumes per batch, drawn with replacement.
            sections: sections per volume, drawn with replacement.
            seed: seed of the run.
            steps: consecutive step numbers.
        """
        size = volumes * sections
        together = max(1, CUT_AT_ONCE // size)
        index = torch.arange(volumes, device=self.device).repeat_interleave(sections)
        for first in range(steps.start, steps.stop, together):
            drawn = [self._drawn(volumes, sections, "batch", seed, step) for step in steps[first - steps.start :][:together]]
            sections_cut = self._cut(np.concatenate(drawn))
            for number, rows in enumerate(drawn):
                part = slice(number * size, (number + 1) * size)
                yield self._batch(self.owner[rows[::sections]], index, _part(sections_cut, part))

    def fixed(self, count: int, *key: object) -> Batch:
        """Return at most `count` random sections, grouped by volume; equal keys yield equal sections."""
        rows = np.sort(streams.permutation(len(self.owner), *key)[:count])
        present, index = np.unique(self.owner[rows], return_inverse=True)
        return self._batch(present, torch.from_numpy(index).to(self.device), self._cut(rows))

    def _drawn(self, volumes: int, sections: int, *key: object) -> NDArray[np.int64]:
        """Draw the rows of a batch, volume by volume."""
        words = streams.words(volumes * (1 + sections), *key)
        chosen = (words[:volumes] % np.uint64(len(self.present))).astype(np.int64)
        within = words[volumes:].reshape(volumes, sections) % self.counts[chosen].astype(np.uint64)[:, None]
        return (self.first[chosen][:, None] + within.astype(np.int64)).ravel()

    def _cut(self, rows: NDArray[np.int64]) -> CutSections:
        owner, where = (torch.from_numpy(array).to(self.volumes.device) for array in (self.owner[rows], rows))
        return cut_and_label(self.volumes, owner, self.centres[where], self.normals[where], self.grid)

    def _batch(self, volumes: NDArray[np.int64], index: Tensor, sections: CutSections) -> Batch:
        chosen = self.volumes[torch.from_numpy(volumes).to(self.volumes.device)]
        labels = Labels(sections.coarse.to(self.device), sections.fine.to(self.device))
        return Batch(chosen.to(self.device), index, sections.pixels.to(self.device), labels)


def _part(sections: CutSections, rows: slice) -> CutSections:
    return CutSections(*(values[rows] for values in vars(sections).values()))
