"""The section to be located: PNG, JPEG, TIFF (also pyramids and OME-TIFF) or a two-dimensional NIfTI image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.locating.scan import NIFTI, is_folder
from atombench.volumes.nifti import mm_per_unit, nifti_errors

TIFF = (".tif", ".tiff", ".svs", ".ndpi", ".btf")
OTHER = (".png", ".jpg", ".jpeg")
LEAST = 4  # pixels per side
ENOUGH = 1024  # pixels of the longer side; larger images are read at a smaller level of a pyramid, or reduced
MOST_PIXELS = 80_000_000  # of an image that is decoded whole
COLOURED = 0.05  # difference of channels from their mean, as a share of white, in the most coloured pixels of stained tissue
PRINT_RESOLUTION = 600.0  # per inch; programs write up to this value without knowing the specimen
COLOUR_SPACES = ("CMYK", "YCbCr", "LAB", "HSV")
MM_PER_NAME = {"m": 1e3, "cm": 10.0, "mm": 1.0, "µm": 1e-3, "μm": 1e-3, "um": 1e-3, "nm": 1e-6, "inch": 25.4}


@dataclass(frozen=True)
class SectionImage:
    """Grey pixels of a section.

    Attributes:
        pixels: float32 (H, W), brighter where there is more tissue if it was stained.
        pixel_mm: height and width of a pixel in mm, (2,).
        stained: whether it was a colour image of stained tissue.
        source: the file.
    """

    pixels: NDArray[np.float32]
    pixel_mm: NDArray[np.float64]
    stained: bool
    source: Path

    @property
    def size_mm(self) -> NDArray[np.float64]:
        """Height and width in mm, (2,)."""
        found: NDArray[np.float64] = np.array(self.pixels.shape) * self.pixel_mm
        return found


def read_section(path: Path, mm_per_pixel: float | None = None) -> SectionImage:
    """Read a section.

    Args:
        path: the file.
        mm_per_pixel: size of a pixel as stored in the file at full resolution; it replaces what the file says.

    Raises:
        DataError: the file is missing or cannot be read, is no single image, shows nothing, or does not say how large a pixel
            is while `mm_per_pixel` is not given.
    """
    if is_folder(path):
        msg = f"{path} is a folder, expected an image"
        raise DataError(msg)
    name = path.name.lower()
    readers: Mapping[tuple[str, ...], Callable[[Path], Any]] = {NIFTI: _nifti, TIFF: _tiff, OTHER: _picture}
    reader = next((reader for endings, reader in readers.items() if name.endswith(endings)), None)
    if reader is None:
        msg = f"{path} has an unknown type; expected {', '.join((*OTHER, *TIFF, *NIFTI))}"
        raise DataError(msg)
    array, stated, shrunk = reader(path)
    if mm_per_pixel is not None:
        stated = np.array([mm_per_pixel, mm_per_pixel])
    if stated is None:
        msg = f"{path} does not say how large its pixels are; give --mm-per-pixel, for example 0.5"
        raise DataError(msg)
    grey, stained = grey_of(array, path)
    return _checked(SectionImage(grey, stated * shrunk, stained, path))


def grey_of(array: NDArray[Any], path: Path) -> tuple[NDArray[np.float32], bool]:
    """Return grey values (H, W), and whether the image (H, W) or (H, W, 1 to 4) is coloured.

    A coloured image is taken for stained tissue on a bright slide. Its grey value is the amount of haematoxylin and eosin after
    separation of the stains (Ruifrok and Johnston, 2001, as in scikit-image). Transparent pixels are background.

    Raises:
        DataError: the shape is another one.
    """
    if array.ndim == 3 and array.shape[2] in (1, 2):
        array = array[:, :, 0]
    if array.ndim == 2:
        return np.asarray(array, np.float32), False
    if array.ndim != 3 or array.shape[2] not in (3, 4):
        msg = f"{path} has the shape {array.shape}, expected one grey or RGB image"
        raise DataError(msg)
    full = _full(array)
    colours = array[:, :, :3].astype(np.float32) / full
    shown = array[:, :, 3:] > 0 if array.shape[2] == 4 else np.ones((*array.shape[:2], 1), dtype=bool)
    differences = np.abs(colours - colours.mean(axis=2, keepdims=True)).max(axis=2)[shown[:, :, 0]]
    if not len(differences) or np.percentile(differences, 99) < COLOURED:
        return np.where(shown[:, :, 0], colours.mean(axis=2), 0).astype(np.float32), False
    from skimage.color import rgb2hed

    stains = rgb2hed(np.where(shown, colours, 1.0))
    return np.clip(stains[:, :, :2].sum(axis=2), 0, None).astype(np.float32), True


def _full(array: NDArray[Any]) -> float:
    """Return the value of white: the greatest one of as many bits as the image uses, at least 8; 1 for numbers up to 1."""
    if array.dtype.kind not in "iu":
        return max(float(array.max()), 1e-9)
    return float(2 ** max(8, int(array.max()).bit_length()) - 1)


def _picture(path: Path) -> tuple[NDArray[Any], None, float]:
    """Read PNG or JPEG. Their resolution is for print and says nothing about the specimen."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            _check_size(path, opened.width, opened.height)
            image = ImageOps.exif_transpose(opened)
            mode = {"P": "RGBA", "PA": "RGBA", "1": "L"}.get(image.mode, "RGB" if image.mode in COLOUR_SPACES else image.mode)
            array = np.asarray(image.convert(mode))
    except Image.DecompressionBombError as error:
        msg = f"{path} is too large to be decoded; reduce it first, or save it as a TIFF pyramid"
        raise DataError(msg) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        msg = f"{path} cannot be read as an image: {error}"
        raise DataError(msg) from error
    array, step = _reduced(array)
    return array, None, step


def _tiff(path: Path) -> tuple[NDArray[Any], NDArray[np.float64] | None, float]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            if len(file.series) > 1 and file.series[1].shape == series.shape:
                msg = f"{path} holds {len(file.series)} images of the same size, expected one section"
                raise DataError(msg)
            levels = list(series.levels)
            _check_colours(file.pages[0], path)
            fitting = [level for level in levels if max(_plane(level)) >= ENOUGH] or levels[:1]
            level = fitting[-1]
            _check_size(path, *_plane(level))
            stated = _stated(file)
            array = _planar(level.asarray(), level.axes, path)
            shrunk = max(_plane(series)) / max(_plane(level))
    except DataError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        msg = f"{path} cannot be read as TIFF: {error}"
        raise DataError(msg) from error
    array, further = _reduced(array)
    return array, stated, shrunk * further


def _plane(level: Any) -> tuple[int, int]:
    return int(level.shape[level.axes.index("X")]), int(level.shape[level.axes.index("Y")])


def _planar(array: NDArray[Any], axes: str, path: Path) -> NDArray[Any]:
    """Return (H, W) or (H, W, channels) from an array with named axes."""
    kept = [number for number, name in enumerate(axes) if name in "YXS"]
    if others := [f"{axes[n]}={array.shape[n]}" for n in range(array.ndim) if n not in kept and array.shape[n] > 1]:
        msg = f"{path} has more than one plane or channel ({', '.join(others)}), expected one grey or RGB section"
        raise DataError(msg)
    names = "".join(axes[number] for number in kept)
    flat = array.reshape([array.shape[number] for number in kept])
    order = [names.index("Y"), names.index("X"), *[n for n, name in enumerate(names) if name == "S"]]
    return flat.transpose(order)


def _check_colours(page: Any, path: Path) -> None:
    """Check that pixels are grey values or RGB.

    Raises:
        DataError: they are not.
    """
    import tifffile

    kinds = tifffile.PHOTOMETRIC
    if page.photometric not in (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB, kinds.YCBCR):
        msg = f"{path} has the colours {page.photometric.name}, expected grey values or RGB; convert it first"
        raise DataError(msg)


def _stated(file: Any) -> NDArray[np.float64] | None:
    """Return height and width of a pixel in mm, from OME metadata or the tags of resolution."""
    import tifffile

    if file.is_ome and file.ome_metadata:
        found = tifffile.xml2dict(file.ome_metadata).get("OME", {}).get("Image", {})
        pixels = (found[0] if isinstance(found, list) else found).get("Pixels", {})
        sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "YX"]
        units = [MM_PER_NAME.get(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "YX"]
        if all(sizes) and all(units):
            return np.array([float(size) * float(unit or 0) for size, unit in zip(sizes, units, strict=True)])
    tags = file.pages[0].tags
    unit = {2: 25.4, 3: 10.0}.get(int(tags["ResolutionUnit"].value)) if "ResolutionUnit" in tags else None
    if unit is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    (across, across_by), (down, down_by) = tags["XResolution"].value, tags["YResolution"].value
    per_inch = across / max(across_by, 1) * 25.4 / unit
    if not across or not down or per_inch <= PRINT_RESOLUTION:
        return None  # a resolution for print
    return np.array([unit * down_by / down, unit * across_by / across])


def _nifti(path: Path) -> tuple[NDArray[Any], NDArray[np.float64] | None, float]:
    import nibabel

    with nifti_errors(path):
        image: Any = nibabel.load(path)
        axes = [number for number, length in enumerate(image.shape) if length > 1]
        if len(axes) != 2:
            msg = f"{path} has the shape {image.shape}, expected a two-dimensional image"
            raise DataError(msg)
        if image.get_data_dtype().kind not in "iuf":
            msg = f"{path} holds pixels of type {image.get_data_dtype()}, expected real numbers"
            raise DataError(msg)
        zooms = np.array([image.header.get_zooms()[axis] for axis in axes], np.float64) * mm_per_unit(image)
        _check_size(path, *(int(image.shape[axis]) for axis in axes))
        array = image.get_fdata(dtype=np.float32).reshape([image.shape[axis] for axis in axes])
    array, step = _reduced(array.T)
    return array, zooms[::-1] if (zooms > 0).all() else None, step


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        msg = (
            f"{path} has {width} x {height} pixels and no smaller level, more than {MOST_PIXELS / 1e6:.0f} million; "
            "reduce it first, or save it as a pyramid"
        )
        raise DataError(msg)


def _reduced(array: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Return means of squares of pixels, so that the longer side has about ENOUGH, and the side of the squares."""
    step = max(1, max(array.shape[:2]) // ENOUGH)
    if step == 1:
        return array, 1.0
    height, width = (length // step * step for length in array.shape[:2])
    squares = array[:height, :width].reshape(height // step, step, width // step, step, *array.shape[2:])
    kind = np.float32 if array.dtype == bool else array.dtype
    return squares.mean(axis=(1, 3)).astype(kind), float(step)


def _checked(image: SectionImage) -> SectionImage:
    """Check that the image shows something of a plausible size.

    Raises:
        DataError: it does not.
    """
    pixels, path = image.pixels, image.source
    if not np.isfinite(pixels).all():
        msg = f"{path} has pixels that are not finite"
        raise DataError(msg)
    if min(pixels.shape) < LEAST:
        msg = f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels, expected at least {LEAST} x {LEAST}"
        raise DataError(msg)
    if not np.ptp(pixels):
        msg = f"{path} has the same value in every pixel, so there is nothing to find"
        raise DataError(msg)
    if not np.isfinite(image.pixel_mm).all() or (image.pixel_mm <= 0).any():
        msg = f"{path} has pixels of {image.pixel_mm[1]:g} x {image.pixel_mm[0]:g} mm, expected positive sizes"
        raise DataError(msg)
    return image
