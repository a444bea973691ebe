"""MedMNIST v2's 3D sets (Yang et al., Sci Data 10:41, 2023): addresses, checksums and arrays."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from atombench.errors import ConfigError, DataError, unknown_name
from atombench.volumes.fetch import SourceFile
from atombench.volumes.raw_volume import RawVolume
from atombench.volumes.registry import MedMnistRow
from atombench.volumes.volume_set import SPLITS, read_npz


@cache
def package_info() -> dict[str, Any]:
    """Return the table of all sets in the medmnist package, without importing the package (which needs torchvision).

    Raises:
        ConfigError: the package is not installed.
    """
    package = importlib.util.find_spec("medmnist")
    if package is None or not package.submodule_search_locations:
        raise ConfigError("the medmnist package is not installed; run: pip install 'atombench[medmnist]'")
    path = Path(package.submodule_search_locations[0]) / "info.py"
    spec = importlib.util.spec_from_file_location("medmnist_info", path)
    if spec is None or spec.loader is None:
        msg = f"cannot load {path}"
        raise ConfigError(msg)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    info: dict[str, Any] = module.INFO
    return info


def sources(row: MedMnistRow) -> list[SourceFile]:
    """Return name, address and MD5 of the only file of the set.

    Raises:
        ConfigError: the package has no such set.
    """
    info = package_info()
    if row.flag not in info:
        raise ConfigError(unknown_name("MedMNIST set", row.flag, (name for name in info if name.endswith("3d"))))
    suffix = "" if row.size == 28 else f"_{row.size}"
    entry = info[row.flag]
    return [SourceFile(f"{row.flag}{suffix}.npz", "md5", entry[f"MD5{suffix}"], entry[f"url{suffix}"])]


def counts(row: MedMnistRow) -> dict[str, int]:
    """Return the number of volumes of each official split, as the package states it.

    Raises:
        ConfigError: the package has no such set.
    """
    sources(row)
    return {split: int(package_info()[row.flag]["n_samples"][split]) for split in SPLITS}


def read(row: MedMnistRow, files: dict[str, Path]) -> Iterator[RawVolume]:
    """Yield the volumes in the order of the file, divided by 255; spacing and affine are not published.

    Raises:
        DataError: arrays are missing, or differ in shape or number from what the package states.
    """
    (path,) = files.values()
    names = tuple(f"{split}_{part}" for split in SPLITS for part in ("images", "labels"))
    arrays = read_npz(path, names)
    info = package_info()[row.flag]
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"].reshape(-1)
        if images.ndim != 4 or len(images) != info["n_samples"][split]:
            msg = (
                f"{path.name}: expected {split}_images of shape ({info['n_samples'][split]}, {row.size}, {row.size}, "
                f"{row.size}), got {images.shape}"
            )
            raise DataError(msg)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = f"{split}-{index:04d}"
            yield RawVolume(
                id=name,
                group=name,
                label=info["label"][str(label)],
                split=split,
                spacing=np.full(3, np.nan),
                array=image.astype(np.float64) / 255.0,
            )
