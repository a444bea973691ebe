"""Grey pictures as text: intensities from 0 to 1 become bytes, bytes base64."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Intensities as bytes: 0 for 0 and less, 255 for 1 and more; of the same shape."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def as_bytes(values: NDArray[Any]) -> str:
    """Intensities of any shape as bytes in base64, the last axis fastest."""
    return base64.b64encode(grey(values).tobytes()).decode()


def as_png(values: NDArray[Any]) -> str:
    """Intensities (rows, columns) as a grey PNG in base64, a pixel each."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(grey(values)).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
