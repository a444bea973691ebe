"""Write a location: tables, transforms, images and a page, all or nothing."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.locating.figure import save_figure, save_match
from atombench.locating.location import Location
from atombench.locating.page import block_page, page_of
from atombench.volumes.dicom import LPS

POINTS = ("centre_mm", "centre_voxel", "normal")
COLUMNS = ("pose", "probability", "similarity", *[f"{name}_{axis}" for name in POINTS for axis in "xyz"])
NOTICE = "For research only; not a medical device."


def write(location: Location, out: Path) -> Path:
    """Write all files of a location into a new folder and return it.

    Raises:
        DataError: the folder is not empty or cannot be written.
    """
    with _new_folder(out) as made:
        _write_files(location, made)
    return out


def write_block(locations: Sequence[Location], out: Path) -> Path:
    """Write the locations of several sections into a new folder: a folder for each, a table, and a page with links to all.

    Raises:
        DataError: the folder is not empty or cannot be written.
    """
    names = [f"{number}-{location.section.source.name.split('.')[0]}" for number, location in enumerate(locations, 1)]
    with _new_folder(out) as made:
        for name, location in zip(names, locations, strict=True):
            (made / name).mkdir()
            _write_files(location, made / name)
        with (made / "sections.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["folder", *COLUMNS])
            for name, location in zip(names, locations, strict=True):
                table.writerow([name, *_row(location, 0)])
        page = block_page(dict(zip(names, locations, strict=True)), NOTICE, made)
        (made / "index.html").write_text(page, encoding="utf-8")
    return out


def check_free(out: Path) -> None:
    """Check that a folder can be written, so that a long search is not wasted.

    Raises:
        DataError: it exists and is not an empty folder, or cannot be written.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir()) or out.samefile(Path())):
            msg = f"{out} exists and is not an empty folder; choose another one"
            raise DataError(msg)
        with tempfile.TemporaryDirectory(
            prefix=".atombench.", dir=next(path for path in out.absolute().parents if path.exists())
        ):
            pass
    except OSError as error:
        msg = f"cannot write {out}: {error.strerror or error}"
        raise DataError(msg) from error


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes `out` once all files are written; otherwise nothing is left.

    Raises:
        DataError: `out` is not an empty folder or cannot be written.
    """
    check_free(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
            made = Path(temporary) / out.name
            made.mkdir()
            yield made
            if out.exists():
                out.rmdir()
            shutil.move(made, out)
    except (OSError, RuntimeError) as error:  # the latter from SimpleITK
        msg = f"cannot write {out}: {getattr(error, 'strerror', None) or str(error).strip().splitlines()[-1]}"
        raise DataError(msg) from error


def _write_files(location: Location, folder: Path) -> None:
    for name, writer in WRITERS.items():
        writer(location, folder / name)


def summary(location: Location) -> dict[str, Any]:
    """Return the contents of `location.json`."""
    poses = range(len(location.planes))
    return {
        "scan": str(location.scan.source),
        "section": str(location.section.source),
        "section_mm": _rounded(location.section.size_mm[::-1]),
        "method": location.method,
        "similarity": location.similarity,
        "calibrated_on": location.calibrated_on,
        "near_mm": round(location.near, 3),
        "ambiguous": location.is_ambiguous,
        "small": location.is_small,
        "notice": NOTICE,
        "space": "scanner mm: right, anterior, superior; voxels as stored, from 0",
        "poses": [_pose(location, number) for number in poses],
    }


def _pose(location: Location, number: int) -> dict[str, Any]:
    planes = location.planes
    return {
        "probability": round(float(location.probabilities[number]), 4),
        "similarity": round(float(planes.scores[number]), 4),
        "centre_mm": _rounded(planes.centres[number]),
        "centre_voxel": _rounded(location.scan.to_voxels(planes.centres[number])),
        "normal": _rounded(planes.axes[number, :, 2], 5),
        "columns": _rounded(planes.axes[number, :, 0], 5),
        "rows": _rounded(planes.axes[number, :, 1], 5),
        "corners_mm": [_rounded(corner) for corner in location.corners_mm(number)],
        "pixel_to_mm": [_rounded(row, 6) for row in location.pixel_to_mm(number)],
    }


def _rounded(values: NDArray[np.float64], digits: int = 3) -> list[float]:
    return [round(float(value), digits) + 0.0 for value in values]


def _json(location: Location, path: Path) -> None:
    path.write_text(json.dumps(summary(location), indent=1) + "\n", encoding="utf-8")


def _csv(location: Location, path: Path) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(_row(location, number) for number in range(len(location.planes)))


def _row(location: Location, number: int) -> list[float]:
    """Return the values of `COLUMNS` of a pose."""
    pose = _pose(location, number)
    return [number + 1, pose["probability"], pose["similarity"], *[value for name in POINTS for value in pose[name]]]


def _transform(location: Location, path: Path) -> None:
    """Write the ITK transform from the section, in mm from its centre, to the scan; ITK has left, posterior, superior."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix((LPS[:3, :3] @ location.planes.axes[0]).ravel().tolist())
    transform.SetTranslation((LPS[:3, :3] @ location.centre_mm).tolist())
    sitk.WriteTransform(transform, str(path))


def _markups(location: Location, path: Path) -> None:
    """Write the poses as closed curves for the Markups module of 3D Slicer."""
    curves = [
        {
            "type": "ClosedCurve",
            "coordinateSystem": "RAS",
            "controlPoints": [
                {"id": str(n), "label": f"{number + 1}-{n}", "position": _rounded(corner)}
                for n, corner in enumerate(location.corners_mm(number), 1)
            ],
            "display": {"curveType": "linear", "opacity": max(0.2, float(location.probabilities[number]))},
        }
        for number in range(len(location.planes))
    ]
    schema = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
    path.write_text(json.dumps({"@schema": schema, "markups": curves}, indent=1) + "\n", encoding="utf-8")


def _nifti(array: NDArray[np.float32], affine: NDArray[np.float64], path: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def _section(location: Location, path: Path) -> None:
    _nifti(location.section.pixels.T[:, :, None], location.pixel_to_mm(), path)


def _resliced(location: Location, path: Path) -> None:
    _nifti(location.resliced().T[:, :, None], location.pixel_to_mm(), path)


def _probability(location: Location, path: Path) -> None:
    _nifti(location.probability_map(), location.scan.affine, path)


def _page(location: Location, path: Path) -> None:
    path.write_text(page_of(location, summary(location), path.parent), encoding="utf-8")


WRITERS: dict[str, Callable[[Location, Path], None]] = {
    "location.json": _json,
    "location.csv": _csv,
    "transform.tfm": _transform,
    "poses.mrk.json": _markups,
    "section.nii.gz": _section,
    "resliced.nii.gz": _resliced,
    "probability.nii.gz": _probability,
    "match.png": save_match,
    "figure.png": save_figure,
    "index.html": _page,
}
"""Files in the order in which they are written; the page shows the figure."""
