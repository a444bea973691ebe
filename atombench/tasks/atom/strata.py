"""Strata: test sections sorted by what they are, so that a number can be broken down."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest, Sections
from atombench.tasks.atom.secret import is_secret
from atombench.tasks.atom.sections import cut
from atombench.volumes.volume_set import BACKGROUND, VolumeSet

DEPTH_BANDS = 4
SHARES = ("none", "below half", "half or more", "all")  # of background
NUMBERED = re.compile(r"(?P<below>below )?(?:k )?(?P<number>-?\d+(\.\d+)?(e[+-]\d+)?)( to .+| and above)?")

Text = NDArray[np.str_]


def strata(manifest: Manifest, volumes: VolumeSet, labels: Labels) -> dict[str, Text]:
    """Stratum of each test section, by kind; texts (M,), empty where a section belongs to none.

    Kinds: `label` and the dataset's facts (where known), `depth` (band of the centre's third coordinate), `facing` (axis
    nearest to the normal), `background` (share of pixels without tissue), `block` (first correct coarse block). On a secret
    board those that follow from poses are left out.
    """
    sections, grid = manifest.parts["test"], manifest.grid
    found: dict[str, Text] = {}
    for name, values in {"label": volumes.labels, **volumes.facts}.items():
        if any(values):
            found[name] = np.array(values, dtype=np.str_)[sections.volume]
    pixels = cut(volumes.volumes, sections.volume, sections.points(grid), grid)
    share = (pixels < BACKGROUND).mean(axis=(1, 2))
    found["background"] = np.array(SHARES)[np.select([share == 0, share < 0.5, share < 1], [0, 1, 2], 3)]
    return found if is_secret(manifest.gathering) else {**found, **_of_poses(sections, grid, labels)}


def in_order(kind: str, names: Text) -> list[str]:
    """Names of a kind's strata, each once, in their natural order: shares, numbers and bands as they grow, others as text."""
    return sorted(set(names.tolist()) - {""}, key=lambda name: _place(kind, name))


def _place(kind: str, name: str) -> tuple[float, bool, str]:
    if kind == "background":
        return SHARES.index(name), False, name
    found = NUMBERED.fullmatch(name)
    return (float(found["number"]), found["below"] is None, name) if found else (np.inf, True, name)


def _of_poses(sections: Sections, grid: BlockGrid, labels: Labels) -> dict[str, Text]:
    """Kinds that follow from the pose; how often each occurs would tell something of a secret board's labels."""
    found: dict[str, Text] = {}
    width = grid.edge // DEPTH_BANDS
    band = np.minimum(sections.centres[:, 2] // width, DEPTH_BANDS - 1)
    found["depth"] = np.array([f"k {k * width} to {(k + 1) * width - 1}" for k in range(DEPTH_BANDS)])[band]
    found["facing"] = np.array(["i", "j", "k"])[np.abs(sections.normals).argmax(axis=1)]
    block = np.array([f"block {number:02d}" for number in range(labels.coarse.shape[1])])[labels.coarse.argmax(axis=1)]
    found["block"] = np.where(labels.coarse.any(axis=1), block, "")
    return found
