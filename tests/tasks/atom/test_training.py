"""Training data contain nothing of the test part."""

import numpy as np

from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import VolumeSet


def test_training_data_contain_no_test_volume_and_no_test_section(
    toy: VolumeSet, toy_data: Curated, toy_manifest: Manifest
) -> None:
    training = make_training(toy_data, toy_manifest)
    assert set(vars(training)) == {"grid", "gathering", "volumes", "train", "val"}
    assert len(training.volumes) == 9
    for row in toy.rows("test"):
        assert not (training.volumes == toy.volumes[row]).all(axis=(1, 2, 3)).any()
    part = toy_manifest.parts["val"]
    np.testing.assert_array_equal(training.volumes[training.val.volume[0]], toy.volumes[part.volume[0]])
