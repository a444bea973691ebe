from pathlib import Path

import numpy as np

from atombench.io.tensors import load_tensors, save_tensors


def test_arrays_keep_shape_type_and_values(tmp_path: Path) -> None:
    arrays = {
        "number": np.float32(0.5) * np.ones(()),
        "turned": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "empty": np.zeros((0, 4), np.float32),
    }
    save_tensors(tmp_path / "arrays.safetensors", arrays, {"about": "a test"})
    found, about = load_tensors(tmp_path / "arrays.safetensors")
    assert about == {"about": "a test"}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
