"""Sections are read from all formats with their physical size, as grey values; bad ones are refused with a clear message."""

import contextlib
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atombench.errors import DataError
from atombench.locating import section_image
from atombench.locating.section_image import ENOUGH, read_section

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (20, 30)).astype(np.uint8)
SIDE = 0.5  # mm per pixel


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GREY),
        Image.fromarray(GREY.astype(np.uint16) * 257),
        Image.fromarray(np.repeat(GREY[:, :, None], 3, axis=2)),
        Image.fromarray(np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])),
        Image.fromarray(GREY).convert("LA"),
        Image.fromarray(GREY).convert("P"),
    ],
    ids=["8 bit", "16 bit", "RGB", "RGBA", "grey with alpha", "palette"],
)
def test_grey_pictures_of_all_kinds_have_the_same_pixels_up_to_their_range(image: Image.Image, tmp_path: Path) -> None:
    image.save(tmp_path / "slide.png")
    section = read_section(tmp_path / "slide.png", SIDE)
    assert not section.stained
    np.testing.assert_allclose(section.pixels / section.pixels.max(), GREY / GREY.max(), atol=1e-6)
    np.testing.assert_array_equal(section.pixel_mm, [SIDE, SIDE])
    np.testing.assert_array_equal(section.size_mm, [20 * SIDE, 30 * SIDE])


def stained_slide() -> np.ndarray:
    """Return a white slide with a purple square in its middle, (40, 40, 3)."""
    slide = np.full((40, 40, 3), 245, np.uint8)
    slide[10:30, 10:30] = (150, 80, 160)
    return slide


@pytest.mark.parametrize("alpha", [False, True])
def test_stained_tissue_is_brighter_than_the_slide(alpha: bool, tmp_path: Path) -> None:
    slide = stained_slide()
    if alpha:
        slide = np.dstack([slide, np.full(slide.shape[:2], 255, np.uint8)])
        slide[:5] = 0  # transparent black, which is background
    Image.fromarray(slide).save(tmp_path / "slide.png")
    section = read_section(tmp_path / "slide.png", SIDE)
    assert section.stained
    assert section.pixels[12:28, 12:28].min() > 2 * section.pixels[:9].max()


def test_transparent_pixels_of_a_grey_picture_are_background(tmp_path: Path) -> None:
    array = np.dstack([np.full((20, 20), 200, np.uint8)] * 3 + [np.full((20, 20), 255, np.uint8)])
    array[:4, :, 3] = 0
    Image.fromarray(array).save(tmp_path / "slide.png")
    pixels = read_section(tmp_path / "slide.png", SIDE).pixels
    assert (pixels[:4] == 0).all()
    assert (pixels[4:] > 0).all()


def test_a_large_picture_is_reduced_and_its_size_in_mm_is_kept(tmp_path: Path) -> None:
    array = np.kron(GREY, np.ones((200, 200), np.uint8))
    Image.fromarray(array).save(tmp_path / "slide.png")
    section = read_section(tmp_path / "slide.png", 0.01)
    assert ENOUGH <= max(section.pixels.shape) < 2 * ENOUGH
    np.testing.assert_allclose(section.size_mm, np.array(array.shape) * 0.01, rtol=0.01)


@pytest.mark.parametrize("unit", ["µm", "mm"])
def test_ome_tiff_states_its_size(unit: str, tmp_path: Path) -> None:
    metadata = {"axes": "YX", "PhysicalSizeX": 3.0, "PhysicalSizeY": 2.0, "PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "slide.ome.tif", GREY, metadata=metadata)
    mm = {"µm": 1e-3, "mm": 1.0}[unit]
    np.testing.assert_allclose(read_section(tmp_path / "slide.ome.tif").pixel_mm, [2 * mm, 3 * mm])
    np.testing.assert_allclose(read_section(tmp_path / "slide.ome.tif", 7.0).pixel_mm, [7, 7])


def test_a_fitting_level_of_a_pyramid_is_read(tmp_path: Path) -> None:
    full = np.kron(RNG.integers(0, 255, (64, 64)).astype(np.uint8), np.ones((64, 64), np.uint8))  # 4096 x 4096
    with tifffile.TiffWriter(tmp_path / "slide.ome.tif") as file:
        file.write(full, subifds=3, tile=(256, 256), metadata={"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0})
        for step in (2, 4, 8):
            file.write(full[::step, ::step], subfiletype=1, tile=(256, 256))
    section = read_section(tmp_path / "slide.ome.tif")
    assert section.pixels.shape == (1024, 1024)
    np.testing.assert_allclose(section.pixel_mm, [4e-3, 4e-3])
    np.testing.assert_array_equal(section.pixels, full[::4, ::4])


def test_resolution_tags_count_only_if_they_are_no_resolution_for_print(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "slide.tif", GREY, resolution=(1000, 2000), resolutionunit="CENTIMETER")
    np.testing.assert_allclose(read_section(tmp_path / "slide.tif").pixel_mm, [0.005, 0.01])
    tifffile.imwrite(tmp_path / "print.tif", GREY, resolution=(300, 300), resolutionunit="INCH")
    with pytest.raises(DataError, match="--mm-per-pixel"):
        read_section(tmp_path / "print.tif")


def test_a_flat_nifti_image_is_read_as_columns_by_rows(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(GREY.T[:, :, None].astype(np.float32), np.diag([300.0, 200.0, 1.0, 1.0]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "slide.nii.gz")
    section = read_section(tmp_path / "slide.nii.gz")
    np.testing.assert_array_equal(section.pixels, GREY)
    np.testing.assert_allclose(section.pixel_mm, [0.2, 0.3])


def written(folder: Path, name: str, array: np.ndarray) -> Path:
    path = folder / name
    if name.endswith(".nii"):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    elif name.endswith(".tif"):
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("slide.png", np.zeros((20, 20), np.uint8), "the same value in every pixel"),
        ("slide.png", np.eye(3, dtype=np.uint8), "at least 4 x 4"),
        ("slide.tif", RNG.random((5, 20, 20), dtype=np.float32), "more than one plane"),
        ("slide.tif", np.where(np.eye(9), np.nan, 1).astype(np.float32), "not finite"),
        ("slide.nii", RNG.random((9, 9, 9), dtype=np.float32), "expected a two-dimensional image"),
    ],
)
def test_bad_images_are_refused(name: str, array: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_section(written(tmp_path, name, array), SIDE)


@pytest.mark.parametrize("name", ["slide.png", "slide.jpg", "slide.tif", "slide.nii.gz"])
def test_unreadable_files_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no image at all")
    with pytest.raises(DataError, match="cannot be read"):
        read_section(tmp_path / name, SIDE)


def test_questions_about_size_and_type_are_asked_plainly(tmp_path: Path) -> None:
    path = written(tmp_path, "slide.png", GREY)
    with pytest.raises(DataError, match="does not say how large its pixels are; give --mm-per-pixel"):
        read_section(path)
    with pytest.raises(DataError, match="expected positive sizes"):
        read_section(path, -1.0)
    path.rename(tmp_path / "slide.xyz")
    with pytest.raises(DataError, match="unknown type"):
        read_section(tmp_path / "slide.xyz")
    with pytest.raises(DataError, match="does not exist"):
        read_section(path)


@pytest.mark.parametrize("name", ["slide.png", "slide.tif"])
def test_a_huge_image_without_levels_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_image, "MOST_PIXELS", GREY.size - 1)
    with pytest.raises(DataError, match="30 x 20 pixels and no smaller level"):
        read_section(written(tmp_path, name, GREY), SIDE)


@pytest.mark.parametrize("compression", ["lzw", "deflate", "jpeg"])
def test_compressed_tiff_files_are_read(compression: str, tmp_path: Path) -> None:
    colours = np.repeat(np.repeat(RNG.integers(60, 200, (4, 4, 3), dtype=np.uint8), 16, axis=0), 16, axis=1)
    for name, extra in (("plain.tif", {}), ("packed.tif", {"compression": compression, "tile": (64, 64)})):
        tifffile.imwrite(tmp_path / name, colours, photometric="rgb", **extra)
    plain, packed = (read_section(tmp_path / name, SIDE) for name in ("plain.tif", "packed.tif"))
    assert packed.stained
    assert np.corrcoef(plain.pixels.ravel(), packed.pixels.ravel())[0, 1] > 0.97


def test_channels_of_fluorescence_are_not_taken_for_colours(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "slide.ome.tif", RNG.random((3, 20, 20), dtype=np.float32), metadata={"axes": "CYX"})
    with pytest.raises(DataError, match=r"more than one plane or channel \(C=3\)"):
        read_section(tmp_path / "slide.ome.tif", SIDE)


def test_palettes_and_inks_of_tiff_are_refused_plainly(tmp_path: Path) -> None:
    indices = RNG.integers(0, 255, (20, 20), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", indices, photometric="palette", colormap=RNG.integers(0, 65535, (3, 256), dtype=np.uint16)
    )
    tifffile.imwrite(tmp_path / "b.tif", RNG.integers(0, 255, (20, 20, 4), dtype=np.uint8), photometric="separated")
    for name, colours in (("a.tif", "PALETTE"), ("b.tif", "SEPARATED")):
        with pytest.raises(DataError, match=f"has the colours {colours}, expected grey values or RGB"):
            read_section(tmp_path / name, SIDE)


def test_twelve_bits_in_sixteen_show_the_same_stain(tmp_path: Path) -> None:
    colours = RNG.integers(60, 200, (20, 20, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "eight.tif", colours, photometric="rgb")
    twelve = np.round(colours / 255.0 * 4095).astype(np.uint16)
    twelve[0, 0] = 4095
    tifffile.imwrite(tmp_path / "twelve.tif", twelve, photometric="rgb")
    eight, more = (read_section(tmp_path / name, SIDE) for name in ("eight.tif", "twelve.tif"))
    assert more.stained
    np.testing.assert_allclose(more.pixels[1:], eight.pixels[1:], atol=0.01)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.fromarray(np.kron(np.array([[10, 200], [90, 40]], np.uint8), np.ones((16, 16), np.uint8))).save(
        tmp_path / "slide.jpg", exif=exif
    )
    pixels = read_section(tmp_path / "slide.jpg", SIDE).pixels
    assert pixels[8, 24] == pytest.approx(pixels.min(), abs=0.05)  # the dark corner came from the upper left


def test_a_large_bilevel_image_keeps_its_shades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_image, "ENOUGH", 10)
    dots = np.zeros((40, 40), bool)
    dots[::4, ::4] = True
    dots[:4, :4] = True
    tifffile.imwrite(tmp_path / "slide.tif", dots)
    pixels = read_section(tmp_path / "slide.tif", SIDE).pixels
    assert sorted({*np.round(pixels / pixels.max(), 4).ravel().tolist()}) == [0.0625, 1.0]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["slide.tif", "slide.png"]))
@settings(max_examples=60, deadline=None)
def test_damaged_images_raise_only_data_errors(seed: int, name: str) -> None:
    """Bytes are overwritten at random: the image may still be readable, but only DataError may be raised."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        colours = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
        if name.endswith("tif"):
            tifffile.imwrite(path, colours, photometric="rgb", compression="deflate")
        else:
            Image.fromarray(colours).save(path)
        data = bytearray(path.read_bytes())
        for _ in range(4):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data)
        with contextlib.suppress(DataError):
            read_section(path, SIDE)
