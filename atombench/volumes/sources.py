"""Which module reads which kind of registry row.

Modules are named, not imported: a change in one reader then touches only the datasets that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from atombench.volumes.curate import Problem, RawVolume
from atombench.volumes.fetch import SourceFile

READERS = {
    "bids": "atombench.volumes.bids",
    "caps": "atombench.volumes.caps",
    "dicom": "atombench.volumes.dicom",
    "medmnist": "atombench.volumes.medmnist",
    "mni-subjects": "atombench.volumes.mni_subjects",
    "nifti-folder": "atombench.volumes.nifti_folder",
}


class Reader(Protocol):
    """What a module that reads one kind of row offers."""

    def sources(self, row: Any) -> list[SourceFile]:
        """Files that the row needs."""

    def counts(self, row: Any) -> dict[str, int]:
        """Volumes of each official split, without reading any."""

    def read(self, row: Any, files: dict[str, Path]) -> Iterator[RawVolume | Problem]:
        """Volumes in those files, and what is wrong with them."""


def reader_of(kind: str) -> Reader:
    """Module that reads rows of this kind."""
    return cast(Reader, import_module(READERS[kind]))
