"""Audit of a board's sections: shared positions, empty and unlabelled sections, directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench.audit.record import BoardFindings, Case, PartFindings
from atombench.io.images import as_bytes
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.manifest import Manifest, Sections
from atombench.tasks.atom.queries import check_belongs
from atombench.tasks.atom.sections import cut, cut_sections
from atombench.volumes.volume_set import BACKGROUND, SPLITS, VolumeSet

CHUNK = 65536  # sections cut at a time


def audit_board(volumes: VolumeSet, manifest: Manifest) -> BoardFindings:
    """Look for what may mislead in the sections of a board.

    Raises:
        DataError: the manifest was made for other volumes.
    """
    check_belongs(volumes, manifest)
    return BoardFindings(
        dataset=manifest.dataset, gathering=manifest.gathering, split=manifest.split, scale=manifest.scale,
        manifest=manifest.digest, volumes=volumes.digest, parts={part: _audit_part(volumes, manifest, part) for part in SPLITS},
        cases=_cases(volumes, manifest),
    )  # fmt: skip


def _cases(volumes: VolumeSet, manifest: Manifest) -> list[Case]:
    sections, grid = manifest.parts["test"], manifest.grid
    labels = sections.labels(grid)
    rows = case_rows(manifest, labels)
    shown, correct = sections.take(rows), labels.boxes[rows]
    pixels = cut(volumes.volumes, shown.volume, shown.points(grid), grid)
    return [
        Case(
            section=int(row),
            volume=volumes.ids[shown.volume[place]],
            voxels=as_bytes(volumes.volumes[shown.volume[place]]),
            pixels=as_bytes(pixels[place]),
            centre=shown.centres[place].tolist(),
            normal=shown.normals[place].tolist(),
            boxes=np.flatnonzero(correct[place]).tolist(),
        )
        for place, row in enumerate(rows)
    ]


def _audit_part(volumes: VolumeSet, manifest: Manifest, part: str) -> PartFindings:
    sections, training, edge = manifest.parts[part], manifest.parts["train"], manifest.grid.edge
    places, trained = (_place_numbers(one.centres, edge) for one in (sections, training))
    depths, flat = sections.centres[:, 2], sections.centres[:, 0].astype(np.int64) * edge + sections.centres[:, 1]
    return PartFindings(
        sections=len(sections),
        volumes=len(np.unique(sections.volume)),
        positions=len(np.unique(places)),
        depths=np.unique(depths).tolist(),
        **_shares(volumes, sections, manifest.scale),
        first_octant=float((sections.normals >= 0).all(axis=1).mean()),
        positions_in_training=float(np.isin(places, trained).mean()),
        depths_in_training=float(np.isin(depths, training.centres[:, 2]).mean()),
        volumes_in_training=float(np.isin(sections.volume, training.volume).mean()),
        place_counts=np.bincount(flat, minlength=edge**2).tolist(),
        depth_counts=np.bincount(depths, minlength=edge).tolist(),
    )


def _place_numbers(centres: NDArray[np.int16], edge: int) -> NDArray[np.int64]:
    """One number for each voxel of the volume; (M,)."""
    i, j, k = centres.astype(np.int64).T
    return (i * edge + j) * edge + k


def _shares(volumes: VolumeSet, sections: Sections, scale: int) -> dict[str, float]:
    """Shares of sections that are unlabelled, empty or stick out, and of background pixels."""
    names = ("unlabelled", "without_block", "empty", "blank", "outside", "background")
    totals = np.zeros(len(names))
    for first in range(0, len(sections), CHUNK):
        some = sections.take(np.arange(first, min(first + CHUNK, len(sections))))
        found = cut_sections(volumes.volumes, some.volume, some.centres, some.normals, scale)
        dark = found.pixels < BACKGROUND  # (M, 4s, 4s)
        sticks_out = ((found.points < 0) | (found.points >= 20 * scale)).any(axis=(1, 2))
        totals += [
            (~found.fine.any(axis=(1, 2))).sum(),
            (~found.coarse.any(axis=1)).sum(),
            dark.all(axis=(1, 2)).sum(),
            (np.ptp(found.pixels, axis=(1, 2)) == 0).sum(),
            sticks_out.sum(),
            dark.mean(axis=(1, 2)).sum(),
        ]
    return dict(zip(names, (totals / len(sections)).tolist(), strict=True))
