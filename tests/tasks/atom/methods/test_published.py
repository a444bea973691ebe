"""Published weights replace a training, unless a board may test the volumes that they were trained on."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from atombench.engine.contract import Resources, Weights
from atombench.engine.weights import Origin, save_bundle
from atombench.errors import ConfigError, DataError
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.methods import published
from atombench.tasks.atom.methods.locus import Locus
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import Training, make_training
from atombench.volumes.curated import Curated
from tests.conftest import textured, volume_set

ORIGIN = Origin(
    task="atom", protocol="1", method="locus", options={}, dataset="toy", board="easy-none-x1", form="cube20", seed=1
)


def training_of(seed: int = 0, scale: int = 1) -> Training:
    data = Curated.of(volume_set((3, 1, 1), textured(5, 20 * scale, seed)))
    return make_training(data, make_manifest(data, AtomBoard("easy", "none", scale)))


def fitted(training: Training, **options: object) -> Weights:
    return ATOM.registry.build("locus", {**Locus.smoke, **options}).fit(training, Resources(seed=1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    save_bundle(tmp_path / "trained.safetensors", fitted(training_of()), ORIGIN)
    checksum = published.publish(tmp_path / "trained.safetensors", tmp_path / "locus-x1.safetensors")
    monkeypatch.setattr(published, "CHECKSUMS", {"locus-x1": checksum})
    return tmp_path


def test_every_published_file_is_the_one_that_is_stated_and_has_prints_of_its_training_volumes() -> None:
    packed = {file.name for file in published.FOLDER.iterdir() if file.name.endswith(".safetensors")}
    assert packed == {f"{name}.safetensors" for name in published.CHECKSUMS}
    for grid in (BlockGrid(scale, context) for scale in (1, 2, 3) for context in (1, 2)):
        name = f"locus-x{grid.scale}" + (f"-c{grid.context}" if grid.context > 1 else "")
        if name in published.CHECKSUMS:
            weights = published.published("locus", grid)
            prints = weights[published.VOLUMES]
            assert len(np.unique(prints, axis=0)) == len(prints) > 1


def test_another_file_of_the_same_name_is_refused(folder: Path) -> None:
    save_bundle(folder / "locus-x1.safetensors", fitted(training_of(seed=2)), ORIGIN)
    with pytest.raises(DataError, match="not the published file"):
        fitted(training_of(), published=True)


def test_published_weights_are_those_of_the_bundle(folder: Path) -> None:
    trained, taken = fitted(training_of()), fitted(training_of(), published=True)
    assert trained.keys() == taken.keys()
    learned = [name for name in trained if not name.startswith("calibration/")]
    for name in learned:
        np.testing.assert_allclose(taken[name], trained[name], rtol=1e-3, atol=1e-6)
        assert taken[name].dtype == trained[name].dtype


def test_published_files_take_half_of_the_space(folder: Path) -> None:
    trained, packed = ((folder / f"{name}.safetensors").stat().st_size for name in ("trained", "locus-x1"))
    assert packed < 0.55 * trained


def test_weights_without_prints_of_their_volumes_are_not_published(folder: Path) -> None:
    weights = {name: array for name, array in fitted(training_of()).items() if name != published.VOLUMES}
    save_bundle(folder / "bare.safetensors", weights, ORIGIN)
    with pytest.raises(DataError, match="no prints of its training volumes"):
        published.publish(folder / "bare.safetensors", folder / "other.safetensors")


def test_other_volumes_are_no_hindrance(folder: Path) -> None:
    trained, taken = fitted(training_of()), fitted(training_of(seed=1), published=True)
    np.testing.assert_allclose(taken["volume.out.weight"], trained["volume.out.weight"], rtol=1e-3, atol=1e-6)


def test_a_board_that_may_test_the_training_volumes_is_refused(folder: Path) -> None:
    training = training_of()
    rows = np.flatnonzero(training.train.volume > 0)  # as if the first of the three training volumes were a test volume here
    fewer = dataclasses.replace(training, train=training.train.take(rows))
    with pytest.raises(DataError, match=r"1 of the 3 volumes .* may be its test volumes"):
        fitted(fewer, published=True)


def test_volumes_that_differ_in_their_last_digits_only_are_the_same(folder: Path) -> None:
    training = training_of()
    noise = np.random.default_rng(0).uniform(-1e-4, 1e-4, training.volumes.shape).astype(np.float32)
    prints = published.volume_prints(training.volumes)
    again = published.volume_prints(training.volumes + noise)
    for row in range(len(prints)):
        assert published.among(again[row : row + 1], prints[row : row + 1]).all()
        assert not published.among(again[row : row + 1], np.delete(prints, row, axis=0)).any()


def test_a_size_without_weights_is_refused_with_those_that_exist(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(locus-x2\); there are: locus-x1"):
        fitted(training_of(scale=2), published=True)
