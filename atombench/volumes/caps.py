"""Clinica CAPS folders after `t1-linear` (Routier et al., Front Neuroinform 15:689675, 2021).

The tensors that ClinicaDL extracts from them (Thibeau-Sutre et al., Comput Methods Programs Biomed 220, 2022) are read
without executing anything in them. A tensor file states neither orientation nor spacing: the axes are taken to be those of
t1-linear's template (right, anterior, superior), the spacing is the resolution in the file name, and the position is unknown.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from atombench.errors import DataError
from atombench.volumes.collection import Collection
from atombench.volumes.image import Image
from atombench.volumes.nifti import read_image
from atombench.volumes.patterns import find_files, key_of_name
from atombench.volumes.registry import CapsRow

FOLDERS = {"nifti": "t1_linear", "tensor": "deeplearning_prepare_data/image_based/t1_linear"}
RESOLUTION = re.compile(r"_res-(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)_")
ENDINGS = {"nifti": ".nii.gz", "tensor": ".pt"}


def _pattern(row: CapsRow) -> str:
    """Return the pattern of file names: older versions of Clinica write `T1w_space-..._T1w`, newer ones only the end."""
    crop = "_desc-Crop" if row.cropped else ""
    name = f"{{subject}}_{{session}}_*space-MNI152NLin2009cSym{crop}_res-*_T1w{ENDINGS[row.files]}"
    return f"subjects/{{subject}}/{{session}}/{FOLDERS[row.files]}/{name}"


def _find(row: CapsRow, folder: Path) -> list[str]:
    return find_files(_pattern(row), folder)


def _key(row: CapsRow, name: str) -> tuple[str, str] | None:
    return key_of_name(_pattern(row), name)


def _load(row: CapsRow, paths: list[Path]) -> Image:
    return read_tensor(paths[0]) if row.files == "tensor" else read_image(paths[0])


def read_tensor(path: Path) -> Image:
    """Read a tensor file of shape (1, I, J, K) or (I, J, K); its affine is unknown.

    Raises:
        DataError: the file cannot be read, or holds anything but one tensor of real numbers; nothing in the file
            is executed.
    """
    import torch

    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files fail in many ways, and the other files must still be checked
        msg = f"{path} cannot be read as a tensor: {' '.join(str(error).split()):.300}"
        raise DataError(msg) from error
    plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided and not tensor.is_quantized
    if not plain or tensor.is_complex():
        msg = f"{path} holds {type(tensor).__name__}, expected one dense tensor of real numbers"
        raise DataError(msg)
    shape = tuple(tensor.shape)
    if len(shape) == 4 and shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3:
        msg = f"{path} has {len(shape)} dimensions {shape}, expected (1, I, J, K) or (I, J, K)"
        raise DataError(msg)
    resolution = RESOLUTION.search(path.name)
    spacing = [float(number) for number in resolution.groups()] if resolution else [np.nan] * 3
    return Image(tensor.detach().to(torch.float64).numpy(), np.array(spacing), affine=None)


_COLLECTION = Collection(_find, _key, _load)
sources, counts, read = _COLLECTION.sources, _COLLECTION.counts, _COLLECTION.read
