"""Bundles: a trained model is rebuilt from its file alone; a failed training stores its reason."""

from pathlib import Path

import numpy as np
import pytest

from atombench.engine.answers import check_answers
from atombench.engine.contract import Resources
from atombench.engine.failure import MethodFailure
from atombench.engine.weights import Origin, load_bundle, save_bundle, save_failure
from atombench.errors import DataError
from atombench.io.tensors import load_tensors, save_tensors
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.tasks.table import find_task
from atombench.volumes.curated import Curated

OPTIONS = {"steps": 2, "width": 8, "batch_volumes": 2, "val_sections": 32}


def origin(method: str = "regismcan", **options: object) -> Origin:
    return Origin(
        task="atom",
        protocol=ATOM.protocol,
        method=method,
        options=options,
        dataset="toy",
        board="hard-none-x1",
        form="cube20",
        seed=1,
    )


@pytest.mark.parametrize(("method", "options"), [("regismcan", OPTIONS), ("constant", {})])
def test_a_model_rebuilt_from_its_file_alone_gives_the_same_answers(
    method: str, options: dict, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    built, resources = ATOM.registry.build(method, options), Resources(seed=1)
    weights = built.fit(make_training(toy_data, toy_manifest), resources)
    queries, path = make_queries(toy_data, toy_manifest), tmp_path / "weights.safetensors"
    expected = built.predict(weights, queries, resources)
    save_bundle(path, weights, origin(method, **built.options.model_dump()))
    bundle = load_bundle(path)
    rebuilt = find_task(bundle.origin.task).registry.build(bundle.origin.method, bundle.origin.options)
    answers = rebuilt.predict(bundle.weights, queries, Resources(seed=bundle.origin.seed))
    check_answers(answers, ATOM.answers, len(queries))
    assert answers.arrays.keys() == expected.arrays.keys()
    for name in expected.arrays:
        np.testing.assert_array_equal(answers.get(name), expected.get(name))


def test_files_of_the_same_weights_are_identical_and_store_the_origin(tmp_path: Path) -> None:
    weights = {"b": np.arange(6, dtype=np.int16).reshape(2, 3), "a": np.zeros((0, 4), np.float32)}
    first, second = tmp_path / "a", tmp_path / "b"
    save_bundle(first, weights, origin(steps=3, width=8))
    save_bundle(second, dict(reversed(weights.items())), origin(width=8, steps=3))
    assert first.read_bytes() == second.read_bytes()
    bundle = load_bundle(first)
    assert bundle.origin == origin(steps=3, width=8)
    assert bundle.origin.bundle_version == 1
    for name, array in weights.items():
        np.testing.assert_array_equal(bundle.weights[name], array)
        assert bundle.weights[name].dtype == array.dtype


def test_a_failed_training_stores_its_reason_and_origin(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    save_failure(path, "training: the loss became nan", origin(steps=3))
    with pytest.raises(MethodFailure, match=r"^training: the loss became nan$"):
        load_bundle(path)
    arrays, texts = load_tensors(path)
    assert arrays == {}
    assert Origin.model_validate_json(texts["bundle"]) == origin(steps=3)


@pytest.mark.parametrize("about", [{}, {"bundle": "no JSON"}, {"bundle": "{}"}, {"bundle": '{"colour": "red"}'}])
def test_weights_without_an_origin_are_refused(about: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_tensors(path, {"a": np.zeros(3)}, about)
    with pytest.raises(DataError, match=r"weights.safetensors does not state the origin of its weights; train again"):
        load_bundle(path)


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weights"):
        load_bundle(tmp_path / "weights")
    (tmp_path / "weights").write_bytes(b"pickle")
    with pytest.raises(DataError, match="weights"):
        load_bundle(tmp_path / "weights")
