"""Fixtures: tiny volumes and manifests, and what to do where a tool is missing."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from scipy import ndimage

from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.volumes.curate import curate
from atombench.volumes.fetch import fetch
from atombench.volumes.registry import find_row
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import VolumeSet

ROOT = Path(__file__).parents[1]

hypothesis.settings.register_profile("atombench", deadline=None, derandomize=True)  # no test is timed
hypothesis.settings.load_profile("atombench")


def needs(condition: object, reason: str) -> None:
    """Skip where a tool is missing; fail in CI, where it must not be."""
    if condition:
        return
    if os.environ.get("ATOMBENCH_CI"):
        pytest.fail(f"CI must be able to run this: {reason}")
    pytest.skip(reason)


def textured(count: int, edge: int = 20, seed: int = 0) -> np.ndarray:
    """Smooth random volumes in [0, 1], all different; float32 (count, edge, edge, edge)."""
    noise = np.random.default_rng(seed).normal(size=(count, edge, edge, edge))
    smooth = np.stack([ndimage.gaussian_filter(one, 1.0) for one in noise])
    return ((smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.float32)


def volume_set(counts: tuple[int, int, int], volumes: np.ndarray | None = None, name: str = "toy") -> VolumeSet:
    """A set with so many training, validation and test volumes of 2 x 3 x 4 mm voxels."""
    splits = tuple(split for split, n in zip(("train", "val", "test"), counts, strict=True) for _ in range(n))
    total = sum(counts)
    ids = tuple(f"v{number:04d}" for number in range(total))
    return VolumeSet(
        dataset=name,
        volumes=textured(total) if volumes is None else volumes,
        ids=ids,
        groups=ids,
        labels=("",) * total,
        splits=splits,
        spacing=np.tile([2.0, 3.0, 4.0], (total, 1)),
    )


@pytest.fixture(scope="session")
def toy() -> VolumeSet:
    return volume_set((6, 3, 4))


@pytest.fixture(scope="session")
def toy_manifest(toy: VolumeSet) -> Manifest:
    return make_manifest(toy, "hard", "none", 1)


@pytest.fixture(scope="session")
def mni(tmp_path_factory: pytest.TempPathFactory) -> VolumeSet:
    """The embedded default dataset, curated at scale 1."""
    row = find_row("mni-subjects", ROOT / "config/datasets.yaml")
    reader = reader_of(row.kind)
    files = fetch(reader.sources(row), tmp_path_factory.mktemp("downloads"))
    return curate("mni-subjects", reader.read(row, files), 20)
