"""Strata: groups of test sections by a property of section or volume, to break metrics down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest, Sections
from atombench.tasks.atom.metrics import Truth
from atombench.tasks.atom.secret import is_secret
from atombench.tasks.atom.sections import cut
from atombench.tasks.strata import SHARES
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import BACKGROUND

DEPTH_BANDS = 4

Text = NDArray[np.str_]


def strata(data: Curated, manifest: Manifest, truth: Truth) -> dict[str, Text]:
    """Return the stratum of each test section, by kind; strings (M,), empty if a section belongs to none.

    Kinds: `label` and the facts of the dataset (if known), `depth` (band of the centre's third coordinate), `facing` (axis
    nearest to the normal), `background` (share of pixels without tissue), `block` (first correct coarse block). On a secret
    board, kinds that follow from poses are omitted.
    """
    sections, grid, volumes = manifest.parts["test"], manifest.grid, data.volumes()
    names_by_kind: dict[str, Text] = {}
    for name, values in {"label": volumes.labels, **volumes.facts}.items():
        if any(values):
            names_by_kind[name] = np.array(values, dtype=np.str_)[sections.volume]
    pixels = cut(volumes.volumes, sections.volume, sections.points(grid), grid)
    share = (pixels < BACKGROUND).mean(axis=(1, 2))
    names_by_kind["background"] = np.array(SHARES)[np.select([share == 0, share < 0.5, share < 1], [0, 1, 2], 3)]
    return names_by_kind if is_secret(manifest.gathering) else {**names_by_kind, **_of_poses(sections, grid, truth.labels)}


def _of_poses(sections: Sections, grid: BlockGrid, labels: Labels) -> dict[str, Text]:
    """Return the kinds that follow from the pose; their frequencies would reveal labels of a secret board."""
    names_by_kind: dict[str, Text] = {}
    width = grid.edge // DEPTH_BANDS
    band = np.minimum(sections.centres[:, 2] // width, DEPTH_BANDS - 1)
    names_by_kind["depth"] = np.array([f"k {k * width} to {(k + 1) * width - 1}" for k in range(DEPTH_BANDS)])[band]
    names_by_kind["facing"] = np.array(["i", "j", "k"])[np.abs(sections.normals).argmax(axis=1)]
    block = np.array([f"block {number:02d}" for number in range(labels.coarse.shape[1])])[labels.coarse.argmax(axis=1)]
    names_by_kind["block"] = np.where(labels.coarse.any(axis=1), block, "")
    return names_by_kind
