"""Audit of volumes: equal and near-equal ones, subjects in two splits, background, histogram.

Likeness of two volumes is the correlation of their voxels after the mean volume of the dataset has been taken off: what all
volumes share (a brain in the middle) then does not count. It is taken at 20^3 voxels at every scale.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

from atombench.audit.pictures import contact_sheet
from atombench.audit.record import Neighbours, Pair, Source, VolumeFindings
from atombench.volumes.volume_set import BACKGROUND, SPLITS, VolumeSet

NEARLY_EMPTY = 0.005
NEAR = 0.9
MOST_ALIKE = 10
MOST_SOURCES = 10
HISTOGRAM = (-0.1, 1.1, 48)  # from, to, bins


def audit_volumes(volumes: VolumeSet, scale: int, sources: list[Source]) -> VolumeFindings:
    """Look for what may mislead in the volumes of a dataset.

    Args:
        volumes: the curated set.
        scale: of its volumes.
        sources: its source files.
    """
    splits = np.array(volumes.splits)
    alike = likeness(volumes.volumes, scale)
    first, second = np.triu_indices(len(splits), 1)
    across = splits[first] != splits[second]
    pairs = alike[first, second]
    equal = exact_pairs(volumes)
    spacing = None if np.isnan(volumes.spacing).any() else np.median(volumes.spacing, axis=0).tolist()
    share = (volumes.volumes < BACKGROUND).mean(axis=(1, 2, 3))
    counts, _ = np.histogram(np.clip(volumes.volumes, *HISTOGRAM[:2]), bins=HISTOGRAM[2], range=HISTOGRAM[:2])
    return VolumeFindings(
        dataset=volumes.dataset,
        scale=scale,
        edge=volumes.edge,
        digest=volumes.digest,
        volumes={split: int((splits == split).sum()) for split in SPLITS},
        subjects={split: len({volumes.groups[row] for row in volumes.rows(split)}) for split in SPLITS},
        labels=_labels(volumes),
        spacing_mm=spacing,
        near_threshold=NEAR,
        exact_pairs=(len(equal), sum(splits[one] != splits[other] for one, other in equal)),
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


def likeness(volumes: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Likeness of each two volumes; (N, N), 0 for a volume that equals the mean."""
    count, edge = len(volumes), volumes.shape[1] // scale
    small = volumes.reshape(count, edge, scale, edge, scale, edge, scale).mean(axis=(2, 4, 6)).reshape(count, -1)
    rest = small - small.mean(axis=0)
    rest -= rest.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(rest, axis=1, keepdims=True)
    rest = np.divide(rest, norm, out=np.zeros_like(rest), where=norm > 0)
    return rest @ rest.T


def exact_pairs(volumes: VolumeSet) -> list[tuple[int, int]]:
    """Rows of each two volumes whose voxels are all equal."""
    rows = defaultdict(list)
    for row, volume in enumerate(volumes.volumes):
        rows[hashlib.sha256(volume).digest()].append(row)
    return [(one, other) for same in rows.values() for place, one in enumerate(same) for other in same[place + 1 :]]


def _most_alike(volumes: VolumeSet, alike: NDArray[np.float32], pairs: tuple[NDArray[np.intp], NDArray[np.intp]]) -> list[Pair]:
    order = np.argsort(-alike[pairs], kind="stable")[:MOST_ALIKE]
    first, second = (rows[order] for rows in pairs)
    return [
        Pair(
            first=volumes.ids[one],
            second=volumes.ids[other],
            splits=(volumes.splits[one], volumes.splits[other]),
            likeness=round(float(alike[one, other]), 4),
        )
        for one, other in zip(first, second, strict=True)
    ]


def _subjects_in_two_splits(volumes: VolumeSet) -> list[str]:
    places = defaultdict(set)
    for group, split in zip(volumes.groups, volumes.splits, strict=True):
        places[group].add(split)
    return sorted(group for group, found in places.items() if len(found) > 1)


def _neighbours(volumes: VolumeSet, alike: NDArray[np.float32], pairs: NDArray[np.float32]) -> Neighbours:
    groups = np.array(volumes.groups)
    beside = np.diagonal(alike, 1)[groups[1:] != groups[:-1]]
    mean, deviation = (float(pairs.mean()), float(pairs.std())) if len(pairs) else (0.0, 0.0)
    return Neighbours(pairs=len(beside), likeness=float(beside.mean()) if len(beside) else mean, mean=mean, deviation=deviation)


def _labels(volumes: VolumeSet) -> dict[str, dict[str, int]]:
    counted = Counter(zip(volumes.labels, volumes.splits, strict=True))
    return {
        label: {split: counted[label, split] for split in SPLITS} for label in sorted(set(volumes.labels))
    }  # fmt: skip
