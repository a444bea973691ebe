"""A plain folder of NIfTI files whose names follow a pattern."""

from __future__ import annotations

from pathlib import Path

from atombench.volumes.collection import Collection
from atombench.volumes.image import Image
from atombench.volumes.nifti import read_image
from atombench.volumes.patterns import find_files, key_of_name
from atombench.volumes.registry import NiftiFolderRow


def _find(row: NiftiFolderRow, folder: Path) -> list[str]:
    return find_files(row.images, folder)


def _key(row: NiftiFolderRow, name: str) -> tuple[str, str] | None:
    return key_of_name(row.images, name)


def _load(row: NiftiFolderRow, paths: list[Path]) -> Image:
    return read_image(paths[0])


_COLLECTION = Collection(_find, _key, _load)
sources, counts, read = _COLLECTION.sources, _COLLECTION.counts, _COLLECTION.read
