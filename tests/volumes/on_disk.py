"""Collections written to disk the way other people's tools write them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk
import torch

from atombench.volumes.dicom import keeping_locale
from tests.conftest import textured

SPACING = (2.0, 3.0, 4.0)
SHAPE = (24, 22, 20)
UPRIGHT = np.eye(3)
ABOUT = {"title": "", "modality": "", "licence": "", "cite": ""}


def brains(count: int) -> np.ndarray:
    """Whole numbers, which every file format keeps; int16 (count, 24, 22, 20)."""
    return (1000 * textured(count, 24)[:, :, :22, :20]).astype(np.int16)


def affine(spacing: tuple[float, float, float] = SPACING) -> np.ndarray:
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = (-20.0, 7.0, 3.0)
    return matrix


def save_nifti(path: Path, array: np.ndarray, orientation: str = "RAS", spacing: Any = SPACING, units: str = "mm") -> None:
    """Write an image with its voxels in another order, as its affine states."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codes = nibabel.orientations
    turn = codes.ornt_transform(codes.axcodes2ornt("RAS"), codes.axcodes2ornt(orientation))
    image = nibabel.Nifti1Image(array, affine(spacing)).as_reoriented(turn)
    image.header.set_xyzt_units(units)
    nibabel.save(image, path)


def save_tensor(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(torch.from_numpy(array.astype(np.float32))[None], path)


def save_dicom(
    folder: Path,
    array: np.ndarray,
    skip: tuple[int, ...] = (),
    series: str = "1.2.3",
    positions: bool = True,
    turn: np.ndarray = UPRIGHT,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    """Write one series, a file per slice along the third axis of a volume in RAS order.

    `turn` (3, 3) holds the directions of DICOM's columns, rows and slices as its columns, `origin` the position of the first
    voxel written; both in DICOM's world axes (left, posterior, superior), in mm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    turned = np.ascontiguousarray(array[::-1, ::-1].T)  # k, j, i; DICOM's x and y run to the left and to the back
    image = sitk.GetImageFromArray(turned)
    image.SetSpacing(SPACING)
    with keeping_locale():
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for number in range(image.GetDepth()):
            if number in skip:
                continue
            plane = image[:, :, number]
            for tag, value in (
                ("0008|0060", "MR"),
                ("0020|000e", series),
                ("0020|000d", "1.2"),
                ("0020|0037", _numbers([*turn[:, 0], *turn[:, 1]])),
                *([("0020|0032", _numbers(origin + SPACING[2] * number * turn[:, 2]))] if positions else []),
                ("0020|0013", str(number + 1)),
                ("0008|0018", f"{series}.{number + 1}"),
            ):
                plane.SetMetaData(tag, value)
            writer.SetFileName(str(folder / f"IM{number:04d}.dcm"))
            writer.Execute(plane)


def _numbers(values: Iterable[float]) -> str:
    return "\\".join(f"{value:.10g}" for value in values)


def save_table(path: Path, header: list[str], lines: list[tuple[str, ...]]) -> None:
    mark = "\t" if path.suffix == ".tsv" else ","
    path.write_text("\n".join(mark.join(line) for line in [tuple(header), *lines]) + "\n")


def save_sums(folder: Path) -> str:
    """Write the checksums of all files; return the checksum of the list."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "SUMS"]
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}" for path in files]
    (folder / "SUMS").write_text("\n".join(sums) + "\n")
    return hashlib.sha256((folder / "SUMS").read_bytes()).hexdigest()
