"""Candidate poses by the learned similarity of `locus`, for sections at any angle in scans of any size.

The network knows cubes with an organ in the middle, and sections whose edges have directions that follow from their normals. So
the organ is resampled to such a cube, and the section is compared at many angles, from both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.special import log_softmax

from atombench.engine import contract
from atombench.engine.weights import load_bundle
from atombench.errors import DataError
from atombench.locating.levels import above_background, blur
from atombench.locating.planes import Planes
from atombench.locating.scan import Scan
from atombench.locating.section_image import SectionImage
from atombench.records.board import Board
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.geometry import BlockGrid, plane
from atombench.tasks.atom.methods.locus import NAME, search_with
from atombench.tasks.atom.methods.published import published

ANGLES = 24  # at which a section is compared, evenly spaced
MARGIN = 1.13  # edge of the cube, as a multiple of the longest side of the organ; as in the brains of the training
BRIGHTEST = 99.8  # percentile of intensities that becomes 1
LEAST_SHARE = 0.7  # of the width of the network's sections that a section must cover along its shorter side
ONE = np.ones(1)


@dataclass(frozen=True)
class Cube:
    """The organ as the network knows it.

    Attributes:
        voxels: intensities from 0 to 1, along the axes of scanner space; float32 (E, E, E).
        origin: centre of the first voxel in scanner mm, (3,).
        spacing: mm per voxel.
    """

    voxels: NDArray[np.float32]
    origin: NDArray[np.float64]
    spacing: float

    @staticmethod
    def of(scan: Scan, organ: NDArray[np.bool_], origin: NDArray[np.float64], spacing: float, edge: int) -> Cube:
        """Resample a scan to a cube about an organ, given by a mask (X, Y, Z) along the axes of scanner space.

        Args:
            scan: the scan; what lies outside the mask becomes 0.
            organ: the mask.
            origin: centre of the first voxel of the mask in scanner mm, (3,).
            spacing: of the mask, in mm.
            edge: of the cube, in voxels.
        """
        where = np.argwhere(organ)
        low, high = where.min(axis=0) * spacing + origin, where.max(axis=0) * spacing + origin
        step = MARGIN * (float((high - low).max()) + spacing) / edge
        start = (low + high) / 2 - (edge - 1) / 2 * step
        inverse = np.linalg.inv(scan.affine)
        blurred = gaussian_filter(above_background(scan), blur(step, scan.spacing), mode="nearest")
        offset = inverse[:3, :3] @ start + inverse[:3, 3]
        voxels = affine_transform(blurred, inverse[:3, :3] * step, offset, (edge,) * 3, order=1, mode="constant")
        near = affine_transform(
            organ.astype(np.float32), np.full(3, step / spacing), (start - origin) / spacing, (edge,) * 3, order=1
        )
        return Cube(scaled(np.where(near >= 0.5, voxels, 0)), start, step)

    def to_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scanner mm of points in voxels, (..., 3) each."""
        return points * self.spacing + self.origin


@dataclass(frozen=True)
class Learned:
    """A trained network of `locus`.

    Attributes:
        weights: its weights.
        grid: volume edge and section size.
        options: with which it was trained.
    """

    weights: contract.Weights
    grid: BlockGrid
    options: Mapping[str, Any]

    @staticmethod
    def published(grid: BlockGrid) -> Learned:
        """Return the published network for a grid."""
        return Learned(published(NAME, grid), grid, {})

    @staticmethod
    def read(path: Path) -> Learned:
        """Read the bundle of a finished training.

        Raises:
            DataError: the file is no bundle, or that of another method.
        """
        bundle = load_bundle(path)
        origin = bundle.origin
        if origin.task != "atom" or origin.method.split("+")[0] != NAME:
            msg = f"{path} holds weights of {origin.task}/{origin.method}; locate needs those of {NAME}, which scores poses"
            raise DataError(msg)
        grid = AtomBoard.of(Board(origin.task, origin.dataset, origin.board)).grid
        return Learned(bundle.weights, grid, origin.options)


def learned_planes(cube: Cube, section: SectionImage, learned: Learned, threads: int) -> tuple[Planes, NDArray[np.float64]]:
    """Return poses by learned similarity, and the logarithm of the share that each has of the total, (N,).

    Args:
        cube: the organ, with the edge that the network knows.
        section: the section.
        learned: the network.
        threads: of the processor.

    Raises:
        DataError: the weights do not match the network.
    """
    grid = learned.grid
    angles = np.arange(ANGLES) * 2 * np.pi / ANGLES
    blurred = replace(section, pixels=gaussian_filter(section.pixels, blur(cube.spacing, section.pixel_mm), mode="nearest"))
    front = np.stack([turned_pixels(blurred, angle, grid.section, cube.spacing) for angle in angles])
    pixels = np.concatenate([front, front[:, :, ::-1]])
    search = search_with(learned.weights, grid, learned.options, contract.Resources(seed=1, threads=threads))
    found = search.poses(cube.voxels, np.ascontiguousarray(pixels), upright=True)
    normals, count = found.normals.reshape(-1, 3), found.scores.shape[1]
    axes = section_axes(normals, np.repeat(np.tile(angles, 2), count), np.repeat([False, True], ANGLES * count))
    middle = plane(normals, (-ONE / 2, -ONE / 2))[:, :, 0]  # of the image, which is even
    centres = cube.to_mm(found.centres.reshape(-1, 3) + middle)
    return Planes(centres, axes, np.full(len(centres), -np.inf)), np.asarray(log_softmax(found.scores.ravel()), np.float64)


def check_covers(section: SectionImage, spacing: float, grid: BlockGrid) -> None:
    """Check that a section covers enough of those of a grid, if its pixels measure `spacing` mm.

    Raises:
        DataError: it does not.
    """
    least = LEAST_SHARE * grid.section * spacing
    if section.size_mm.min() < least:
        msg = (
            f"{section.source} is {section.size_mm.min():.3g} mm wide; "
            f"the method locus needs at least {least:.3g} mm in this scan; use the search"
        )
        raise DataError(msg)


def turned_pixels(section: SectionImage, angle: float, width: int, spacing: float) -> NDArray[np.float32]:
    """Return the middle of a blurred section, turned by an angle (radians), at a spacing in mm; from 0 to 1, float32 (W, W).

    Column and row of the result lie along (cos, sin) and (-sin, cos) of the angle in columns and rows of the section.
    """
    sizes = np.asarray(section.pixel_mm, np.float64)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, sine], [-sine, cosine]]) * spacing / sizes[:, None]  # (row, column) to (row, column)
    start = (np.array(section.pixels.shape) - 1) / 2 - matrix @ np.full(2, (width - 1) / 2)
    return scaled(affine_transform(section.pixels, matrix, start, (width, width), order=1, mode="constant"))


def section_axes(normals: NDArray[np.float64], angles: NDArray[np.float64], mirrored: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the directions of columns, rows and the normal of the section as columns; float64 (N, 3, 3).

    Args:
        normals: of poses, (N, 3).
        angles: by which the section was turned before it was compared, (N,).
        mirrored: whether it was then mirrored from left to right, (N,).
    """
    across, down = (plane(normals, offsets)[:, :, 0] for offsets in ((ONE, 0 * ONE), (0 * ONE, ONE)))
    across = np.where(mirrored[:, None], -across, across)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    columns, rows = cosine * across - sine * down, sine * across + cosine * down
    return np.stack([columns, rows, np.cross(columns, rows)], axis=2)


def scaled(array: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return intensities from 0 (the least) to 1 (the percentile `BRIGHTEST` of what is brighter than the least)."""
    above = array - array.min()
    bright = above[above > 0]
    top = np.percentile(bright, BRIGHTEST) if len(bright) else 1.0
    return np.asarray(np.clip(above / top, 0, 1), np.float32)
