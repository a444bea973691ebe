"""Scans and sections that tests can make in a moment."""

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from atombench.locating.planes import Planes
from atombench.locating.scan import Scan

SPACING = 2.0  # mm


def organ(edge: int = 40, seed: int = 0) -> Scan:
    """Return a ball of random texture in the middle of an empty scan, with isotropic voxels along flipped axes."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(edge,) * 3), 2.5)
    radius = np.linalg.norm(np.indices(noise.shape) - (edge - 1) / 2, axis=0)
    voxels = np.where(radius < 0.4 * edge, 1 + noise / noise.std() / 4, 0).clip(0)
    affine = np.diag([-SPACING, SPACING, SPACING, 1.0])
    affine[:3, 3] = edge, -edge + 3, 5
    return Scan(voxels.astype(np.float32), affine, Path("organ"))


def pose_in(scan: Scan, seed: int = 0, off: float = 6.0) -> Planes:
    """Return a random pose with its centre up to `off` mm from the middle of the scan along each axis."""
    rng = np.random.default_rng(seed)
    middle = scan.to_mm((np.array(scan.voxels.shape) - 1) / 2) + rng.uniform(-off, off, 3)
    return Planes(middle[None], Rotation.random(rng=rng).as_matrix()[None], np.zeros(1))


def cut(scan: Scan, pose: Planes, side: float = 32.0, pixel: float = SPACING) -> np.ndarray:
    """Return the pixels of a square section at a pose, interpolated between voxels."""
    count = round(side / pixel)
    along = (np.arange(count) - (count - 1) / 2) * pixel
    offsets = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    voxels = scan.to_voxels(pose.points(offsets)[0])
    return map_coordinates(scan.voxels, voxels.T, order=1).reshape(count, count).astype(np.float32)


def save_scan(scan: Scan, path: Path) -> Path:
    image = nibabel.Nifti1Image(scan.voxels, scan.affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def save_png(pixels: np.ndarray, path: Path) -> Path:
    full = 255 * (pixels - pixels.min()) / np.ptp(pixels)
    Image.fromarray(full.astype(np.uint8)).save(path)
    return path
