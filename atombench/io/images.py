"""Conversion of grey images with intensities from 0 to 1 into bytes and base64 text."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image


def grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return intensities as bytes of the same shape: 0 for 0 and less, 255 for 1 and more."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def as_bytes(values: NDArray[Any]) -> str:
    """Return intensities of any shape as bytes in base64, in C order."""
    return base64.b64encode(grey(values).tobytes()).decode()


def as_png(values: NDArray[Any]) -> str:
    """Return intensities (rows, columns) as a grey PNG in base64, one pixel each."""
    from PIL import Image

    return png_text(Image.fromarray(grey(values)))


def png_text(image: Image.Image) -> str:
    """Return an image as PNG in base64."""
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def from_bytes(text: str) -> NDArray[np.uint8]:
    """Return the bytes encoded by `as_bytes` as a flat array, uint8."""
    return np.frombuffer(base64.b64decode(text), np.uint8)
