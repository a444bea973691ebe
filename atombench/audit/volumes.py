"""Audit of volumes: duplicates and near-duplicates, subjects in two splits, background, histogram.

The likeness of two volumes is the correlation of their voxels after subtraction of the mean volume of the dataset, which
removes common structure (a brain in the centre). Cubes of 40 voxels or more are first reduced to about 20.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from atombench.audit.pictures import contact_sheet
from atombench.audit.record import Neighbours, Pair, Source, VolumeFindings
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import BACKGROUND, SPLITS, VolumeSet

LIKENESS_EDGE = 20  # voxels
NEARLY_EMPTY = 0.005
NEAR = 0.9
MOST_ALIKE = 10
MOST_SOURCES = 10
HISTOGRAM = (-0.1, 1.1, 48)  # from, to, bins


def audit_volumes(data: Curated, sources: list[Source]) -> VolumeFindings:
    """Return the findings about the volumes of a dataset.

    Args:
        data: cubes of one size.
        sources: source files of the dataset.
    """
    volumes = data.volumes()
    splits = np.array(volumes.splits)
    alike = likeness(volumes.volumes)
    first, second = np.triu_indices(len(splits), 1)
    across = splits[first] != splits[second]
    pairs = alike[first, second]
    equal = exact_pairs(volumes)
    spacing = None if np.isnan(volumes.spacing).any() else np.median(volumes.spacing, axis=0).tolist()
    share = (volumes.volumes < BACKGROUND).mean(axis=(1, 2, 3))
    counts, _ = np.histogram(np.clip(volumes.volumes, *HISTOGRAM[:2]), bins=HISTOGRAM[2], range=HISTOGRAM[:2])
    return VolumeFindings(
        dataset=volumes.dataset,
        form=data.index.form,
        edge=volumes.edge,
        digest=volumes.digest,
        volumes={split: int((splits == split).sum()) for split in SPLITS},
        subjects={split: len({volumes.groups[row] for row in volumes.rows(split)}) for split in SPLITS},
        labels=_labels(volumes),
        spacing_mm=spacing,
        near_threshold=NEAR,
        exact_pairs=(len(equal), sum(splits[row] != splits[other] for row, other in equal)),
        near_pairs=(int((pairs >= NEAR).sum()), int(((pairs >= NEAR) & across).sum())),
        most_alike=_most_alike(volumes, alike, (first[across], second[across])),
        subjects_in_two_splits=_subjects_in_two_splits(volumes),
        neighbours=_neighbours(volumes, alike, pairs),
        background=tuple(np.quantile(share, [0.05, 0.5, 0.95]).tolist()),
        nearly_empty=int((share > 1 - NEARLY_EMPTY).sum()),
        histogram=(counts / volumes.volumes.size).tolist(),
        sheet=contact_sheet(volumes),
        sources=sources[:MOST_SOURCES],
        source_count=len(sources),
    )


def likeness(volumes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the likeness of each pair of volumes (N, E, E, E); (N, N), 0 for a volume equal to the mean."""
    scale = max(1, volumes.shape[1] // LIKENESS_EDGE)
    count, edge = len(volumes), volumes.shape[1] // scale
    end = scale * edge  # voxels beyond the last whole block are ignored
    blocks = volumes[:, :end, :end, :end].reshape(count, edge, scale, edge, scale, edge, scale)
    small = blocks.mean(axis=(2, 4, 6)).reshape(count, -1)
    residual = small - small.mean(axis=0)
    residual -= residual.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(residual, axis=1, keepdims=True)
    residual = np.divide(residual, norm, out=np.zeros_like(residual), where=norm > 0)
    return residual @ residual.T


def exact_pairs(volumes: VolumeSet) -> list[tuple[int, int]]:
    """Return the rows of each pair of identical volumes."""
    rows = defaultdict(list)
    for row, volume in enumerate(volumes.volumes):
        rows[hashlib.sha256(volume).digest()].append(row)
    return [pair for same in rows.values() for pair in combinations(same, 2)]


def _most_alike(volumes: VolumeSet, alike: NDArray[np.float32], pairs: tuple[NDArray[np.intp], NDArray[np.intp]]) -> list[Pair]:
    order = np.argsort(-alike[pairs], kind="stable")[:MOST_ALIKE]
    first, second = (rows[order] for rows in pairs)
    return [
        Pair(
            first=volumes.ids[row],
            second=volumes.ids[other],
            splits=(volumes.splits[row], volumes.splits[other]),
            likeness=round(float(alike[row, other]), 4),
        )
        for row, other in zip(first, second, strict=True)
    ]


def _subjects_in_two_splits(volumes: VolumeSet) -> list[str]:
    splits_of = defaultdict(set)
    for group, split in zip(volumes.groups, volumes.splits, strict=True):
        splits_of[group].add(split)
    return sorted(group for group, splits in splits_of.items() if len(splits) > 1)


def _neighbours(volumes: VolumeSet, alike: NDArray[np.float32], pairs: NDArray[np.float32]) -> Neighbours:
    groups = np.array(volumes.groups)
    beside = np.diagonal(alike, 1)[groups[1:] != groups[:-1]]
    mean, deviation = (float(pairs.mean()), float(pairs.std())) if len(pairs) else (0.0, 0.0)
    return Neighbours(pairs=len(beside), likeness=float(beside.mean()) if len(beside) else mean, mean=mean, deviation=deviation)


def _labels(volumes: VolumeSet) -> dict[str, dict[str, int]]:
    counted = Counter(zip(volumes.labels, volumes.splits, strict=True))
    return {label: {split: counted[label, split] for split in SPLITS} for label in sorted(set(volumes.labels))}
