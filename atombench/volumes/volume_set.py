"""Curated volumes of one dataset with their names, subjects, splits and geometry."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.volumes.index import Index, Matrix, Shape, Split, Vector

SPLITS: tuple[str, ...] = get_args(Split)
BACKGROUND = 0.05  # intensities below are background; volumes are nominally in [0, 1]
FACT = "fact_"  # prefix of the names of facts in a file
CONTRAST = "contrast_"  # prefix of the names of other contrasts in a file
TEXT_FIELDS = ("ids", "groups", "labels", "splits")


@dataclass(frozen=True)
class VolumeSet:
    """Curated volumes of one dataset: N volumes of one shape.

    Attributes:
        dataset: name of the registry row.
        volumes: float32 (N, I, J, K), nominally in [0, 1]; cubic resampling may overshoot slightly.
        ids: N unique names.
        groups: N names of the subject of a volume, as far as the source tells (a MedMNIST set does not).
        labels: N labels of the dataset (such as a diagnosis), empty where unknown.
        splits: N times `train`, `val` or `test`.
        spacing: float64 (N, 3), mm per voxel of `volumes` along each axis; NaN where unknown.
        facts: further properties of the volumes, such as an age band: N texts for each name.
        affines: float64 (N, 4, 4), voxel of `volumes` to world mm (RAS); NaN where unknown (the default). Not in the digest.
        contrasts: the same tissue in other contrasts, by name: float32 (N, I, J, K), voxel by voxel that of `volumes`.
    """

    dataset: str
    volumes: NDArray[np.float32]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    spacing: NDArray[np.float64]
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    affines: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4, 4)))
    contrasts: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.affines):
            object.__setattr__(self, "affines", np.full((len(self.ids), 4, 4), np.nan))
        self._check_arrays()
        self._check_texts()

    def _check_arrays(self) -> None:
        count, shape = len(self.ids), self.volumes.shape
        if self.volumes.dtype != np.float32 or len(shape) != 4:
            msg = f"expected float32 volumes of shape (N, I, J, K), got {self.volumes.dtype} {shape}"
            raise DataError(msg)
        for name, volumes in self.contrasts.items():
            if volumes.dtype != np.float32 or volumes.shape != shape:
                msg = f"expected contrast {name} as float32 {shape}, got {volumes.dtype} {volumes.shape}"
                raise DataError(msg)
        if shape[0] != count or self.spacing.shape != (count, 3):
            msg = f"expected {count} volumes and spacings of shape ({count}, 3), got {shape[0]} and {self.spacing.shape}"
            raise DataError(msg)
        if self.affines.shape != (count, 4, 4):
            msg = f"expected affines of shape ({count}, 4, 4), got {self.affines.shape}"
            raise DataError(msg)
        unknown = np.isnan(self.affines).all(axis=(1, 2))
        if not np.isfinite(self.affines[~unknown]).all():
            raise DataError("expected each affine to be finite, or NaN throughout where it is unknown")

    def _check_texts(self) -> None:
        count = len(self.ids)
        if any(len(getattr(self, name)) != count for name in TEXT_FIELDS):
            msg = f"expected {count} entries in each of {', '.join(TEXT_FIELDS)}"
            raise DataError(msg)
        if any(len(values) != count for values in self.facts.values()):
            msg = f"expected {count} entries in each of the facts {', '.join(self.facts)}"
            raise DataError(msg)
        if len(set(self.ids)) != count:
            repeated = sorted(name for name, times in Counter(self.ids).items() if times > 1)
            msg = f"volume ids must be unique, but these are repeated: {', '.join(repeated[:5])}"
            raise DataError(msg)
        if unknown := set(self.splits) - set(SPLITS):
            msg = f"splits must be one of {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}"
            raise DataError(msg)

    @property
    def edge(self) -> int:
        """Voxels along each axis of the cubic volumes.

        Raises:
            DataError: the volumes are not cubes.
        """
        if len(set(self.volumes.shape[1:])) != 1:
            shape = self.volumes.shape[1:]
            msg = f"{self.dataset} has volumes of shape {shape}, expected cubes; curate it in a form such as cube20"
            raise DataError(msg)
        return self.volumes.shape[1]

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the indices of the volumes of one official split."""
        return np.flatnonzero(np.array(self.splits) == split)

    def take(self, rows: NDArray[np.int64]) -> VolumeSet:
        """Return the volumes with the given indices, in that order."""
        texts: dict[str, Any] = {name: tuple(getattr(self, name)[row] for row in rows) for name in TEXT_FIELDS}
        texts["facts"] = {name: tuple(values[row] for row in rows) for name, values in self.facts.items()}
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("volumes", "spacing", "affines")}
        contrasts = {name: volumes[rows] for name, volumes in self.contrasts.items()}
        return replace(self, **texts, **arrays, contrasts=contrasts)

    def in_contrast(self, name: str) -> NDArray[np.float32]:
        """Return the volumes in another contrast; `volumes` if the name is empty.

        Raises:
            DataError: the dataset does not have this contrast.
        """
        if not name:
            return self.volumes
        if name not in self.contrasts:
            msg = f"{self.dataset} has no contrast {name!r}; it has {', '.join(sorted(self.contrasts)) or 'no other contrast'}"
            raise DataError(msg)
        return self.contrasts[name]

    def index(self, form: str = "") -> Index:
        """Return everything except the voxels, for volumes in the named form."""
        return Index(
            dataset=self.dataset,
            form=form,
            digest=self.digest,
            shapes=(cast(Shape, self.volumes.shape[1:]),) * len(self.ids),
            ids=self.ids,
            groups=self.groups,
            labels=self.labels,
            splits=cast(tuple[Split, ...], self.splits),
            spacing=tuple(None if np.isnan(row).any() else cast(Vector, tuple(row.tolist())) for row in self.spacing),
            affines=tuple(_as_matrix(affine) for affine in self.affines),
            facts=dict(self.facts),
            contrasts=tuple(sorted(self.contrasts)),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of voxels (of all contrasts), names, groups, labels, splits, facts and spacing; affines are left out."""
        digest = hashlib.sha256(self.dataset.encode())
        for name in TEXT_FIELDS:
            digest.update("\x1f".join(getattr(self, name)).encode() + b"\0")
        for name in sorted(self.facts):
            digest.update("\x1f".join((name, *self.facts[name])).encode() + b"\0")
        digest.update(np.ascontiguousarray(self.spacing, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(self.volumes, dtype="<f4").tobytes())
        for name in sorted(self.contrasts):
            digest.update(name.encode() + b"\0" + np.ascontiguousarray(self.contrasts[name], dtype="<f4").tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write as an npz without pickles; the same content gives the same bytes."""
        more: dict[str, Any] = {name: np.array(getattr(self, name), dtype=np.str_) for name in TEXT_FIELDS}
        more |= {f"{FACT}{name}": np.array(values, dtype=np.str_) for name, values in self.facts.items()}
        more |= {f"{CONTRAST}{name}": volumes for name, volumes in self.contrasts.items()}
        with written_whole(path) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                dataset=np.array(self.dataset),
                volumes=self.volumes,
                spacing=self.spacing,
                affines=self.affines,
                digest=np.array(self.digest),
                **more,
            )

    @classmethod
    def load(cls, path: Path) -> VolumeSet:
        """Read what `save` wrote and check its digest.

        Raises:
            DataError: the file is missing or damaged, or its content does not match its digest.
        """
        arrays = read_npz(path, ("dataset", "volumes", "spacing", "affines", "digest", *TEXT_FIELDS), (FACT, CONTRAST))
        text_names = [name for name in arrays if name in TEXT_FIELDS or name.startswith(FACT)]
        texts = {name: tuple(str(value) for value in arrays[name]) for name in text_names}
        volume_set = cls(
            dataset=str(arrays["dataset"]),
            volumes=arrays["volumes"],
            spacing=arrays["spacing"],
            facts={name.removeprefix(FACT): values for name, values in texts.items() if name.startswith(FACT)},
            affines=arrays["affines"],
            contrasts={name.removeprefix(CONTRAST): array for name, array in arrays.items() if name.startswith(CONTRAST)},
            **{name: texts[name] for name in TEXT_FIELDS},
        )
        if volume_set.digest != str(arrays["digest"]):
            msg = f"{path} has content of digest {volume_set.digest}, expected {arrays['digest']}; delete it and curate again"
            raise DataError(msg)
        return volume_set


def _as_matrix(affine: NDArray[np.float64]) -> Matrix | None:
    return None if np.isnan(affine).any() else cast(Matrix, tuple(tuple(row) for row in affine.tolist()))


def read_npz(path: Path, names: tuple[str, ...], prefixes: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    """Read the named arrays of an npz and those whose names begin with a prefix; pickles are never loaded.

    Raises:
        DataError: the file is missing or truncated, holds pickles, or lacks an array.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            if missing := [name for name in names if name not in archive.files]:
                held = ", ".join(archive.files)
                msg = f"{path} lacks the arrays {', '.join(missing)} (it holds {held}); delete it and run the step again"
                raise DataError(msg)
            more = [name for name in archive.files if name.startswith(prefixes)]
            return {name: archive[name] for name in (*names, *more)}
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, AttributeError, TypeError) as error:
        msg = f"{path} is truncated or not an npz of plain arrays ({error}); delete it and fetch it again"
        raise DataError(msg) from error
