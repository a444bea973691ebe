"""All steps together: draw the records of sections, replay them on any batch and device, and sample the volume in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from atombench.tasks.atom.degradation.blur import Blur
from atombench.tasks.atom.degradation.compression import Compression
from atombench.tasks.atom.degradation.conditions import STEPS, parse
from atombench.tasks.atom.degradation.contrast import Contrast
from atombench.tasks.atom.degradation.field import Field
from atombench.tasks.atom.degradation.fold import Fold
from atombench.tasks.atom.degradation.missing import Missing
from atombench.tasks.atom.degradation.noise import Noise
from atombench.tasks.atom.degradation.rotation import Rotation
from atombench.tasks.atom.degradation.shrinkage import Shrinkage
from atombench.tasks.atom.degradation.stain import Stain
from atombench.tasks.atom.degradation.step import Damaged, Dice, Record, Step
from atombench.tasks.atom.degradation.tear import Tear
from atombench.tasks.atom.degradation.tilt import Tilt
from atombench.tasks.atom.geometry import AnyArray, BlockGrid, plane, section_points
from atombench.tasks.atom.protocol import PROTOCOL
from atombench.tasks.atom.sections import cut

PLANE: tuple[type[Step], ...] = (Tear, Fold, Rotation, Field, Compression, Shrinkage, Tilt)
SLIDE: tuple[type[Step], ...] = (Contrast, Stain, Missing)
SCAN: tuple[type[Step], ...] = (Noise,)
KINDS: Mapping[str, type[Step]] = {kind.name: kind for kind in (*PLANE, *SLIDE, *SCAN)}
CHUNK = 4096  # sections damaged together on a CPU, so that intermediate results stay in its cache
AXES = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))  # offsets (a, b) of the two directions within the plane


@dataclass(frozen=True)
class Degradation:
    """Steps with their ranges.

    Attributes:
        steps: steps of the plane and of the pixels that can be seen, in the order of `STEPS`.
        blur: blur of the volumes, if any.
        unseen: why a step does nothing at this size, by its name.
    """

    steps: tuple[Step, ...]
    blur: Blur | None
    unseen: Mapping[str, str]

    @staticmethod
    def of(names: Sequence[str], severity: int, grid: BlockGrid) -> Degradation:
        """Return the named steps at a severity from 1 to 5, for sections of a size."""
        every = [KINDS[name].at(severity) for name in STEPS if name in names and name in KINDS]
        unseen = {step.name: reason for step in every if (reason := step.unseen(grid))}
        seen = tuple(step for step in every if step.name not in unseen)
        return Degradation(seen, Blur.at(severity) if Blur.name in names else None, unseen)

    @staticmethod
    def under(condition: str, grid: BlockGrid) -> Degradation:
        """Return the steps of a condition.

        Raises:
            ConfigError: the condition is unknown.
        """
        names, severity = parse(condition)
        return Degradation.of(names, severity, grid) if names else Degradation((), None, {})

    def draw(self, count: int, grid: BlockGrid, *key: object) -> Records:
        """Draw the records of `count` sections; a step has the same random numbers at every severity.

        Args:
            count: number of sections.
            grid: blocks and section size.
            key: key of the streams, besides the protocol version and the name of the step.
        """
        dice = {step.name: Dice((PROTOCOL, "damage", step.name, *key), count) for step in self.steps}
        return Records({step.name: step.draw(dice[step.name], grid) for step in self.steps})

    def apply(
        self,
        volumes: AnyArray,
        volume_index: AnyArray,
        centres: AnyArray,
        normals: AnyArray,
        grid: BlockGrid,
        records: Records,
        without: Sequence[str] = (),
    ) -> AnyArray:
        """Cut sections and damage them; without any step, they are those of `cut`, bit for bit.

        Args:
            volumes: (N, E, E, E), NumPy or torch, before any blur.
            volume_index: integers (M,), row of the volume of each section.
            centres: (M, 3) voxels.
            normals: (M, 3), any positive length.
            grid: blocks and section size.
            records: records of the M sections.
            without: names of steps to leave out.

        Returns:
            Pixels (M, 4sc, 4sc), of the kind and dtype of `volumes`; rows follow b, columns a.
        """
        xp, count = array_namespace(volumes), len(centres)
        steps = [step for step in self.steps if step.name not in without]
        size = CHUNK if str(device(volumes)) == "cpu" else max(1, count)
        parts = []
        for first in range(0, max(1, count), size):
            rows = slice(first, first + size)
            part = (volume_index[rows], centres[rows], normals[rows])
            parts.append(_apply(steps, volumes, *part, grid, records.take(rows)))
        return parts[0] if len(parts) == 1 else xp.concat(parts)

    def blurred(self, volumes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the volumes (N, E, E, E) that are searched."""
        return volumes if self.blur is None else self.blur.apply(volumes)


@dataclass(frozen=True)
class Records:
    """Records of M sections, by the name of the step."""

    of_step: Mapping[str, Record]

    def take(self, rows: slice | NDArray[np.int64]) -> Records:
        """Return the records of some sections."""
        return Records({name: {key: array[rows] for key, array in record.items()} for name, record in self.of_step.items()})


def _apply(
    steps: Sequence[Step],
    volumes: AnyArray,
    volume_index: AnyArray,
    centres: AnyArray,
    normals: AnyArray,
    grid: BlockGrid,
    records: Records,
) -> AnyArray:
    xp, place = array_namespace(volumes), device(volumes)
    found = {
        step.name: {key: xp.asarray(array, device=place) for key, array in records.of_step[step.name].items()} for step in steps
    }
    points = section_points(centres, normals, grid)
    a, b = (xp.asarray(offset, device=place)[None] + xp.zeros((len(centres), 1), device=place) for offset in grid.offsets)
    sections = Damaged(grid, a, b, xp.zeros_like(a), xp.ones_like(a))
    sections = _in_turn(steps, PLANE, sections, found)
    if any(isinstance(step, PLANE) for step in steps):
        pixels = sample(volumes, volume_index, points, displacement(sections, a, b, normals))
    else:
        pixels = xp.reshape(cut(volumes, volume_index, points, grid), a.shape)
    sections = _in_turn(steps, SLIDE, replace(sections, pixels=pixels), found)
    lit = sections.pixels * xp.astype(sections.light, pixels.dtype)
    sections = _in_turn(steps, SCAN, replace(sections, pixels=lit), found)
    return xp.reshape(sections.pixels, (-1, grid.section, grid.section))


def _in_turn(
    steps: Sequence[Step], kinds: tuple[type[Step], ...], sections: Damaged, records: Mapping[str, Mapping[str, AnyArray]]
) -> Damaged:
    """Apply the steps of some kinds, in their order."""
    for step in steps:
        if isinstance(step, kinds):
            sections = step.apply(sections, records[step.name])
    return sections


def displacement(sections: Damaged, a: AnyArray, b: AnyArray, normals: AnyArray) -> AnyArray:
    """Return how far the points shown lie from those of undamaged sections, in voxels; float64 (M, 3, P).

    Args:
        sections: damaged sections.
        a: first offsets of the undamaged ones, (M, P).
        b: their second offsets, (M, P).
        normals: (M, 3).
    """
    xp = array_namespace(a)
    axes = plane(normals, AXES)  # (M, 3, 2)
    normals = xp.astype(normals, xp.float64)
    upwards = normals / xp.sqrt(xp.sum(normals * normals, axis=1, keepdims=True))
    moved: AnyArray = (
        axes[:, :, :1] * (sections.a - a)[:, None]
        + axes[:, :, 1:] * (sections.b - b)[:, None]
        + upwards[:, :, None] * sections.height[:, None]
    )
    return moved


def sample(volumes: AnyArray, volume_index: AnyArray, points: AnyArray, displaced: AnyArray) -> AnyArray:
    """Return the intensities at displaced voxels, by trilinear interpolation, with zeros outside the volume.

    Displacements of 0 give the voxels themselves, bit for bit.

    Args:
        volumes: (N, E, E, E), NumPy or torch.
        volume_index: integers (M,).
        points: integers (M, 3, P), from `section_points`.
        displaced: voxels (M, 3, P).

    Returns:
        (M, P), of the dtype of `volumes`.
    """
    xp, edge = array_namespace(volumes), volumes.shape[1]
    whole = xp.floor(displaced)
    part = xp.astype(displaced - whole, volumes.dtype)
    first = points + xp.astype(whole, xp.int32)  # (M, 3, P)
    low = [(first[:, axis] >= 0) & (first[:, axis] < edge) for axis in range(3)]
    high = [(first[:, axis] >= -1) & (first[:, axis] < edge - 1) for axis in range(3)]
    weights = [
        (xp.where(inner, 1 - part[:, axis], 0 * part[:, axis]), xp.where(outer, part[:, axis], 0 * part[:, axis]))
        for axis, (inner, outer) in enumerate(zip(low, high, strict=True))
    ]
    clipped = [(xp.clip(first[:, axis], 0, edge - 1), xp.clip(first[:, axis] + 1, 0, edge - 1)) for axis in range(3)]
    flat = xp.reshape(volumes, (-1,))
    base = xp.astype(volume_index, xp.int64)[:, None] * edge
    total = xp.zeros_like(part[:, 0])
    for i in range(2):
        row = (base + clipped[0][i]) * edge
        for j in range(2):
            line, weight = (row + clipped[1][j]) * edge, weights[0][i] * weights[1][j]
            for k in range(2):
                voxel = xp.take(flat, xp.reshape(line + clipped[2][k], (-1,)), axis=0)
                total = total + xp.reshape(voxel, weight.shape) * (weight * weights[2][k])
    return total
