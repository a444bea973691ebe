"""Reference implementation of the protocol for one section at a time, for tests and benchmarks."""

from __future__ import annotations

from functools import cache

import numpy as np


def rotation_to(normal: np.ndarray) -> np.ndarray:
    """Return the smallest rotation that takes +k to the normal: Rodrigues' formula about k x n."""
    n = normal / np.linalg.norm(normal)
    axis, cosine = np.cross([0.0, 0.0, 1.0], n), n[2]
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def naive_points(centre: np.ndarray, normal: np.ndarray, scale: int) -> np.ndarray:
    """Return the points before rounding (3, P); b outer, a inner."""
    steps = range(-2 * scale, 2 * scale)
    return centre[:, None] + rotation_to(normal) @ np.array([(a, b, 0) for b in steps for a in steps], dtype=float).T


@cache
def naive_blocks(s: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first voxels of the coarse blocks (27, 3) and of the boxes in each (27, 27, 3)."""
    indices = [(i, j, k) for i in range(3) for j in range(3) for k in range(3)]
    coarse = np.array([(5 * s * i, 5 * s * j, 5 * s * k) for i, j, k in indices])
    return coarse, np.array([[start + 2 * s * np.array(box) for box in indices] for start in coarse])


def naive_labels(points: np.ndarray, s: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the blocks (27,) and boxes (27, 27) that contain the four corners."""
    side = 4 * s
    corners = points.reshape(3, side, side)[:, [0, 0, -1, -1], [0, -1, 0, -1]].T
    coarse, fine = naive_blocks(s)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return (
        ((low >= coarse) & (high <= coarse + 10 * s - 1)).all(axis=-1),
        ((low >= fine) & (high <= fine + 6 * s - 1)).all(axis=-1),
    )


def naive_cut(volume: np.ndarray, points: np.ndarray, s: int) -> np.ndarray:
    """Return the voxels at the points (4s, 4s), 0 outside the volume."""
    pixels = np.zeros(points.shape[1], volume.dtype)
    inside = ((points >= 0) & (points < 20 * s)).all(axis=0)
    pixels[inside] = volume[tuple(points[:, inside])]
    return pixels.reshape(4 * s, 4 * s)


def naive_section(
    volume: np.ndarray, centre: np.ndarray, normal: np.ndarray, s: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pixels, points and both levels of labels of one section.

    Points are first rounded to ten decimals, because the rotation computes halfway values with a rounding error.
    """
    points = np.rint(np.round(naive_points(centre, normal, s), 10)).astype(int)
    return naive_cut(volume, points, s), points, *naive_labels(points, s)


def random_poses(seed: int, count: int, s: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw centres within the volume, and normals with integer (0..9) or normally distributed components, half of each."""
    rng = np.random.default_rng(seed)
    normals = np.where(rng.random((count, 1)) < 0.5, rng.integers(0, 10, (count, 3)), rng.normal(size=(count, 3)))
    normals[~normals.any(axis=1)] = 1
    return rng.integers(0, 20 * s, (count, 3)), normals
