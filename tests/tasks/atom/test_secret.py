"""Secret boards: test poses of the same sampler that can be drawn only with the key."""

import os
from pathlib import Path

import numpy as np
import pytest

from atombench.engine.secret_key import VARIABLE, new_key
from atombench.errors import ConfigError
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.metrics import make_truth
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.strata import strata
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "key"
    new_key(path)
    monkeypatch.setenv(VARIABLE, str(path))
    return path


@pytest.mark.parametrize("gathering", ["hard", "easy", "uniform"])
def test_test_poses_depend_on_the_key_and_all_other_poses_are_public(
    gathering: str, key: Path, toy_data: Curated, tmp_path: Path
) -> None:
    public, secret = (make_manifest(toy_data, AtomBoard(name, "none", 1)) for name in (gathering, f"{gathering}-secret"))
    for part in ("train", "val"):
        assert np.array_equal(public.parts[part].centres, secret.parts[part].centres)
        assert np.array_equal(public.parts[part].normals, secret.parts[part].normals)
    assert len(public.parts["test"]) == len(secret.parts["test"])
    differ = (public.parts["test"].normals != secret.parts["test"].normals).any(axis=1)
    assert differ.mean() > (0.5 if gathering == "easy" else 0.9)  # one of three axes is drawn again by chance
    assert make_manifest(toy_data, AtomBoard(f"{gathering}-secret", "none", 1)).digest == secret.digest
    key.unlink()
    new_key(key)
    assert make_manifest(toy_data, AtomBoard(f"{gathering}-secret", "none", 1)).digest != secret.digest


def test_methods_see_the_public_gathering_and_records_omit_strata_of_poses(key: Path, toy_data: Curated) -> None:
    secret = make_manifest(toy_data, AtomBoard("uniform-secret", "none", 1))
    assert make_queries(toy_data, secret).gathering == make_training(toy_data, secret).gathering == "uniform"
    assert set(strata(toy_data, secret, make_truth(toy_data, secret))) == {"background"}


def test_a_secret_board_cannot_be_drawn_without_a_valid_key(
    toy_data: Curated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(match: str) -> None:
        with pytest.raises(ConfigError, match=match):
            make_manifest(toy_data, AtomBoard("uniform-secret", "none", 1))

    monkeypatch.delenv(VARIABLE, raising=False)
    refused("labels can be computed only with the key")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    refused("cannot read the key")
    path = tmp_path / "key"
    path.write_text("short")
    path.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(path))
    refused("is not a key")
    path.chmod(0o644)
    refused("other users can read the key")


def test_a_key_is_readable_by_its_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    new_key(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    text = path.read_text()
    with pytest.raises(ConfigError, match="never overwritten"):
        new_key(path)
    assert path.read_text() == text
    with pytest.raises(ConfigError, match="cannot write"):
        new_key(tmp_path / "no/such/folder/key")
