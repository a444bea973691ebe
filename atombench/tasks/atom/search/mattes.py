"""Refinement by Mattes mutual information: rigid registration of a section to its volume with SimpleITK.

Mattes et al., PET-CT image registration in the chest using free-form deformations, IEEE Trans Med Imaging 22, 2003. The section
is an image of one slice, and the volume is interpolated linearly, with zeros around it. A rotation within the plane is found
together with the pose but is not part of an answer.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BlockGrid, plane

Array = NDArray[np.float64]
AXES = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
BINS = 16  # of the histograms, two of them beyond either end; with fewer, normals drift
ITERATIONS = 40
FIRST_STEP, LAST_STEP = 1.0, 0.02  # voxels


class Mattes:
    """Registration of sections to one volume; voxel (i, j, k) is at the physical point (i, j, k).

    Args:
        volume: float32 (E, E, E).
        grid: volume edge and section size.
    """

    def __init__(self, volume: NDArray[np.float32], grid: BlockGrid) -> None:
        self.grid = grid
        self.moving = sitk.GetImageFromArray(np.pad(volume, grid.section).transpose(2, 1, 0))
        self.moving.SetOrigin([-float(grid.section)] * 3)

    def registered(self, pixels: NDArray[np.float32], centre: Array, normal: Array) -> tuple[Array, Array]:
        """Return centre (3,) in voxels and unit normal (3,) after registration; unchanged if it fails.

        Args:
            pixels: the section, (W, W); rows follow b, columns a.
            centre: first centre, (3,) voxels.
            normal: first normal, (3,).
        """
        fixed = sitk.GetImageFromArray(pixels[None])
        fixed.SetOrigin([-self.grid.section / 2, -self.grid.section / 2, 0])
        upwards = normal / np.linalg.norm(normal)
        transform = sitk.Euler3DTransform()
        transform.SetMatrix(np.column_stack([plane(normal[None], AXES)[0], upwards]).ravel().tolist(), 1e-6)
        transform.SetTranslation(centre.tolist())
        try:
            _method(transform).Execute(fixed, self.moving)
        except RuntimeError:  # such as a section that is equal throughout
            return centre, upwards
        return np.array(transform.GetTranslation()), np.array(transform.GetMatrix()).reshape(3, 3)[:, 2]


def _method(transform: sitk.Euler3DTransform) -> sitk.ImageRegistrationMethod:
    """Return a registration that changes the transform."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=BINS)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(FIRST_STEP, LAST_STEP, ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    method.SetNumberOfThreads(1)  # sums do not depend on the machine
    return method
