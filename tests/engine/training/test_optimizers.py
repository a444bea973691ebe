"""Muon moves matrices by orthogonal steps, weights of convolutions included, and AdamW moves the rest."""

import pytest
import torch
from torch import nn

from atombench.engine.training.optimizers import optimizers_of
from atombench.engine.training.schedule import Schedule


def schedule(optimizer: str, decay: float = 0.0) -> Schedule:
    return Schedule(steps=10, learning_rate=0.1, weight_decay=decay, validations=1, optimizer=optimizer)


def stepped(network: nn.Module, optimizer: str, decay: float = 0.0) -> dict[str, torch.Tensor]:
    """Return the changes of the weights by one step on random gradients."""
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)
    for part in optimizers_of(network, schedule(optimizer, decay)):
        part.step()
    return {name: weight.detach() - before[name] for name, weight in network.named_parameters()}


def network_of_all_kinds() -> nn.Module:
    return nn.Sequential(nn.Conv3d(2, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(8, 4))


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_weight_belongs_to_one_optimizer_and_moves(name: str) -> None:
    network = network_of_all_kinds()
    sizes = [
        p.numel() for part in optimizers_of(network, schedule(name)) for group in part.param_groups for p in group["params"]
    ]
    assert sum(sizes) == sum(weight.numel() for weight in network.parameters())
    assert all((change != 0).all() for change in stepped(network, name).values())


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_matrices_decay_and_vectors_do_not(name: str) -> None:
    network = network_of_all_kinds()
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    for part in optimizers_of(network, schedule(name, decay=0.5)):
        part.step()
    for weight_name, weight in network.named_parameters():
        expected = before[weight_name] * (0.95 if weight.ndim >= 2 else 1.0)
        torch.testing.assert_close(weight.detach(), expected)


@pytest.mark.parametrize("shape", [(8, 2, 3, 3), (4, 8), (16, 2)])
def test_a_step_of_muon_is_nearly_orthogonal_and_as_large_as_one_of_adamw(shape: tuple[int, ...]) -> None:
    layer = nn.Module()
    layer.weight = nn.Parameter(torch.randn(shape))
    change = stepped(layer, "muon")["weight"].reshape(len(layer.weight), -1)
    values = torch.linalg.svdvals(change)
    assert values.max() < 2 * values.min()
    assert float(change.square().mean().sqrt()) == pytest.approx(0.1 * 0.2, rel=0.35)  # of AdamW: 0.2 to 0.4 rates


def test_steps_are_those_of_torch() -> None:
    ours, theirs = nn.Linear(8, 24, bias=False), nn.Linear(8, 24, bias=False)
    theirs.load_state_dict(ours.state_dict())
    muon = torch.optim.Muon(theirs.parameters(), lr=0.1, weight_decay=0.5, adjust_lr_fn="match_rms_adamw")
    (own, _) = optimizers_of(ours, schedule("muon", decay=0.5))
    for seed in range(3):
        gradient = torch.randn(24, 8, generator=torch.Generator().manual_seed(seed))
        ours.weight.grad, theirs.weight.grad = gradient, gradient.clone()
        own.step()
        muon.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=2e-3)  # torch's orthogonalises in bfloat16
