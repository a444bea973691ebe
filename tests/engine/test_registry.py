"""The registry looks up methods by name, builds them and resolves their options."""

from pathlib import Path

import pytest

from atombench.engine.answers import check_answers
from atombench.engine.contract import Options, Resources
from atombench.errors import ConfigError, DataError
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.queries import make_queries, query_labels
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.conftest import ROOT

REGISTRY = ATOM.registry
DEFAULTS = REGISTRY.defaults(ROOT / "config/methods.yaml")


@pytest.mark.parametrize("name", METHODS)
def test_the_configured_options_equal_the_defaults_of_the_class(name: str) -> None:
    method = REGISTRY.build(name, DEFAULTS[name])
    assert DEFAULTS[name] == type(method).Options().model_dump()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_and_predicts_with_its_smoke_options(name: str, toy_data: Curated, toy_manifest: Manifest) -> None:
    method = REGISTRY.build(name, REGISTRY.build(name, {}).smoke)
    queries, resources = make_queries(toy_data, toy_manifest), Resources(seed=1)
    weights = method.fit(make_training(toy_data, toy_manifest), resources)
    if METHODS[name].oracle:
        with pytest.raises(DataError, match="needs the labels"):
            method.predict(weights, queries, resources)
        answers = method.predict_knowing(query_labels(toy_data, toy_manifest), resources)
    else:
        answers = method.predict(weights, queries, resources)
    check_answers(answers, ATOM.answers, len(queries))
    ATOM.check_complete(answers)


def test_an_unknown_method_or_option_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="unknown method of atom 'regismcam'; did you mean 'regismcan'"):
        REGISTRY.build("regismcam", {})
    with pytest.raises(ConfigError, match="unknown option of regismcan 'step'; did you mean 'steps'"):
        REGISTRY.options("regismcan", {"step": 3}, DEFAULTS)
    with pytest.raises(ConfigError, match="option steps of regismcan must be of type int, got 'many'"):
        REGISTRY.options("regismcan", {"steps": "many"}, DEFAULTS)
    with pytest.raises(ConfigError, match="options of regismcan: steps: Input should be greater"):
        REGISTRY.build("regismcan", {"steps": 0})
    with pytest.raises(ConfigError, match="width 12 must be a multiple of heads 5"):
        REGISTRY.build("regismcan", {"width": 12, "heads": 5})


def test_overrides_replace_defaults_and_integers_are_accepted_as_floats() -> None:
    assert REGISTRY.options("regismcan", {"steps": 7, "learning_rate": 1}, DEFAULTS)["learning_rate"] == 1.0
    assert REGISTRY.options("regismcan", {"steps": 7}, DEFAULTS)["steps"] == 7


def test_only_networks_use_a_device_other_than_the_cpu() -> None:
    assert REGISTRY.device("constant", "cuda") == "cpu"
    import torch

    if not torch.cuda.is_available():
        assert REGISTRY.device("regismcan", "auto") == "cpu"
        with pytest.raises(ConfigError, match="torch detects no accelerator"):
            REGISTRY.device("regismcan", "cuda")
    with pytest.raises(ConfigError, match="expected auto, cpu"):
        REGISTRY.device("regismcan", "gpu")


def test_weights_from_other_options_are_refused_in_one_line(toy_data: Curated, toy_manifest: Manifest) -> None:
    queries, resources = make_queries(toy_data, toy_manifest), Resources(seed=1)
    weights = REGISTRY.build("regismcan", {"steps": 1, "width": 8}).fit(make_training(toy_data, toy_manifest), resources)
    with pytest.raises(DataError, match="the weights do not match the network") as error:
        REGISTRY.build("regismcan", {"steps": 1, "width": 16}).predict(weights, queries, resources)
    assert "\n" not in str(error.value)


def test_controls_are_the_methods_that_every_board_requires() -> None:
    assert REGISTRY.controls == ("random", "constant", "section-only", "volume-only", "oracle-coarse", "exhaustive")
    assert not any(REGISTRY.is_external(name) for name in METHODS)


def test_methods_that_learn_from_images_answer_exchanged_queries() -> None:
    asked = {name for name, entry in METHODS.items() if entry.answers_exchanges}
    assert asked == {name for name, entry in METHODS.items() if entry.learned} | {"knn", "pca-ridge", "forest"}
    assert "constant" not in asked


def test_a_note_states_the_variant_and_the_training_dataset() -> None:
    plain = METHODS["regismcan"].note
    assert REGISTRY.note("regismcan") == plain
    assert REGISTRY.note("regismcan+wide@ixi-t1") == f"trained on ixi-t1: variant wide: {plain}"
    assert REGISTRY.note("not a method name") == REGISTRY.note("a-submission") == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("atom:\n  random: {}\n", "has no entry for constant, .* below atom"),
        ("atom:\n  randon: {}\n", "unknown method of atom 'randon'; did you mean 'random'"),
        ("random: 3\n", "methods.yaml"),
    ],
)
def test_an_invalid_file_of_options_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "methods.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        REGISTRY.defaults(path)


def test_options_refuse_unknown_keys() -> None:
    with pytest.raises(ValueError, match="extra"):
        Options(colour="red")
