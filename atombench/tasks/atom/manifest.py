"""Sample manifests: one row per section, for one dataset, gathering, split rule and scale."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench import PROTOCOL
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import Labels, label_sections
from atombench.tasks.atom.sampling import Sampler, sampler
from atombench.tasks.atom.splits import volumes_of_parts
from atombench.volumes.volume_set import SPLITS, VolumeSet

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
        """Some of the rows, in the given order."""
        return Sections(self.volume[rows], self.index[rows], self.centres[rows], self.normals[rows])

    def points(self, grid: BlockGrid) -> NDArray[np.int32]:
        """Voxels shown by each section; (M, 3, P)."""
        found: NDArray[np.int32] = section_points(self.centres, self.normals, grid)
        return found

    def labels(self, grid: BlockGrid) -> Labels:
        """Correct blocks and boxes of each section."""
        return label_sections(self.points(grid), grid)


@dataclass(frozen=True)
class Manifest:
    """Everything that is cut for one board, and from what."""

    dataset: str
    gathering: str
    split: str
    scale: int
    volumes_digest: str
    parts: dict[str, Sections]

    @property
    def grid(self) -> BlockGrid:
        """Blocks and section size at the manifest's scale."""
        return BlockGrid(self.scale)

    @property
    def counts(self) -> dict[str, int]:
        """Number of sections in each part."""
        return {name: len(self.parts[name]) for name in SPLITS}

    def volume_rows(self, *parts: str) -> NDArray[np.int64]:
        """Rows of the volumes that these parts are cut from, ascending."""
        return np.unique(np.concatenate([self.parts[part].volume for part in parts])).astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the protocol version, the board's coordinates and all rows."""
        header = (PROTOCOL, self.dataset, self.gathering, self.split, self.scale, self.volumes_digest)
        digest = hashlib.sha256("\x1f".join(str(part) for part in header).encode())
        for name in SPLITS:
            part = self.parts[name]
            digest.update(f"\0{name}\0{len(part)}\0".encode())
            for column, kind in (
                (part.volume, "<i4"),
                (part.index, "<i4"),
                (part.centres, "<i2"),
                (part.normals, "<f8"),
            ):
                digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write as Parquet, the coordinates and the digest in its metadata; the same content gives the same bytes."""
        parts = [self.parts[name] for name in SPLITS]
        names = np.repeat(np.arange(len(SPLITS), dtype=np.int8), [len(part) for part in parts])
        columns: dict[str, Any] = {
            "split": pa.DictionaryArray.from_arrays(names, list(SPLITS)),
            "volume": np.concatenate([part.volume for part in parts]),
            "index": np.concatenate([part.index for part in parts]),
        }
        for axis, letter in enumerate(AXES):
            columns[f"centre_{letter}"] = np.concatenate([part.centres[:, axis] for part in parts])
        for axis, letter in enumerate(AXES):
            columns[f"normal_{letter}"] = np.concatenate([part.normals[:, axis] for part in parts])
        about = {
            "protocol": PROTOCOL, "dataset": self.dataset, "gathering": self.gathering, "split": self.split,
            "scale": str(self.scale), "volumes_digest": self.volumes_digest, "digest": self.digest,
        }  # fmt: skip
        table = pa.table(columns).replace_schema_metadata(about)
        with written_whole(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read what `save` wrote and check its digest.

        Raises:
            DataError: the file is missing, damaged, of another protocol version, or not what its digest says.
        """
        table = read_parquet(path)
        about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if about.get("protocol") != PROTOCOL:
            msg = f"{path} has protocol {about.get('protocol')!r}, expected {PROTOCOL!r}; delete it and split again"
            raise DataError(msg)
        names = table["split"].to_pandas().to_numpy()
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "split"}
        everything = Sections(
            columns["volume"],
            columns["index"],
            np.stack([columns[f"centre_{letter}"] for letter in AXES], axis=1),
            np.stack([columns[f"normal_{letter}"] for letter in AXES], axis=1),
        )
        found = cls(
            about["dataset"], about["gathering"], about["split"], int(about["scale"]), about["volumes_digest"],
            {name: everything.take(np.flatnonzero(names == name)) for name in SPLITS},
        )  # fmt: skip
        if found.digest != about["digest"]:
            msg = f"{path} holds digest {found.digest}, it says {about['digest']}; delete it and split again"
            raise DataError(msg)
        return found


def read_parquet(path: Path) -> pa.Table:
    """Read a Parquet file.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return pq.read_table(path)
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or ' '.join(str(error).split())}"
        raise DataError(msg) from error
    except (pa.ArrowInvalid, pa.ArrowException) as error:
        msg = f"{path} is not valid Parquet ({' '.join(str(error).split())}); delete it and run the step again"
        raise DataError(msg) from error


def make_manifest(volumes: VolumeSet, gathering: str, split: str, scale: int, variant: str = "medmnist") -> Manifest:
    """Draw all sections of one board.

    Raises:
        DataError: the volumes have another size than the scale asks for, or a part has no volume.
        ConfigError: the gathering, the split rule or the variant is unknown; the nearest is suggested.
    """
    grid = BlockGrid(scale)
    if volumes.edge != grid.edge:
        msg = f"{volumes.dataset}: expected volumes of edge {grid.edge} at scale {scale}, got {volumes.edge}"
        raise DataError(msg)
    draws = sampler(gathering, split, volumes.dataset, grid, variant)
    parts = draw_parts(volumes.dataset, volumes.ids, volumes.splits, split, draws)
    return Manifest(volumes.dataset, gathering, split, scale, volumes.digest, parts)


def draw_parts(dataset: str, ids: Sequence[str], splits: Sequence[str], split: str, draws: Sampler) -> dict[str, Sections]:
    """Draw the sections of every part, volume by volume; no voxel is looked at.

    Raises:
        DataError: a part has no volume.
    """
    parts = {}
    for part, rows in volumes_of_parts(dataset, splits, split).items():
        poses = [draws.draw(part, ids[row]) for row in rows]
        count = draws.counts[part]
        parts[part] = Sections(
            volume=np.repeat(rows, count).astype(np.int32),
            index=np.tile(np.arange(count, dtype=np.int32), len(rows)),
            centres=np.concatenate([pose.centres for pose in poses]),
            normals=np.concatenate([pose.normals for pose in poses]),
        )
    return parts
