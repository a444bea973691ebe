"""The module that reads each kind of registry row.

Modules are imported on demand, so that an edit of one reader affects only the datasets that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from atombench.volumes.fetch import SourceFile
from atombench.volumes.raw_volume import Problem, RawVolume

READERS = {
    "bids": "atombench.volumes.bids",
    "caps": "atombench.volumes.caps",
    "dicom": "atombench.volumes.dicom",
    "medmnist": "atombench.volumes.medmnist",
    "mni-subjects": "atombench.volumes.mni_subjects",
    "nifti-folder": "atombench.volumes.nifti_folder",
}


class Reader(Protocol):
    """Functions of a module that reads one kind of row."""

    def sources(self, row: Any) -> list[SourceFile]:
        """Return the files that the row needs."""

    def counts(self, row: Any) -> dict[str, int]:
        """Return the number of volumes of each split, without reading images."""

    def read(self, row: Any, files: dict[str, Path]) -> Iterator[RawVolume | Problem]:
        """Yield the volumes in these files, and the problems found in them."""


def reader_of(kind: str) -> Reader:
    """Return the module that reads rows of this kind."""
    return cast(Reader, import_module(READERS[kind]))
