"""Fixtures: tiny volumes and manifests, files shared by all workers, and skipping of tests that need a missing tool."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from scipy import ndimage
from threadpoolctl import threadpool_limits

from atombench.errors import FetchError
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.volumes.curate import curate
from atombench.volumes.curated import Curated
from atombench.volumes.fetch import fetch
from atombench.volumes.forms import read_form
from atombench.volumes.registry import find_row
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import VolumeSet

ROOT = Path(__file__).parents[1]

hypothesis.settings.register_profile("atombench", deadline=None, derandomize=True)  # tests have no time limit
hypothesis.settings.load_profile("atombench")

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per worker and per subprocess
threadpool_limits(int(os.environ["OMP_NUM_THREADS"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that all workers finish at about the same time."""
    items.sort(key=minutes, reverse=True)


def minutes(item: pytest.Item) -> float:
    """Return the duration stated by the `long` mark of a test: one minute by default, zero without the mark."""
    mark = item.get_closest_marker("long")
    return float(mark.kwargs.get("minutes", 1)) if mark else 0.0


def needs(condition: object, reason: str) -> None:
    """Skip a test if a tool is missing; fail instead in CI, where it must be installed."""
    if condition:
        return
    if os.environ.get("ATOMBENCH_CI"):
        pytest.fail(f"this test must not be skipped in CI: {reason}")
    pytest.skip(reason)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first worker of this test run fills and the others reuse; tests must not change it."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            assert not folder.exists(), f"{name} could not be created; see the first test that needed it"
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def local_data(dataset: str, form: str, place: Path) -> Curated:
    """Curate a registered dataset from local copies, without a download; skip the test if there are none."""
    row = find_row(dataset, ROOT / "config/datasets.yaml")
    reader = reader_of(row.kind)
    try:
        files = fetch([replace(file, url=None) for file in reader.sources(row)], place)
    except FetchError as error:
        needs(False, f"{dataset} is available: {error}")
    return read_form(form).curate(dataset, reader.read(row, files), row)


def textured(count: int, edge: int = 20, seed: int = 0) -> np.ndarray:
    """Return smooth random volumes in [0, 1], all different; float32 (count, edge, edge, edge)."""
    noise = np.random.default_rng(seed).normal(size=(count, edge, edge, edge))
    smooth = np.stack([ndimage.gaussian_filter(volume, 1.0) for volume in noise])
    return ((smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.float32)


def volume_set(counts: tuple[int, int, int], volumes: np.ndarray | None = None, name: str = "toy") -> VolumeSet:
    """Return a set with the given numbers of training, validation and test volumes; voxels are 2 x 3 x 4 mm."""
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
def toy_data(toy: VolumeSet) -> Curated:
    return Curated.of(toy, "cube20")


@pytest.fixture(scope="session")
def toy_manifest(toy_data: Curated) -> Manifest:
    return make_manifest(toy_data, AtomBoard("hard", "none", 1))


@pytest.fixture(scope="session")
def mni(tmp_path_factory: pytest.TempPathFactory) -> VolumeSet:
    """Return the embedded default dataset, curated at scale 1."""

    def make(folder: Path) -> None:
        row = find_row("mni-subjects", ROOT / "config/datasets.yaml")
        reader = reader_of(row.kind)
        files = fetch(reader.sources(row), folder / "downloads")
        curate("mni-subjects", reader.read(row, files), 20).save(folder / "volumes.npz")

    return VolumeSet.load(made_once(tmp_path_factory, "mni", make) / "volumes.npz")
