"""Device, precision and determinism of computations."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from atombench.engine.training.schedule import Precision
from atombench.errors import ConfigError


def resolved_device(name: str) -> str:
    """Return the torch device for a name; `auto` is the CUDA GPU if there is one, else the CPU.

    Raises:
        ConfigError: the name is not a device, or the device is not available.
    """
    if not re.fullmatch(r"auto|cpu|(cuda|xpu|mps)(:\d+)?", name):
        msg = f"expected auto, cpu, cuda, cuda:0, cuda:1, ..., xpu or mps as device, got {name!r}"
        raise ConfigError(msg)
    if name == "cpu":
        return name
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    kind, _, number = name.partition(":")
    if accelerator is None or accelerator.type != kind or int(number or 0) >= torch.accelerator.device_count():
        available = (
            "no accelerator" if accelerator is None else f"{torch.accelerator.device_count()} of type {accelerator.type}"
        )
        msg = f"device {name!r} is not available: torch detects {available}; use cpu or auto"
        raise ConfigError(msg)
    return name


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """Return the context for mixed precision in the forward pass.

    `auto` is bfloat16 on CUDA devices that support it, and float32 elsewhere. Weights, losses and the optimiser stay in
    float32, and bfloat16 has the same range, so losses need no scaling.
    """
    kind = device.partition(":")[0]
    if precision == "float32" or (precision == "auto" and not (kind == "cuda" and torch.cuda.is_bf16_supported())):
        return nullcontext()
    return torch.autocast(kind, dtype=torch.bfloat16)


def is_emulated(device: str, precision: Precision) -> bool:
    """Return whether the device has no instructions for a precision, which then takes many times as long as float32."""
    capabilities = torch.cpu.get_capabilities()
    native = any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return precision == "bfloat16" and device == "cpu" and not native


@contextmanager
def keyed_torch(device: str, deterministic: bool) -> Iterator[None]:
    """Restore the global generators and the determinism setting of torch after the block."""
    kind = device.partition(":")[0]
    before = torch.are_deterministic_algorithms_enabled()
    if deterministic and kind == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS requires it in deterministic mode
    forked = [torch.device(device).index or 0] if kind in ("cuda", "xpu") else []
    try:
        with torch.random.fork_rng(devices=forked, device_type=kind if forked else "cuda"):
            torch.use_deterministic_algorithms(deterministic)
            yield
    finally:
        torch.use_deterministic_algorithms(before)
