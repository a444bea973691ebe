"""Values passed into the sandbox are unchanged: nested dataclasses, dicts, lists and arrays."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atombench.engine.answers import Ragged
from atombench.engine.sandbox.packing import pack, unpack
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.training import Training, make_training
from atombench.volumes.curated import Curated


@dataclass(frozen=True)
class Slide:
    """An image and its landmarks."""

    pixels: np.ndarray
    landmarks: Ragged
    stain: str = "HE"


@dataclass(frozen=True)
class Case:
    """Slides by name, and a derived field."""

    slides: dict[str, Slide]
    pairs: list[Slide]
    spacing: tuple[float, ...] | None = None
    count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", len(self.slides))


def round_trip(value: Any) -> Any:
    """Pack and unpack a value through arrays and JSON text, as in the sandbox."""
    arrays, tree = pack(value)
    return unpack(json.loads(json.dumps(tree)), {name: array.copy() for name, array in arrays.items()})


def slide(seed: int) -> Slide:
    rng = np.random.default_rng(seed)
    return Slide(rng.random((2, 3), np.float32), Ragged.of([rng.normal(size=size) for size in (2, 0, 4)]))


def assert_same(found: Slide, expected: Slide) -> None:
    assert type(found) is Slide
    assert found.stain == expected.stain
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.pixels.dtype == expected.pixels.dtype
    assert [row.tolist() for row in found.landmarks.rows()] == [row.tolist() for row in expected.landmarks.rows()]


def test_nested_dataclasses_keep_their_types_and_arrays() -> None:
    case = Case({"a": slide(1), "b": slide(2)}, [slide(3)], (1.0, 2.5))
    found = round_trip(case)
    assert type(found) is Case
    assert (list(found.slides), found.count) == (["a", "b"], 2)
    for name, expected in case.slides.items():
        assert_same(found.slides[name], expected)
    assert_same(found.pairs[0], case.pairs[0])
    assert found.spacing == (1.0, 2.5)
    assert round_trip(Case({}, [])).spacing is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_plain_values_are_unchanged_for_any_keys(value: Any) -> None:
    assert round_trip(value) == value


@pytest.mark.parametrize("names", [("a.b", "a"), ("../../up", "/root"), ("", " "), ("array", "class"), ("x" * 400, "ß/\\\0")])
def test_array_names_are_valid_file_names_for_any_keys(names: tuple[str, str], tmp_path: Path) -> None:
    value = {names[0]: np.zeros(2), names[1]: {"b": np.ones(3)}, "list": [np.full(1, 7)]}
    arrays, _ = pack(value)
    assert len(arrays) == 3
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    assert len(list(tmp_path.iterdir())) == 3
    found = round_trip(value)
    assert found[names[0]].tolist() == [0, 0]
    assert found[names[1]]["b"].tolist() == [1, 1, 1]
    assert found["list"][0].tolist() == [7]


@pytest.mark.parametrize("dtype", ["float64", "int16", "bool", "uint8", "<U3"])
def test_arrays_keep_their_type_and_shape(dtype: str) -> None:
    array = np.zeros((2, 0, 3), dtype)
    found = round_trip([array, np.array(5)])
    assert (found[0].dtype, found[0].shape) == (array.dtype, array.shape)
    assert found[1].shape == ()
    assert round_trip((np.int64(3), np.float32(0.5), np.bool_(True))) == (3, 0.5, True)


def test_training_data_and_queries_are_unchanged(toy_data: Curated, toy_manifest: Manifest) -> None:
    training, queries = make_training(toy_data, toy_manifest), make_queries(toy_data, toy_manifest)
    found = round_trip(training)
    assert type(found) is Training
    assert (found.grid, found.gathering) == (training.grid, training.gathering)
    for part in ("train", "val"):
        for name, values in vars(getattr(training, part)).items():
            np.testing.assert_array_equal(getattr(getattr(found, part), name), values)
    unpacked = round_trip(queries)
    assert len(unpacked) == len(queries)
    assert unpacked.of_volume(1) == queries.of_volume(1)
    np.testing.assert_array_equal(unpacked.pixels, queries.pixels)


def test_values_that_json_does_not_support_are_refused() -> None:
    with pytest.raises(TypeError, match=r"cannot pack value.inner.0 of type \w*Path"):
        pack({"inner": [Path("x")]})
    with pytest.raises(TypeError, match="cannot pack value of type dict: its keys must be text"):
        pack({1: 2})
