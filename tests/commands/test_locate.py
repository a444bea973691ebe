"""`atombench locate` writes a folder, or says in one line what is wrong and writes nothing."""

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from atombench import cli
from atombench.locating import find, levels, outputs, search, section_image
from atombench.workflow import processes
from tests.locating.naive import cut, organ, pose_in, save_png, save_scan
from tests.volumes.on_disk import save_dicom

SCAN = organ(28)
TRUE = pose_in(SCAN, 1, off=3)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Refine few poses, work in the test's folder, and do not watch the parent process."""
    monkeypatch.setattr(search, "KEPT", (400, 40, *[6] * 6))
    monkeypatch.setattr(search, "TURN", 2.0)
    monkeypatch.setattr(levels, "FEWEST", 6)
    monkeypatch.setattr(processes, "follow_main", lambda: None)
    monkeypatch.chdir(tmp_path)
    save_scan(SCAN, Path("scan.nii.gz"))
    save_png(cut(SCAN, TRUE, 24), Path("slide.png"))


def command(*extra: object, volume: str = "scan.nii.gz", section: str = "slide.png", size: str | None = "2") -> list[str]:
    sized = [] if size is None else ["--mm-per-pixel", size]
    return ["locate", "--volume", volume, "--section", section, "-o", "out", "--threads", "1", *sized, *map(str, extra)]


def test_a_section_is_located(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(command())
    assert not ended.value.code
    assert {path.name for path in Path("out").iterdir()} == {*outputs.WRITERS}
    best = json.loads(Path("out/location.json").read_text())["poses"][0]
    assert np.linalg.norm(np.array(best["centre_mm"]) - TRUE.centres[0]) < 2
    shown = capsys.readouterr().err
    assert "slide.png: centre (" in shown
    assert "open out/index.html" in shown
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


def test_sections_of_a_block_get_a_folder_each(capsys: pytest.CaptureFixture[str]) -> None:
    save_png(cut(SCAN, TRUE, 24).T, Path("turned over.png"))
    with pytest.raises(SystemExit) as ended:
        cli.main(command("--section", "turned over.png", "--spacing", "2"))
    assert not ended.value.code
    folders = ["1-slide", "2-turned over"]
    assert {path.name for path in Path("out").iterdir()} == {*folders, "index.html", "sections.csv"}
    for folder in folders:
        assert {path.name for path in Path("out", folder).iterdir()} == {*outputs.WRITERS}
    with Path("out/sections.csv").open() as file:
        assert [row["folder"] for row in csv.DictReader(file)] == folders
    assert 'href="2-turned%20over/index.html"' in Path("out/index.html").read_text()


def save_bad_files() -> None:
    """Write one file for each way in which an input may be wrong."""
    rng = np.random.default_rng(0)
    Path("text.nii.gz").write_text("no image")
    Path("text.png").write_text("no image")
    nibabel.save(nibabel.Nifti1Image(rng.random((9, 9, 9, 3), dtype=np.float32), np.eye(4)), "four.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 9, 9), np.float32), np.eye(4)), "empty.nii.gz")
    metres = nibabel.Nifti1Image(SCAN.voxels, np.diag([2.0, 2, 2, 1]))
    metres.header.set_xyzt_units("meter")  # but the numbers are mm
    nibabel.save(metres, "metres.nii.gz")
    Image.new("L", (40, 40), 90).save("constant.png")
    Image.new("RGBA", (40, 40), (200, 90, 120, 0)).save("transparent.png")
    tifffile.imwrite(
        "stack.tif", rng.integers(0, 255, (3, 40, 40), dtype=np.uint8), photometric="minisblack", metadata={"axes": "ZYX"}
    )
    Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8)).save("large.png")
    turn = np.eye(3)
    turn[:, 2] = 0, np.sin(np.radians(15)), np.cos(np.radians(15))
    save_dicom(Path("tilted"), rng.integers(0, 99, (12, 12, 12), dtype=np.int16), turn=turn)
    vector = sitk.GetImageFromArray(rng.random((9, 9, 9, 3)), isVector=True)
    sitk.WriteImage(vector, "vector.mha")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"volume": "missing.nii.gz"}, "missing.nii.gz does not exist"),
        ({"volume": "text.nii.gz"}, "text.nii.gz cannot be read"),
        ({"volume": "four.nii.gz"}, "4"),
        ({"volume": "empty.nii.gz"}, "empty.nii.gz has the same value everywhere"),
        ({"volume": "metres.nii.gz"}, "its unit of length seems to be wrong"),
        ({"volume": "vector.mha"}, "3 values per voxel"),
        ({"volume": "tilted"}, "tilted gantry (15.0 degrees)"),
        ({"section": "missing.png"}, "missing.png does not exist"),
        ({"section": "text.png"}, "text.png cannot be read as an image"),
        ({"section": "constant.png"}, "constant.png has the same value in every pixel"),
        ({"section": "transparent.png"}, "transparent.png has the same value in every pixel"),
        ({"section": "stack.tif"}, "stack.tif has more than one plane or channel"),
        ({"section": "large.png", "size": "10"}, "large.png measures 400 x 400 mm, but the organ in the scan only"),
        ({"section": "slide.png", "size": "0.01"}, "less than 3 voxels of the scan"),
        ({"size": None}, "slide.png does not say how large its pixels are; give --mm-per-pixel"),
        ({"size": "-1"}, "slide.png"),
        ({"extra": ["--method", "magic"]}, "there is no method 'magic'"),
        ({"extra": ["--weights", "w.safetensors"]}, "the method search uses no weights"),
        ({"extra": ["--method", "locus"]}, "the method locus needs at least"),
        ({"extra": ["--box", "1 2 3"]}, "a box needs six numbers"),
        ({"extra": ["--box", "500 600 0 1 0 1"]}, "the region does not overlap with the organ"),
        ({"extra": ["--box", "0 9 0 9 0 9", "--region", "scan.nii.gz"]}, "either --region or --box"),
        ({"extra": ["--spacing", "0"]}, "a spacing of more than 0 mm"),
    ],
)
def test_bad_input_gets_one_clear_line_and_nothing_is_written(
    changed: dict[str, object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_bad_files()
    before = {*Path().iterdir()}
    arguments = dict(changed)
    if changed == {"extra": ["--method", "locus"]}:
        save_png(cut(SCAN, TRUE, 12), Path("small.png"))
        arguments["section"] = "small.png"
        before = {*Path().iterdir()}
    extra = arguments.pop("extra", [])
    with pytest.raises(SystemExit) as ended:
        cli.main(command(*extra, **arguments))  # type: ignore[misc,arg-type]
    assert ended.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert {*Path().iterdir()} == before


def test_a_folder_with_files_is_kept_and_found_before_the_search(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "find_poses", None)
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    for out, message in (
        ("out", "exists and is not an empty folder"),
        (".", "exists and is not"),
        ("slide.png/out", "cannot write"),
    ):
        with pytest.raises(SystemExit):
            cli.main([out if word == "out" else word for word in command()])
        assert message in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


def test_a_huge_image_without_levels_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_image, "MOST_PIXELS", 100)
    with pytest.raises(SystemExit):
        cli.main(command())
    assert "reduce it first, or save it as a pyramid" in capsys.readouterr().err
