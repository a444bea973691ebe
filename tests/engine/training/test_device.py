"""Which precisions a device only emulates."""

import pytest
import torch

from atombench.engine.training.device import is_emulated


@pytest.mark.parametrize("name", ["amx_bf16", "avx512_bf16", "bf16"])
def test_bfloat16_is_emulated_without_any_of_the_instructions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for native in (False, True):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda native=native: {"avx2": True, name: native})
        assert is_emulated("cpu", "bfloat16") is not native
        assert not is_emulated("cpu", "float32")
        assert not is_emulated("cpu", "auto")
        assert not is_emulated("cuda:0", "bfloat16")
