"""Units compared with the attention of torch, and with themselves without shared computations."""

import pytest
import torch
from torch import nn

from atombench.tasks.atom.methods.units import Attention, GuidedAttention, Perceptron, SelfAttention, SelfGuidedAttention

WIDTH, HEADS = 12, 3


def reference(attention: Attention) -> nn.MultiheadAttention:
    """Return the multi-head attention of torch with the same weights."""
    other = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double()
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
        other.in_proj_bias.copy_(torch.cat([attention.query.bias, attention.key_value.bias]))
        other.out_proj.load_state_dict(attention.proj.state_dict())
    return other


@pytest.mark.parametrize(("queries", "keys"), [(27, 4), (4, 4), (3, 9)])
def test_attention_is_multi_head_attention(queries: int, keys: int) -> None:
    torch.manual_seed(0)
    attention = Attention(WIDTH, HEADS).double()
    x, y = torch.randn(5, queries, WIDTH, dtype=torch.float64), torch.randn(5, keys, WIDTH, dtype=torch.float64)
    torch.testing.assert_close(attention(x, y), reference(attention)(x, y, y, need_weights=False)[0])


@pytest.mark.parametrize("unit", [GuidedAttention, SelfGuidedAttention])
def test_shared_computations_do_not_change_the_output(unit: type[nn.Module]) -> None:
    torch.manual_seed(0)
    shared = unit(WIDTH, HEADS).double()
    volumes, sections = torch.randn(3, 27, WIDTH, dtype=torch.float64), torch.randn(8, 4, WIDTH, dtype=torch.float64)
    owner = torch.tensor([0, 0, 0, 1, 2, 2, 0, 1])
    for weight in shared.parameters():  # including the scale and shift of norms
        nn.init.normal_(weight)
    torch.testing.assert_close(shared(volumes, sections, owner), shared(volumes[owner], sections))


@pytest.mark.parametrize("unit", [SelfAttention, GuidedAttention, SelfGuidedAttention])
def test_units_with_zero_updates_are_the_identity(unit: type[nn.Module]) -> None:
    """With the output layers set to zero, residuals pass tokens unchanged."""
    block = unit(WIDTH, HEADS)
    with torch.no_grad():
        for module in block.modules():
            if isinstance(module, Attention):
                module.proj.weight.zero_()
                module.proj.bias.zero_()
            if isinstance(module, Perceptron):
                module.second.weight.zero_()
                module.second.bias.zero_()
    x, section = torch.randn(2, 27, WIDTH), torch.randn(2, 4, WIDTH)
    torch.testing.assert_close(block(x) if unit is SelfAttention else block(x, section), x)
