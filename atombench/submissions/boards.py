"""Boards by name, `DATASET/GATHERING-SPLIT-xSCALE`, and what belongs to one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atombench import PROTOCOL
from atombench.errors import ConfigError, DataError
from atombench.io.files import written_whole
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import Queries, make_queries
from atombench.tasks.atom.sampling import SPLIT_RULES
from atombench.volumes.volume_set import VolumeSet

PATTERN = re.compile(rf"(?P<dataset>[a-z0-9-]+)/(?P<gathering>[a-z-]+)-(?P<split>{'|'.join(SPLIT_RULES)})-x(?P<scale>[1-9])")
RESULTS = Path("results")
ID_DIGITS = 12


@dataclass(frozen=True)
class BoardName:
    """Name of a board, for example `mni-subjects/uniform-none-x1`."""

    dataset: str
    gathering: str
    split: str
    scale: int

    @staticmethod
    def read(text: str) -> BoardName:
        """Take a name apart.

        Raises:
            ConfigError: it is not of the form DATASET/GATHERING-SPLIT-xSCALE.
        """
        found = PATTERN.fullmatch(text)
        if found is None:
            msg = f"expected a board such as mni-subjects/uniform-none-x1, got {text[:80]!r}"
            raise ConfigError(msg)
        return BoardName(found["dataset"], found["gathering"], found["split"], int(found["scale"]))

    @staticmethod
    def of(manifest: Manifest) -> BoardName:
        """The board of a manifest."""
        return BoardName(manifest.dataset, manifest.gathering, manifest.split, manifest.scale)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.gathering}-{self.split}-x{self.scale}"

    def files(self, results: Path = RESULTS) -> tuple[Path, Path]:
        """Curated volumes and manifest, where the workflow puts them."""
        volumes = results / "data" / self.dataset / f"x{self.scale}" / "volumes.npz"
        return volumes, results / "atom" / str(self) / "manifest.parquet"

    def load(self, results: Path = RESULTS) -> tuple[VolumeSet, Manifest]:
        """Read volumes and manifest.

        Raises:
            DataError: they are not there; the call that makes them is named.
        """
        volumes, manifest = self.files(results)
        if not (volumes.is_file() and manifest.is_file()):
            msg = f"the board {self} is not at hand; make it with: snakemake --cores 2 {manifest}"
            raise DataError(msg)
        return VolumeSet.load(volumes), Manifest.load(manifest)


@dataclass(frozen=True)
class Questions:
    """Test queries of a board as others see them.

    Attributes:
        board: its name.
        queries: volumes and sections, in the order in which they are handed out.
        ids: name of each query; it tells nothing but the place in that order.
    """

    board: BoardName
    queries: Queries
    ids: tuple[str, ...]

    @staticmethod
    def of(volumes: VolumeSet, manifest: Manifest) -> Questions:
        """Cut the test sections of a board and name them."""
        return Questions(BoardName.of(manifest), make_queries(volumes, manifest), query_ids(manifest))

    @property
    def digest(self) -> str:
        """SHA-256 of protocol version, board, ids, volumes and sections; computed from what is handed out."""
        digest = hashlib.sha256("\x1f".join((PROTOCOL, str(self.board), *self.ids)).encode())
        queries = self.queries
        for array, kind in ((queries.volume_index, "<i8"), (queries.volumes, "<f4"), (queries.pixels, "<f4")):
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return digest.hexdigest()


def query_ids(manifest: Manifest) -> tuple[str, ...]:
    """Names of the test queries, in their order.

    A name is made from the digest of all poses together and the place in the (shuffled) order: other boards have other names,
    and no pose can be found by trying which one gives a name.
    """
    count = manifest.counts["test"]
    texts = (f"{PROTOCOL}\x1fquery id\x1f{manifest.digest}\x1f{place}" for place in range(count))
    found = tuple(hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS] for text in texts)
    if len(set(found)) != count:
        msg = f"two queries of {BoardName.of(manifest)} got the same name"
        raise DataError(msg)
    return found


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
