"""Where and how exactly a network computes: device, precision, determinism."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from atombench.engine.training.schedule import Precision
from atombench.errors import ConfigError


def resolved_device(name: str) -> str:
    """Torch device for a name; `auto` is the CUDA GPU where there is one, else the CPU.

    Raises:
        ConfigError: the name is not a device, or the device is not there.
    """
    if not re.fullmatch(r"auto|cpu|(cuda|xpu|mps)(:\d+)?", name):
        msg = f"expected a device of auto, cpu, cuda, cuda:0, cuda:1, ..., xpu, mps, got {name!r}"
        raise ConfigError(msg)
    if name == "cpu":
        return name
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    found = torch.accelerator.current_accelerator(check_available=True)
    kind, _, number = name.partition(":")
    if found is None or found.type != kind or int(number or 0) >= torch.accelerator.device_count():
        there = "no accelerator" if found is None else f"{torch.accelerator.device_count()} of type {found.type}"
        msg = f"device {name!r} was asked for, but torch finds {there}; use cpu or auto"
        raise ConfigError(msg)
    return name


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """Mixed precision of the forward pass: bfloat16 where it helps.

    `auto` is bfloat16 on CUDA devices that compute in it, float32 elsewhere. Weights, losses and the optimiser stay in
    float32, and bfloat16 has its range, so nothing needs scaling.
    """
    kind = device.partition(":")[0]
    if precision == "float32" or (precision == "auto" and not (kind == "cuda" and torch.cuda.is_bf16_supported())):
        return nullcontext()
    return torch.autocast(kind, dtype=torch.bfloat16)


@contextmanager
def keyed_torch(device: str, deterministic: bool) -> Iterator[None]:
    """Keep torch's global generators and switches as they were, whatever the block does to them."""
    kind = device.partition(":")[0]
    before = torch.are_deterministic_algorithms_enabled()
    if deterministic and kind == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses
    forked = [torch.device(device).index or 0] if kind in ("cuda", "xpu") else []
    try:
        with torch.random.fork_rng(devices=forked, device_type=kind if forked else "cuda"):
            torch.use_deterministic_algorithms(deterministic)
            yield
    finally:
        torch.use_deterministic_algorithms(before)
