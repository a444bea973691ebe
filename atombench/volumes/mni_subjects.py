"""Synthetic subjects made from the ICBM152 T1 template that ships inside the nilearn wheel.

Each subject is the template after a small rotation and scaling, a smooth deformation and an intensity curve, all drawn from
the subject's own stream. Results are rounded to bytes, as in the real sets, so that they are the same on every machine. The
subjects vary in shape and contrast but share one folding pattern: they serve for tests without a download and do not replace
real subjects.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from atombench import streams
from atombench.errors import ConfigError
from atombench.volumes.fetch import SourceFile
from atombench.volumes.image import Image
from atombench.volumes.nifti import read_image
from atombench.volumes.raw_volume import RawVolume
from atombench.volumes.registry import MniSubjectsRow

EDGE = 64
SPACING_MM = 3.0
CONTROL_POINTS = 6  # along each axis, about one every 38 mm
ROTATION_DEGREES = 8.0
SCALING = 0.08
DEFORMATION_MM = 4.0
GAMMA = (0.7, 1.4)

Array = NDArray[np.float64]


def sources(row: MniSubjectsRow) -> list[SourceFile]:
    """Return the template file inside the installed nilearn package.

    Raises:
        ConfigError: nilearn is not installed.
    """
    package = importlib.util.find_spec("nilearn")
    if package is None or not package.submodule_search_locations:
        raise ConfigError("the nilearn package is not installed; it holds the template of mni-subjects")
    folder = Path(package.submodule_search_locations[0])
    return [SourceFile(row.template, "sha256", row.template_sha256, None, folder)]


def counts(row: MniSubjectsRow) -> dict[str, int]:
    """Return the number of subjects of each split, as the row states it."""
    return {"train": row.train, "val": row.val, "test": row.test}


def read(row: MniSubjectsRow, files: dict[str, Path]) -> Iterator[RawVolume]:
    """Yield the subjects of all three splits, one after another; all share the grid of the template."""
    (path,) = files.values()
    template = centred_template(path)
    number = 0
    for split, count in (("train", row.train), ("val", row.val), ("test", row.test)):
        for _ in range(count):
            name = f"subject-{number:03d}"
            yield RawVolume(
                id=name,
                group=name,
                label="",
                split=split,
                array=grow(template.voxels, draw(name)) / 255.0,
                spacing=template.spacing,
                affine=template.affine,
            )
            number += 1


def centred_template(path: Path) -> Image:
    """Return the template in [0, 1] on a grid of 64^3 voxels of 3 mm, the brain's bounding box in the middle."""
    brain, spacing, affine = read_image(path)
    inside = np.argwhere(brain > 0.02 * brain.max())
    middle = (inside.min(axis=0) + inside.max(axis=0)) / 2
    step = SPACING_MM / spacing
    smoothed = ndimage.gaussian_filter(brain / brain.max(), sigma=0.35 * np.sqrt(np.maximum(step**2 - 1, 0)))
    offset = middle - step * (EDGE - 1) / 2
    voxels = np.clip(ndimage.affine_transform(smoothed, step, offset, (EDGE,) * 3, order=1), 0.0, 1.0)
    grid = np.diag([*step, 1.0])  # voxel of the grid to voxel of the template
    grid[:3, 3] = offset
    return Image(voxels, np.full(3, SPACING_MM), None if affine is None else affine @ grid)


@dataclass(frozen=True)
class Subject:
    """How one subject differs from the template."""

    matrix: Array  # (3, 3), template offset from the middle = matrix @ subject offset
    displacement: Array  # (3, CONTROL_POINTS, CONTROL_POINTS, CONTROL_POINTS), voxels
    gamma: float
    gain: float


def draw(name: str) -> Subject:
    """Draw a subject from its own stream."""
    spread = 2 * streams.uniform(8, "mni-subjects", name, "pose") - 1
    turn = Rotation.from_euler("xyz", ROTATION_DEGREES * spread[:3], degrees=True).as_matrix()
    points = (3, *(CONTROL_POINTS,) * 3)
    bumps = streams.normal(int(np.prod(points)), "mni-subjects", name, "deformation").reshape(points)
    low, high = np.log(GAMMA)
    return Subject(
        matrix=turn @ np.diag(1 + SCALING * spread[3:6]),
        displacement=bumps * DEFORMATION_MM / SPACING_MM,
        gamma=float(np.exp(low + (high - low) * (spread[6] + 1) / 2)),
        gain=float(0.85 + 0.15 * spread[7]),
    )


def grow(template: Array, subject: Subject) -> NDArray[np.uint8]:
    """Deform the template (64, 64, 64) into one subject by linear interpolation; uint8 (64, 64, 64)."""
    middle = (EDGE - 1) / 2
    grid = np.stack(np.meshgrid(*(np.arange(EDGE) - middle,) * 3, indexing="ij"))
    spread = ndimage.zoom(np.eye(CONTROL_POINTS), (EDGE / CONTROL_POINTS, 1), order=3)  # (EDGE, CONTROL_POINTS)
    bending = np.einsum("ia,jb,kc,dabc->dijk", spread, spread, spread, subject.displacement, optimize=True)
    where = np.tensordot(subject.matrix, grid, axes=1) + middle + bending
    shape = ndimage.map_coordinates(template, where, order=1)
    return np.rint(255.0 * subject.gain * shape**subject.gamma).astype(np.uint8)
