"""Batches of sections, cut, labelled and perhaps damaged on the device of the volumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from atombench import streams
from atombench.tasks.atom.degradation.conditions import STEPS
from atombench.tasks.atom.degradation.damage import Degradation
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Sections
from atombench.tasks.atom.sections import CutSections, cut_and_label

CUT_AT_ONCE = 4096  # sections; small batches of several steps are cut together, which takes little longer than one batch


@dataclass(frozen=True)
class Batch:
    """M sections of V volumes: volumes (V, E, E, E), volume_index (M,), pixels (M, 4sc, 4sc), labels and poses.

    Poses are float32: centres (M, 3) in voxels, normals (M, 3) of unit length.
    """

    volumes: Tensor
    volume_index: Tensor
    pixels: Tensor
    labels: Labels
    centres: Tensor
    normals: Tensor


class SectionFeed:
    """Cuts batches of sections on the device of the volumes.

    Devices without float64 (Apple MPS) cannot round poses exactly; for them, sections are cut on the CPU and then moved.

    Args:
        volumes: (N, E, E, E).
        sections: the sections to draw from.
        grid: blocks and section size.
        device: device of the batches.
        damage: highest severity of damage, as under `histology-5`; each batch has one severity from 0 to this. The sections of
            `fixed` have half of it, rounded up.
    """

    def __init__(self, volumes: NDArray[np.float32], sections: Sections, grid: BlockGrid, device: str, damage: int = 0) -> None:
        order = np.argsort(sections.volume, kind="stable")
        self.grid = grid
        self.owner = sections.volume[order].astype(np.int64)  # (M,), ascending
        self.present, self.first, self.counts = np.unique(self.owner, return_index=True, return_counts=True)
        self.device, cut_device = device, "cpu" if device.startswith("mps") else device
        self.volumes = torch.from_numpy(volumes).to(cut_device)
        self.centres = torch.from_numpy(sections.centres[order].astype(np.int64)).to(cut_device)
        self.normals = torch.from_numpy(sections.normals[order]).to(cut_device)
        self.damage = damage
        self.blurred: dict[int, Tensor] = {0: self.volumes}

    def batches(self, volumes: int, sections: int, seed: int, steps: range) -> Iterator[Batch]:
        """Draw the batch of each step; it depends only on seed and step, not on the first step.

        Args:
            volumes: volumes per batch, drawn with replacement.
            sections: sections per volume, drawn with replacement.
            seed: seed of the run.
            steps: consecutive step numbers.
        """
        size = volumes * sections
        together = 1 if self.damage else max(1, CUT_AT_ONCE // size)
        index = torch.arange(volumes, device=self.device).repeat_interleave(sections)
        for first in range(steps.start, steps.stop, together):
            drawn = [self._drawn(volumes, sections, "batch", seed, step) for step in steps[first - steps.start :][:together]]
            key = ("batch damage", seed, first)
            severity = int(streams.words(1, *key)[0] % np.uint64(self.damage + 1))
            sections_cut = self._cut(np.concatenate(drawn), severity, *key)
            for number, rows in enumerate(drawn):
                part = slice(number * size, (number + 1) * size)
                yield self._batch(self.owner[rows[::sections]], index, rows, _part(sections_cut, part), severity)

    def fixed(self, count: int, *key: object) -> Batch:
        """Return at most `count` random sections, grouped by volume; equal keys yield equal sections."""
        rows = np.sort(streams.permutation(len(self.owner), *key)[:count])
        present, index = np.unique(self.owner[rows], return_inverse=True)
        severity = (self.damage + 1) // 2
        return self._batch(present, torch.from_numpy(index).to(self.device), rows, self._cut(rows, severity, *key), severity)

    def _drawn(self, volumes: int, sections: int, *key: object) -> NDArray[np.int64]:
        """Draw the rows of a batch, volume by volume."""
        words = streams.words(volumes * (1 + sections), *key)
        chosen = (words[:volumes] % np.uint64(len(self.present))).astype(np.int64)
        within = words[volumes:].reshape(volumes, sections) % self.counts[chosen].astype(np.uint64)[:, None]
        return (self.first[chosen][:, None] + within.astype(np.int64)).ravel()

    def _cut(self, rows: NDArray[np.int64], severity: int, *key: object) -> CutSections:
        owner, where = (torch.from_numpy(array).to(self.volumes.device) for array in (self.owner[rows], rows))
        poses = (owner, self.centres[where], self.normals[where])
        sections = cut_and_label(self.volumes, *poses, self.grid)
        if not severity:
            return sections
        degradation = self._degradation(severity)
        records = degradation.draw(len(rows), self.grid, *key)
        return replace(sections, pixels=degradation.apply(self.volumes, *poses, self.grid, records))

    def _degradation(self, severity: int) -> Degradation:
        return Degradation.of(STEPS, severity, self.grid)

    def _searched(self, severity: int) -> Tensor:
        """Return the volumes that are searched at a severity; blurred ones are kept."""
        if severity not in self.blurred:
            blurred = self._degradation(severity).blurred(self.volumes.cpu().numpy())
            self.blurred[severity] = torch.from_numpy(blurred).to(self.volumes.device)
        return self.blurred[severity]

    def _batch(
        self, volumes: NDArray[np.int64], index: Tensor, rows: NDArray[np.int64], sections: CutSections, severity: int
    ) -> Batch:
        chosen = self._searched(severity)[torch.from_numpy(volumes).to(self.volumes.device)]
        labels = Labels(sections.coarse.to(self.device), sections.fine.to(self.device))
        where = torch.from_numpy(rows).to(self.volumes.device)
        centres, normals = self.centres[where].float(), nn.functional.normalize(self.normals[where], dim=1).float()
        return Batch(
            chosen.to(self.device),
            index,
            sections.pixels.to(self.device),
            labels,
            centres.to(self.device),
            normals.to(self.device),
        )


def _part(sections: CutSections, rows: slice) -> CutSections:
    return CutSections(*(values[rows] for values in vars(sections).values()))
