"""Grey images as text."""

import base64
import io

import numpy as np
from PIL import Image

from atombench.io.images import as_bytes, as_png, grey

VALUES = np.array([[-0.1, 0.0, 0.5], [0.999, 1.0, 7.0]], dtype=np.float32)
BYTES = [[0, 0, 128], [255, 255, 255]]


def test_intensities_become_bytes_and_are_clipped() -> None:
    assert grey(VALUES).tolist() == BYTES
    assert grey(np.arange(256) / 255).tolist() == list(range(256))


def test_bytes_are_in_c_order() -> None:
    assert list(base64.b64decode(as_bytes(VALUES))) == [*BYTES[0], *BYTES[1]]
    assert as_bytes(VALUES.T) != as_bytes(VALUES)


def test_a_png_has_one_grey_pixel_per_value() -> None:
    image = Image.open(io.BytesIO(base64.b64decode(as_png(VALUES))))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (3, 2))
    assert np.asarray(image).tolist() == BYTES
