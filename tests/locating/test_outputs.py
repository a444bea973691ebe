"""What is written says where the section lies, in the terms of the scan's own file; nothing is half-written."""

import csv
import json
from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from atombench.errors import DataError
from atombench.locating import outputs
from atombench.locating.figure import crossing_line
from atombench.locating.location import Location
from atombench.locating.planes import Planes
from atombench.locating.scan import read_scan
from atombench.locating.section_image import SectionImage
from atombench.volumes.dicom import LPS

SHAPE, SPACING = (24, 20, 16), np.array([2.0, 3.0, 4.0])
MARK = (14, 9, 7)  # voxel, along right, anterior and superior
FILES = {*outputs.WRITERS}


def stored_scan(folder: Path, order: tuple[int, ...] = (0, 1, 2), flips: tuple[int, ...] = (1, 1, 1)) -> Path:
    """Write a random volume with a marked voxel, with its axes in some order and directions."""
    voxels = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    voxels[MARK] = 100
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -20, 5, 30
    image = nibabel.Nifti1Image(voxels, affine).as_reoriented(np.array(list(zip(np.argsort(order), flips, strict=True))))
    nibabel.save(image, folder / "scan.nii.gz")
    return folder / "scan.nii.gz"


def location_of(
    path: Path, axes: np.ndarray | None = None, probabilities: tuple[float, ...] = (0.7, 0.2), compared: int = 400
) -> Location:
    """Return a location whose first pose has the marked voxel at row 2 and column 4 of the section."""
    scan = read_scan(path)
    pixels = np.random.default_rng(1).random((9, 13), dtype=np.float32)
    section = SectionImage(pixels, np.array([2.0, 1.0]), False, Path("slide.png"))
    axes = Rotation.from_euler("xyz", [20, -30, 40], degrees=True).as_matrix() if axes is None else axes
    mark = np.array([-20, 5, 30]) + SPACING * MARK
    centre = mark - axes[:, 0] * (4 - 6) * 1.0 - axes[:, 1] * (2 - 4) * 2.0
    both = Planes(np.stack([centre, centre + 9]), np.stack([axes, axes]), np.array([0.9, 0.8]))
    return Location(scan, section, both, np.array(probabilities), 4.0, "made-up data", "search", "ncc", compared)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product([1, -1], repeat=3)))
def test_the_mark_is_resliced_where_it_is_in_all_axis_orientations(
    order: tuple[int, ...], flips: tuple[int, ...], tmp_path: Path
) -> None:
    location = location_of(stored_scan(tmp_path, order, flips))
    assert np.unravel_index(location.resliced().argmax(), (9, 13)) == (2, 4)
    assert location.resliced()[2, 4] == pytest.approx(100, rel=1e-3)
    affine = location.pixel_to_mm()
    marked = location.scan.to_voxels(affine[:3, :3] @ [4, 2, 0] + affine[:3, 3])
    np.testing.assert_allclose(marked, np.argwhere(location.scan.voxels == 100)[0], atol=1e-3)


def test_all_files_agree(tmp_path: Path) -> None:
    location = location_of(stored_scan(tmp_path, (2, 0, 1), (-1, 1, -1)))
    out = outputs.write(location, tmp_path / "out")
    assert {path.name for path in out.iterdir()} == FILES
    summary = json.loads((out / "location.json").read_text())
    first = summary["poses"][0]
    np.testing.assert_allclose(first["centre_mm"], location.centre_mm, atol=1e-3)
    np.testing.assert_allclose(location.scan.to_mm(np.array(first["centre_voxel"])), location.centre_mm, atol=0.01)
    rows = list(csv.DictReader((out / "location.csv").open()))
    assert [float(row["probability"]) for row in rows] == [0.7, 0.2]
    assert [float(rows[0][f"centre_mm_{axis}"]) for axis in "xyz"] == first["centre_mm"]
    transform = sitk.ReadTransform(str(out / "transform.tfm"))
    for corner, offset in zip(first["corners_mm"], [(-6.5, -9, 0), (6.5, -9, 0), (6.5, 9, 0), (-6.5, 9, 0)], strict=True):
        np.testing.assert_allclose(LPS[:3, :3] @ np.array(transform.TransformPoint(offset)), corner, atol=1e-2)
    markups = json.loads((out / "poses.mrk.json").read_text())["markups"]
    assert [point["position"] for point in markups[0]["controlPoints"]] == first["corners_mm"]


def test_images_lie_in_scanner_space(tmp_path: Path) -> None:
    location = location_of(stored_scan(tmp_path))
    out = outputs.write(location, tmp_path / "out")
    section, resliced = nibabel.load(out / "section.nii.gz"), nibabel.load(out / "resliced.nii.gz")
    np.testing.assert_allclose(section.affine, location.pixel_to_mm(), atol=1e-4)
    np.testing.assert_array_equal(section.get_fdata(dtype=np.float32)[:, :, 0].T, location.section.pixels)
    at = np.unravel_index(resliced.get_fdata().argmax(), resliced.shape)
    mark = np.array([-20, 5, 30]) + SPACING * MARK
    np.testing.assert_allclose(resliced.affine[:3, :3] @ at + resliced.affine[:3, 3], mark, atol=1e-3)
    found = nibabel.load(out / "probability.nii.gz")
    assert found.shape == location.scan.voxels.shape
    assert found.get_fdata().sum() == pytest.approx(0.9, abs=1e-4)
    peak = np.unravel_index(found.get_fdata().argmax(), found.shape)
    assert np.linalg.norm(found.affine[:3, :3] @ peak + found.affine[:3, 3] - location.centre_mm) < 3


@pytest.mark.parametrize(("probabilities", "ambiguous"), [((0.7, 0.2), True), ((0.9, 0.05), False)])
def test_the_page_is_one_file_that_says_how_far_to_trust_it(
    probabilities: tuple[float, float], ambiguous: bool, tmp_path: Path
) -> None:
    location = location_of(stored_scan(tmp_path), probabilities=probabilities)
    page = (outputs.write(location, tmp_path / "out") / "index.html").read_text()
    assert location.is_ambiguous is ambiguous
    assert ("Ambiguous" in page) is ambiguous
    assert f"{100 * probabilities[0]:.0f} %" in page
    assert "made-up data" in page
    assert "not a medical device" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    location = location_of(stored_scan(tmp_path))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(DataError, match="not an empty folder"):
        outputs.write(location, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(location: Location, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(outputs.WRITERS, "figure.png", fails)
    location = location_of(stored_scan(tmp_path))
    with pytest.raises(DataError, match="No space left on device"):
        outputs.write(location, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"]


def test_the_line_in_which_a_rectangle_crosses_a_plane() -> None:
    corners = np.array([[0.0, 0, 0], [4, 0, 0], [4, 2, 2], [0, 2, 2]])
    np.testing.assert_allclose(crossing_line(corners, 2, 1.0), [[4, 1, 1], [0, 1, 1]])
    assert crossing_line(corners, 2, 3.0) is None


def test_the_page_warns_of_small_sections(tmp_path: Path) -> None:
    location = location_of(stored_scan(tmp_path), probabilities=(0.99, 0.0), compared=64)
    assert location.is_ambiguous
    page = (outputs.write(location, tmp_path / "out") / "index.html").read_text()
    assert "covers only 64 pixels" in page
    assert json.loads((tmp_path / "out/location.json").read_text())["small"]
