"""The released form is volume-blind and equals its naive full graph; the described form sees both inputs and learns."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from atombench.atom.geometry import BlockGrid
from atombench.atom.manifest import Manifest, make_manifest
from atombench.atom.queries import make_queries, query_order
from atombench.atom.ranking import first_correct
from atombench.methods.contract import Resources, make_task
from atombench.methods.network import NetworkMethod
from atombench.methods.regismcan import RegisMcanNetwork, RegisMcanOptions, opened_blocks
from atombench.methods.regismcan_released import LEVEL_WIDTHS, ReleasedNetwork, _opened_block
from atombench.methods.registry import build
from atombench.methods.table import METHODS
from atombench.volumes.volume_set import VolumeSet

NETWORKS = [name for name, entry in METHODS.items() if entry.role == "network"]


class NaiveLevel(nn.Module):
    """The release's graph with all 28 tokens of one level, reading its weights from a `Level`."""

    def __init__(self, level: nn.Module, kernel: int, stride: int) -> None:
        super().__init__()
        self.level, width = level, level.cls_token.numel()
        self.patch = nn.Conv3d(1, width, kernel, stride)
        self.positions = nn.Parameter(torch.randn(27, width))

    def forward(self, volume: Tensor, k: Tensor, v: Tensor) -> Tensor:
        level, batch = self.level, len(volume)
        tokens = self.patch(volume[:, None]).flatten(2).transpose(1, 2) + self.positions
        first = (level.cls_token + level.pos_embed).expand(batch, 1, -1)
        x = torch.cat([first, tokens], dim=1)  # (B, 28, W)
        q = level.query(level.norm1(x)).reshape(batch, 28, 4, -1).transpose(1, 2)
        k, v = (level.match_kv(part).reshape(batch, 4, 28, -1) for part in (k, v))
        weights = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(dim=-1)
        x = level.proj((weights @ v).transpose(1, 2).reshape(batch, 28, -1))
        x = x + x
        x = x + level.mlp(level.norm2(x))
        return level.head(level.norm(x)[:, 0])


@pytest.fixture
def released() -> ReleasedNetwork:
    torch.manual_seed(0)
    network = ReleasedNetwork(BlockGrid(1)).double()
    for weight in network.parameters():  # the release starts so near to zero that nothing would show
        nn.init.normal_(weight, std=0.3)
    return network


def test_released_logits_and_gradients_equal_the_naive_full_graph(released: ReleasedNetwork) -> None:
    pixels = torch.rand(5, 4, 4, dtype=torch.float64)
    naive = [NaiveLevel(released.levels[0], 10, 5).double(), NaiveLevel(released.levels[1], 6, 2).double()]
    volumes = [torch.rand(5, 20, 20, 20, dtype=torch.float64), torch.rand(5, 10, 10, 10, dtype=torch.float64)]
    ours = released.logits(pixels)
    k, v = released.encoder(pixels)
    theirs = [level(volume, k, v) for level, volume in zip(naive, volumes, strict=True)]
    gradients = []
    for logits in (ours, theirs):
        released.zero_grad()
        (logits[0].square().sum() + logits[1].sin().sum()).backward(retain_graph=True)
        gradients.append([0 * w if w.grad is None else w.grad.clone() for w in released.parameters()])
    for mine, other in zip([*ours, *gradients[0]], [*theirs, *gradients[1]], strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-10)
    assert naive[0].patch.weight.grad.abs().max() == 0  # nothing of the volume is ever learned


def test_released_has_the_papers_size_less_what_never_learns() -> None:
    network = ReleasedNetwork(BlockGrid(1))
    counts = [sum(weight.numel() for weight in level.parameters()) for level in network.levels]
    blind = [width * voxels + width + 27 * width for width, voxels in zip(LEVEL_WIDTHS, (1000, 216), strict=True)]
    assert [round((seen + unseen) / 1e6, 2) for seen, unseen in zip(counts, blind, strict=True)] == [11.11, 0.54]
    assert sum(weight.numel() for weight in network.encoder.parameters()) == pytest.approx(800, abs=60)


def test_released_answers_alike_to_the_last_bit_when_volumes_are_exchanged(toy: VolumeSet, toy_manifest: Manifest) -> None:
    method, queries = build("regismcan-released", NetworkMethod.smoke), make_queries(toy, toy_manifest)
    weights = method.fit(make_task(toy, toy_manifest), Resources(seed=1))
    exchanged = dataclasses.replace(queries, volumes=np.roll(queries.volumes, 1, axis=0))
    first, second = (method.predict(weights, some, Resources(seed=1)) for some in (queries, exchanged))
    np.testing.assert_array_equal(first.boxes, second.boxes)
    assert len(np.unique(first.boxes, axis=0)) > 100  # but not alike for different sections


def test_described_sees_the_volume_and_the_section() -> None:
    torch.manual_seed(0)
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=16)).eval()
    volumes, pixels, index = torch.rand(2, 20, 20, 20), torch.rand(6, 4, 4), torch.tensor([0, 0, 0, 1, 1, 1])
    with torch.no_grad():
        coarse, boxes = network.scores(volumes, index, pixels)
        other_volumes = network.scores(volumes.flip(0), index, pixels)[1]
        other_pixels = network.scores(volumes, index, pixels.flip(0))[1]
    assert coarse.shape == (6, 27)
    assert boxes.shape == (6, 729)
    assert (boxes - other_volumes).abs().max() > 1e-4
    assert (boxes - other_pixels).abs().max() > 1e-4


def test_described_embeds_blocks_as_a_3d_convolution_would() -> None:
    torch.manual_seed(0)
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8)).double()
    volume = torch.rand(1, 20, 20, 20, dtype=torch.float64)
    weight = network.coarse.embed.weight.reshape(8, 1, 10, 10, 10)
    expected = nn.functional.conv3d(volume[:, None], weight, network.coarse.embed.bias, stride=5).flatten(2)[0].T
    torch.testing.assert_close(network.coarse.embed(volume.flatten(1)[0][network.coarse_voxels]), expected)
    crop = volume[:, None, 5:15, 0:10, 10:20]  # coarse block (1, 0, 2), number 11
    weight = network.fine.embed.weight.reshape(8, 1, 6, 6, 6)
    expected = nn.functional.conv3d(crop, weight, network.fine.embed.bias, stride=2).flatten(2)[0].T
    found = network.fine.embed(volume.flatten(1)[0][network.fine_voxels[27 * 11 : 27 * 12]])
    torch.testing.assert_close(found, expected)


def test_scores_of_boxes_multiply_both_levels() -> None:
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8)).eval()
    with torch.no_grad():
        coarse, boxes = network.scores(torch.rand(1, 20, 20, 20), torch.zeros(3, dtype=torch.long), torch.rand(3, 4, 4))
    assert ((boxes.unflatten(1, (27, 27)) <= coarse[:, :, None]) & (boxes.unflatten(1, (27, 27)) > 0)).all()


def test_training_opens_a_correct_block_for_every_other_section() -> None:
    coarse, correct = torch.randn(400, 27), torch.rand(400, 27) < 0.1
    correct[:40] = False
    opened = opened_blocks(coarse, correct, torch.Generator().manual_seed(0))
    told = correct[torch.arange(400), opened][::2]
    assert told[20:][correct[40::2].any(dim=1)].all()
    assert len(opened[:40].unique()) > 10


def test_the_release_opens_its_best_ranked_correct_block_of_five() -> None:
    coarse = torch.arange(27.0).flip(0).expand(3, 27)  # block 0 is ranked first
    correct = torch.zeros(3, 27, dtype=torch.bool)
    correct[0, [3, 4]] = True
    correct[1, 5] = True
    opened, found = _opened_block(coarse, correct)
    assert opened.tolist() == [3, 0, 0]
    assert found.tolist() == [True, False, False]


@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_repeatable_and_keyed_by_the_seed(name: str, toy: VolumeSet, toy_manifest: Manifest) -> None:
    task, method = make_task(toy, toy_manifest), build(name, NetworkMethod.smoke)
    first, again, other = (method.fit(task, Resources(seed=seed)) for seed in (1, 1, 2))
    assert all((first[key] == again[key]).all() for key in first)
    assert not all((first[key] == other[key]).all() for key in first)


def test_described_beats_the_constant_after_seconds_of_training(mni: VolumeSet) -> None:
    """Three seeds gave 0.55 to 0.59 here, the constant control 0.387; on six test volumes."""
    manifest = make_manifest(mni, "hard", "none", 1)
    method = build("regismcan", {"steps": 300, "batch_volumes": 8, "validations": 2})
    weights = method.fit(make_task(mni, manifest), Resources(seed=1, threads=2))
    queries = make_queries(mni, manifest)
    count = queries.of_volume(6).start
    part = dataclasses.replace(
        queries,
        volumes=queries.volumes[:6],
        volume_index=queries.volume_index[:count],
        pixels=queries.pixels[:count],
    )
    found = method.predict(weights, part, Resources(seed=1, threads=2))
    labels = manifest.parts["test"].take(query_order(manifest)[:count]).labels(manifest.grid)
    assert found.coarse is not None
    ranks, _ = first_correct(found.coarse, labels.coarse)
    assert (ranks <= 5).mean() > 0.387
