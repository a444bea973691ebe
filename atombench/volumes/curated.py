"""A curated dataset on disk: the index is read immediately, the voxels only when needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from atombench.errors import DataError
from atombench.volumes.index import Index
from atombench.volumes.volume_set import VolumeSet

__all__ = ["INDEX_FILE", "VOLUMES_FILE", "Curated", "Index"]

INDEX_FILE = "curated.json"
VOLUMES_FILE = "curated.npz"


@dataclass(frozen=True)
class Curated:
    """A dataset curated into one form, in a folder or in memory; use `open` or `of` to get one.

    Attributes:
        source: the folder with `curated.npz` and `curated.json`, or the volumes themselves.
        form: name of the form of volumes in memory; unused for a folder, whose index states it.

    >>> import numpy as np
    >>> names = ("a", "b", "c")
    >>> volumes = np.zeros((3, 4, 4, 4), np.float32)
    >>> spacing = np.ones((3, 3))
    >>> toy = Curated.of(VolumeSet("toy", volumes, names, names, ("",) * 3, ("train", "val", "test"), spacing), "cube4")
    >>> toy.index.shape, toy.index.rows("test").tolist()
    ((4, 4, 4), [2])
    """

    source: Path | VolumeSet
    form: str = ""

    @classmethod
    def open(cls, folder: Path) -> Curated:
        """Refer to the curated dataset in a folder; nothing is read yet."""
        return cls(folder)

    @classmethod
    def of(cls, volume_set: VolumeSet, form: str = "") -> Curated:
        """Wrap volumes that are in memory."""
        return cls(volume_set, form)

    @cached_property
    def index(self) -> Index:
        """Everything except the voxels; of a folder, only `curated.json` is read, once.

        Raises:
            DataError: the file is missing or damaged.
        """
        if isinstance(self.source, VolumeSet):
            return self.source.index(self.form)
        return Index.load(self.source / INDEX_FILE)

    def volumes(self) -> VolumeSet:
        """Return the volumes; of a folder, `curated.npz` is read once and checked against its digest and the index.

        Raises:
            DataError: a file is missing or damaged, or the two files disagree.
        """
        return self._volumes

    @cached_property
    def _volumes(self) -> VolumeSet:
        if isinstance(self.source, VolumeSet):
            return self.source
        volume_set = VolumeSet.load(self.source / VOLUMES_FILE)
        expected, actual = self.index, volume_set.index(self.index.form)
        if differing := [name for name in Index.model_fields if getattr(expected, name) != getattr(actual, name)]:
            files = f"{self.source / VOLUMES_FILE} and {INDEX_FILE}"
            msg = f"{files} disagree in {', '.join(differing)}; delete both files and curate {expected.dataset} again"
            raise DataError(msg)
        return volume_set

    def save(self, folder: Path) -> None:
        """Write `curated.npz`, then `curated.json`, so that an index is never left beside volumes that it does not describe.

        Raises:
            DataError: the folder or a file cannot be written.
        """
        volume_set, index = self.volumes(), self.index
        try:
            (folder / INDEX_FILE).unlink(missing_ok=True)
        except OSError as error:
            msg = f"cannot write {folder / INDEX_FILE}: {error.strerror or error}; check that the folder is writable"
            raise DataError(msg) from error
        volume_set.save(folder / VOLUMES_FILE)
        index.save(folder / INDEX_FILE)
