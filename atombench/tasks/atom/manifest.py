"""Sample manifests: one row per section, for one dataset, gathering, split rule and scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.engine.manifest import rows_digest
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.io.parquet import read_parquet
from atombench.records.board import Board
from atombench.tasks.atom.board import GATHERINGS, INDEPENDENT, OLD_UNIFORM, AtomBoard
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import Labels, label_sections
from atombench.tasks.atom.protocol import FIRST, PROTOCOL
from atombench.tasks.atom.sampling import Sampler, sampler
from atombench.tasks.atom.secret import public_gathering
from atombench.tasks.atom.splits import volumes_of_parts
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import BACKGROUND, SPLITS

AXES = ("i", "j", "k")


@dataclass(frozen=True)
class Sections:
    """Rows of a manifest (M sections).

    Attributes:
        volume: int32 (M,), row of the volume in the `VolumeSet`.
        index: int32 (M,), number of the section within its volume and split.
        centres: int16 (M, 3), voxels.
        normals: float64 (M, 3), any positive length.
    """

    volume: NDArray[np.int32]
    index: NDArray[np.int32]
    centres: NDArray[np.int16]
    normals: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.volume)

    def take(self, rows: NDArray[np.int64]) -> Sections:
        """Return the given rows, in the given order."""
        return Sections(self.volume[rows], self.index[rows], self.centres[rows], self.normals[rows])

    def points(self, grid: BlockGrid) -> NDArray[np.int32]:
        """Return the voxels shown by each section; (M, 3, P)."""
        points: NDArray[np.int32] = section_points(self.centres, self.normals, grid)
        return points

    def labels(self, grid: BlockGrid) -> Labels:
        """Return the correct blocks and boxes of each section."""
        return label_sections(self.points(grid), grid)


@dataclass(frozen=True)
class Manifest:
    """All sections of one board, and the digest of the volumes they are cut from."""

    dataset: str
    gathering: str
    split: str
    scale: int
    volumes_digest: str
    parts: dict[str, Sections]
    context: int = 1

    @property
    def grid(self) -> BlockGrid:
        """Blocks and section size at the manifest's scale and context."""
        return BlockGrid(self.scale, self.context)

    @property
    def board(self) -> Board:
        """The board that the manifest was drawn for."""
        return Board("atom", self.dataset, AtomBoard(self.gathering, self.split, self.scale, self.context).name)

    @property
    def data_digest(self) -> str:
        """Digest of the volumes that the manifest was drawn for."""
        return self.volumes_digest

    @property
    def counts(self) -> dict[str, int]:
        """Number of sections in each part."""
        return {name: len(self.parts[name]) for name in SPLITS}

    def summary(self) -> dict[str, Any]:
        """Return facts for the summary file written next to the manifest."""
        labels = self.parts["test"].labels(self.grid)
        return {
            "gathering": self.gathering,
            "split": self.split,
            "scale": self.scale,
            "context": self.context,
            "test_sections_with_a_correct_box": int(labels.boxes.any(axis=1).sum()),
        }

    def volume_rows(self, *parts: str) -> NDArray[np.int64]:
        """Return the rows of the volumes that the given parts are cut from, ascending."""
        return np.unique(np.concatenate([self.parts[part].volume for part in parts])).astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the version of the sampler, the board's coordinates and all rows."""
        version, name = _as_drawn(self.gathering)
        header: tuple[object, ...] = (version, self.dataset, name, self.split, self.scale, self.volumes_digest)
        header += (f"context {self.context}",) if self.context != 1 else ()
        columns: dict[str, tuple[int, list[tuple[NDArray[Any], str]]]] = {
            name: (
                len(part),
                [(part.volume, "<i4"), (part.index, "<i4"), (part.centres, "<i2"), (part.normals, "<f8")],
            )
            for name in SPLITS
            for part in [self.parts[name]]
        }
        return rows_digest(header, columns)

    def save(self, path: Path) -> None:
        """Write Parquet with coordinates and digest in its metadata; equal content is written as equal bytes."""
        parts = [self.parts[name] for name in SPLITS]
        part_index = np.repeat(np.arange(len(SPLITS), dtype=np.int8), [len(part) for part in parts])
        columns: dict[str, Any] = {
            "split": pa.DictionaryArray.from_arrays(part_index, list(SPLITS)),
            "volume": np.concatenate([part.volume for part in parts]),
            "index": np.concatenate([part.index for part in parts]),
        }
        for axis, letter in enumerate(AXES):
            columns[f"centre_{letter}"] = np.concatenate([part.centres[:, axis] for part in parts])
        for axis, letter in enumerate(AXES):
            columns[f"normal_{letter}"] = np.concatenate([part.normals[:, axis] for part in parts])
        version, name = _as_drawn(self.gathering)
        metadata = {
            "protocol": version,
            "dataset": self.dataset,
            "gathering": name,
            "split": self.split,
            "scale": str(self.scale),
            "context": str(self.context),
            "volumes_digest": self.volumes_digest,
            "digest": self.digest,
        }
        table = pa.table(columns).replace_schema_metadata(metadata)
        with written_whole(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest written by `save` and check its digest; the `uniform` of protocol 1.0 becomes `uniform-v1`.

        Raises:
            DataError: the file is missing or damaged, or has another protocol version or a wrong digest.
        """
        table = read_parquet(path)
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        gathering = _named(metadata.get("protocol", ""), metadata.get("gathering", ""))
        if gathering is None:
            msg = (
                f"{path} has protocol {metadata.get('protocol')!r}, which {metadata.get('gathering')!r} was never drawn by;"
                f" the present one is {PROTOCOL}; delete it and split again"
            )
            raise DataError(msg)
        part_of_row = table["split"].to_pandas().to_numpy()
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "split"}
        sections = Sections(
            columns["volume"],
            columns["index"],
            np.stack([columns[f"centre_{letter}"] for letter in AXES], axis=1),
            np.stack([columns[f"normal_{letter}"] for letter in AXES], axis=1),
        )
        manifest = cls(
            metadata["dataset"],
            gathering,
            metadata["split"],
            int(metadata["scale"]),
            metadata["volumes_digest"],
            {name: sections.take(np.flatnonzero(part_of_row == name)) for name in SPLITS},
            int(metadata.get("context", 1)),
        )
        if manifest.digest != metadata["digest"]:
            msg = f"{path}: expected digest {metadata['digest']}, got {manifest.digest}; delete it and split again"
            raise DataError(msg)
        return manifest


def _as_drawn(gathering: str) -> tuple[str, str]:
    """Return the protocol version in which the sampler of a gathering last changed, and its name in that version.

    >>> _as_drawn("tissue"), _as_drawn("uniform-v1-secret")
    (('1.1', 'tissue'), ('1.0', 'uniform-secret'))
    """
    version = PROTOCOL if public_gathering(gathering) in INDEPENDENT else FIRST
    return version, gathering.replace(OLD_UNIFORM, "uniform")


def _named(version: str, name: str) -> str | None:
    """Return the gathering that was drawn by this version under this name; None if there is none."""
    return next((gathering for gathering in GATHERINGS if _as_drawn(gathering) == (version, name)), None)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest; see `Manifest.load`."""
    return Manifest.load(path)


def draw(data: Curated, board: Board, settings: Mapping[str, str]) -> Manifest:
    """Draw the sections of a board; the setting `variant` selects the released generator of positions."""
    parts = AtomBoard.of(board)
    return make_manifest(data, parts, settings.get("variant", "medmnist"))


def make_manifest(data: Curated, board: AtomBoard, variant: str = "medmnist") -> Manifest:
    """Draw all sections of one board; voxels are read only for sections that show tissue.

    Raises:
        DataError: the volumes do not have the size of the scale, or a part has no volume or no section.
        ConfigError: the gathering, the split rule or the variant is unknown; the nearest is suggested.
    """
    grid, index = board.grid, data.index
    if tuple(index.shape) != (grid.edge,) * 3:
        msg = f"{index.dataset}: expected volumes of edge {grid.edge} at scale {grid.scale}, got shape {tuple(index.shape)}"
        raise DataError(msg)

    def voxels(volume: str) -> NDArray[np.float32]:
        return data.volumes().volumes[index.ids.index(volume)]

    draws = sampler(board.gathering, board.split, index.dataset, grid, variant, voxels)
    parts = draw_parts(index.dataset, index.ids, index.splits, board.split, draws)
    return Manifest(index.dataset, board.gathering, board.split, board.scale, index.digest, parts, board.context)


def check_belongs(digest: str, manifest: Manifest) -> None:
    """Check that a manifest was drawn for the volumes with this digest.

    Raises:
        DataError: it was drawn for other volumes; the message contains both digests.
    """
    if manifest.volumes_digest != digest:
        msg = (
            f"the manifest of {manifest.dataset} was drawn for volumes {manifest.volumes_digest}, got {digest}; "
            "run the split step again"
        )
        raise DataError(msg)


def draw_parts(dataset: str, ids: Sequence[str], splits: Sequence[str], split: str, draws: Sampler) -> dict[str, Sections]:
    """Draw the sections of every part, volume by volume.

    Raises:
        DataError: a part has no volume or no section.
    """
    parts = {}
    for part, rows in volumes_of_parts(dataset, splits, split).items():
        poses = [draws.draw(part, ids[row]) for row in rows]
        counts = [len(pose.centres) for pose in poses]
        if len(rows) and not sum(counts):
            msg = f"{dataset}: no {part} volume has a section that shows tissue (half of its pixels above {BACKGROUND})"
            raise DataError(msg)
        parts[part] = Sections(
            volume=np.repeat(rows, counts).astype(np.int32),
            index=np.concatenate([np.zeros(0, np.int32), *(np.arange(count, dtype=np.int32) for count in counts)]),
            centres=np.concatenate([np.zeros((0, 3), np.int16), *(pose.centres for pose in poses)]),
            normals=np.concatenate([np.zeros((0, 3)), *(pose.normals for pose in poses)]),
        )
    return parts
