"""What curation makes: volumes of one size with who they are."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.io.files import written_whole

SPLITS = ("train", "val", "test")
BACKGROUND = 0.05  # intensities below show no tissue; volumes are nominally in [0, 1]
FACT = "fact_"  # begins the names of facts in a file
TEXT_FIELDS = ("ids", "groups", "labels", "splits")


@dataclass(frozen=True)
class VolumeSet:
    """Curated volumes of one dataset (N volumes of edge E).

    Attributes:
        dataset: name of the registry row.
        volumes: float32 (N, E, E, E), nominally in [0, 1]; cubic resampling may overshoot slightly.
        ids: N unique names.
        groups: N names of the subject a volume comes from, as far as the source tells (a MedMNIST set does not).
        labels: N labels of the dataset (such as a diagnosis), empty where unknown.
        splits: N times `train`, `val` or `test`.
        spacing: float64 (N, 3), mm per voxel of `volumes` along each axis; NaN where unknown.
        facts: what else is known of the volumes, such as an age band: N texts for each name.
    """

    dataset: str
    volumes: NDArray[np.float32]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    spacing: NDArray[np.float64]
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.ids)
        shape = self.volumes.shape
        if self.volumes.dtype != np.float32 or len(shape) != 4 or len(set(shape[1:])) != 1:
            msg = f"expected float32 volumes of shape (N, E, E, E), got {self.volumes.dtype} {shape}"
            raise DataError(msg)
        if shape[0] != count or self.spacing.shape != (count, 3):
            msg = f"expected {count} volumes and spacings of shape ({count}, 3), got {shape[0]} and {self.spacing.shape}"
            raise DataError(msg)
        if any(len(getattr(self, name)) != count for name in TEXT_FIELDS):
            msg = f"expected {count} entries in each of {', '.join(TEXT_FIELDS)}"
            raise DataError(msg)
        if any(len(values) != count for values in self.facts.values()):
            msg = f"expected {count} entries in each of the facts {', '.join(self.facts)}"
            raise DataError(msg)
        if len(set(self.ids)) != count:
            twice = sorted({name for name in self.ids if self.ids.count(name) > 1})
            msg = f"volume ids must be unique; twice: {', '.join(twice[:5])}"
            raise DataError(msg)
        if unknown := set(self.splits) - set(SPLITS):
            msg = f"splits must be of {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}"
            raise DataError(msg)

    @property
    def edge(self) -> int:
        """Voxels along one side."""
        return self.volumes.shape[1]

    def rows(self, split: str) -> NDArray[np.int64]:
        """Indices of the volumes of one official split."""
        return np.flatnonzero(np.array(self.splits) == split)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content: voxels, names, groups, labels, splits and spacing."""
        digest = hashlib.sha256(self.dataset.encode())
        for name in TEXT_FIELDS:
            digest.update("\x1f".join(getattr(self, name)).encode() + b"\0")
        for name in sorted(self.facts):
            digest.update("\x1f".join((name, *self.facts[name])).encode() + b"\0")
        digest.update(np.ascontiguousarray(self.spacing, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(self.volumes, dtype="<f4").tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write as an npz without pickles; the same content gives the same bytes."""
        text: dict[str, Any] = {name: np.array(getattr(self, name), dtype=np.str_) for name in TEXT_FIELDS}
        text |= {f"{FACT}{name}": np.array(values, dtype=np.str_) for name, values in self.facts.items()}
        with written_whole(path) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream, dataset=np.array(self.dataset), volumes=self.volumes, spacing=self.spacing,
                digest=np.array(self.digest), **text,
            )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> VolumeSet:
        """Read what `save` wrote and check its digest.

        Raises:
            DataError: the file is missing, damaged, or does not hold what its digest says.
        """
        arrays = read_npz(path, ("dataset", "volumes", "spacing", "digest", *TEXT_FIELDS), FACT)
        named = [name for name in arrays if name in TEXT_FIELDS or name.startswith(FACT)]
        texts = {name: tuple(str(value) for value in arrays[name]) for name in named}
        facts = {name.removeprefix(FACT): values for name, values in texts.items() if name.startswith(FACT)}
        found = cls(
            dataset=str(arrays["dataset"]), volumes=arrays["volumes"], spacing=arrays["spacing"], facts=facts,
            **{name: texts[name] for name in TEXT_FIELDS},
        )  # fmt: skip
        if found.digest != str(arrays["digest"]):
            msg = f"{path} holds digest {found.digest}, it says {arrays['digest']}; delete it and curate again"
            raise DataError(msg)
        return found


def read_npz(path: Path, names: tuple[str, ...], prefix: str | None = None) -> dict[str, NDArray[Any]]:
    """Read the named arrays of an npz, and all whose names begin with the prefix, never unpickling.

    Raises:
        DataError: the file is missing, truncated, holds pickles or lacks an array.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            if missing := [name for name in names if name not in archive.files]:
                msg = f"{path} lacks the arrays {', '.join(missing)} (it holds {', '.join(archive.files)})"
                raise DataError(msg)
            more = [name for name in archive.files if prefix is not None and name.startswith(prefix)]
            return {name: archive[name] for name in (*names, *more)}
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, AttributeError, TypeError) as error:
        msg = f"{path} is truncated or not an npz of plain arrays ({error}); delete it and fetch it again"
        raise DataError(msg) from error
