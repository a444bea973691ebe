"""Secret boards: other test poses by the same sampler, which only the key gives."""

import os
from pathlib import Path

import numpy as np
import pytest

from atombench.engine.contract import make_training
from atombench.errors import ConfigError
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.secret import VARIABLE, new_key
from atombench.tasks.atom.strata import strata
from atombench.volumes.volume_set import VolumeSet


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "key"
    new_key(path)
    monkeypatch.setenv(VARIABLE, str(path))
    return path


@pytest.mark.parametrize("gathering", ["hard", "easy", "uniform"])
def test_test_poses_are_the_keys_and_all_else_is_public(gathering: str, key: Path, toy: VolumeSet, tmp_path: Path) -> None:
    public, secret = (make_manifest(toy, name, "none", 1) for name in (gathering, f"{gathering}-secret"))
    for part in ("train", "val"):
        assert np.array_equal(public.parts[part].centres, secret.parts[part].centres)
        assert np.array_equal(public.parts[part].normals, secret.parts[part].normals)
    assert len(public.parts["test"]) == len(secret.parts["test"])
    differ = (public.parts["test"].normals != secret.parts["test"].normals).any(axis=1)
    assert differ.mean() > (0.5 if gathering == "easy" else 0.9)  # one axis in three comes again
    assert make_manifest(toy, f"{gathering}-secret", "none", 1).digest == secret.digest
    key.unlink()
    new_key(key)
    assert make_manifest(toy, f"{gathering}-secret", "none", 1).digest != secret.digest


def test_methods_see_the_public_gathering_and_records_no_strata_of_poses(key: Path, toy: VolumeSet) -> None:
    secret = make_manifest(toy, "uniform-secret", "none", 1)
    assert make_queries(toy, secret).gathering == make_training(toy, secret).gathering == "uniform"
    labels = secret.parts["test"].labels(secret.grid)
    assert set(strata(secret, toy, labels)) == {"background"}


def test_without_the_key_there_is_no_board(toy: VolumeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(match: str) -> None:
        with pytest.raises(ConfigError, match=match):
            make_manifest(toy, "uniform-secret", "none", 1)

    monkeypatch.delenv(VARIABLE, raising=False)
    refused("labels exist only where the maintainer's key is")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    refused("cannot be read")
    path = tmp_path / "key"
    path.write_text("short")
    path.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(path))
    refused("is no key")
    path.chmod(0o644)
    refused("others may read the key")


def test_a_key_is_its_owners_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    new_key(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    text = path.read_text()
    with pytest.raises(ConfigError, match="never overwritten"):
        new_key(path)
    assert path.read_text() == text
    with pytest.raises(ConfigError, match="cannot write"):
        new_key(tmp_path / "no/such/folder/key")
