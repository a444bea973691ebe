import numpy as np
import pytest

from atombench.engine.contract import Options, Predictions, Resources, make_training
from atombench.engine.registry import build, default_options, device_for, resolved_options
from atombench.errors import ConfigError, DataError
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.queries import make_queries, query_labels
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT

DEFAULTS = default_options(ROOT / "config/methods.yaml")


@pytest.mark.parametrize("name", METHODS)
def test_the_stated_options_are_exactly_those_of_the_class_with_their_defaults(name: str) -> None:
    method = build(name, DEFAULTS[name])
    assert DEFAULTS[name] == type(method).Options().model_dump()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_and_answers_with_its_smoke_options(name: str, toy: VolumeSet, toy_manifest: Manifest) -> None:
    method = build(name, build(name, {}).smoke)
    queries, resources = make_queries(toy, toy_manifest), Resources(seed=1)
    weights = method.fit(make_training(toy, toy_manifest), resources)
    if METHODS[name].oracle:
        with pytest.raises(DataError, match="needs the labels"):
            method.predict(weights, queries, resources)
        predictions = method.predict_knowing(query_labels(toy_manifest), resources)
    else:
        predictions = method.predict(weights, queries, resources)
    predictions.check(len(queries))


def test_an_unknown_method_or_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown method 'regismcam'; did you mean 'regismcan'"):
        build("regismcam", {})
    with pytest.raises(ConfigError, match="unknown option of regismcan 'step'; did you mean 'steps'"):
        resolved_options("regismcan", {"step": 3}, DEFAULTS)
    with pytest.raises(ConfigError, match="option steps of regismcan must be of type int, got 'many'"):
        resolved_options("regismcan", {"steps": "many"}, DEFAULTS)
    with pytest.raises(ConfigError, match="options of regismcan: steps: Input should be greater"):
        build("regismcan", {"steps": 0})
    with pytest.raises(ConfigError, match="width 12 must be a multiple of heads 5"):
        build("regismcan", {"width": 12, "heads": 5})


def test_overrides_replace_defaults_and_whole_numbers_may_stand_for_fractions() -> None:
    assert resolved_options("regismcan", {"steps": 7, "learning_rate": 1}, DEFAULTS)["learning_rate"] == 1.0
    assert resolved_options("regismcan", {"steps": 7}, DEFAULTS)["steps"] == 7


def test_only_networks_ask_for_a_device() -> None:
    assert device_for("constant", "cuda") == "cpu"
    import torch

    if not torch.cuda.is_available():
        assert device_for("regismcan", "auto") == "cpu"
        with pytest.raises(ConfigError, match="torch finds no accelerator"):
            device_for("regismcan", "cuda")
    with pytest.raises(ConfigError, match="expected a device of auto, cpu"):
        device_for("regismcan", "gpu")


def test_weights_of_other_options_are_refused_in_one_line(toy: VolumeSet, toy_manifest: Manifest) -> None:
    queries, resources = make_queries(toy, toy_manifest), Resources(seed=1)
    weights = build("regismcan", {"steps": 1, "width": 8}).fit(make_training(toy, toy_manifest), resources)
    with pytest.raises(DataError, match="the weights do not fit the network") as error:
        build("regismcan", {"steps": 1, "width": 16}).predict(weights, queries, resources)
    assert "\n" not in str(error.value)


def test_a_task_holds_no_test_volume_and_no_test_section(toy: VolumeSet, toy_manifest: Manifest) -> None:
    task = make_training(toy, toy_manifest)
    assert set(vars(task)) == {"grid", "gathering", "volumes", "train", "val"}
    assert len(task.volumes) == 9
    for row in toy.rows("test"):
        assert not (task.volumes == toy.volumes[row]).all(axis=(1, 2, 3)).any()
    part = toy_manifest.parts["val"]
    np.testing.assert_array_equal(task.volumes[task.val.volume[0]], toy.volumes[part.volume[0]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"boxes": np.zeros((3, 728), np.float32)}, r"expected boxes of shape \(3, 729\), got \(3, 728\)"),
        ({"boxes": np.full((3, 729), np.nan, np.float32)}, "NaN or infinite values in 3 rows, the first is 0"),
        ({"centres": np.zeros((3, 3))}, "needs both centres and normals"),
        ({"centres": np.zeros((3, 3)), "normals": np.zeros((3, 3))}, "length zero"),
        ({}, "got neither"),
    ],
)
def test_misshapen_predictions_are_refused(given: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Predictions(**given).check(3)


def test_options_refuse_unknown_keys() -> None:
    with pytest.raises(ValueError, match="extra"):
        Options(colour="red")
