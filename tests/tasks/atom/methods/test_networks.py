"""The released form ignores the volume and equals its naive full graph; the others use both inputs and learn."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from atombench.engine.answers import check_answers
from atombench.engine.contract import Resources
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import Batch, SectionFeed
from atombench.tasks.atom.learning.losses import asymmetric_loss
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.mcan import box_shares
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.regismcan import RegisMcanNetwork, RegisMcanOptions, opened_blocks
from atombench.tasks.atom.methods.regismcan_released import LEVEL_WIDTHS, SECTION_WIDTH, ReleasedNetwork, _opened_block
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.tasks.atom.methods.naive import NaiveLevel, NaiveReleased, described_loss

build = ATOM.registry.build
NETWORKS = [name for name, entry in METHODS.items() if entry.role == "network"]


@pytest.fixture
def released() -> ReleasedNetwork:
    torch.manual_seed(0)
    network = ReleasedNetwork(BlockGrid(1)).double()
    for weight in network.parameters():  # initial weights of the release are too small to show differences
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
    assert naive[0].patch.weight.grad.abs().max() == 0  # the volume never contributes


def test_released_has_the_size_of_the_paper_less_untrained_parameters() -> None:
    """Untrained: a 3D convolution and 27 positions per level, and the last norm of the section encoder."""
    network = ReleasedNetwork(BlockGrid(1))
    blind = [width * voxels + width + 27 * width for width, voxels in zip(LEVEL_WIDTHS, (1000, 216), strict=True)]
    assert blind == [1_028_000, 52_704]
    last_norm = 2 * SECTION_WIDTH
    assert size(network) + sum(blind) + last_norm == 11_650_246
    counts = [size(level) + unseen for level, unseen in zip(network.levels, blind, strict=True)]
    assert [round(count / 1e6, 2) for count in counts] == [11.11, 0.54]


def test_the_numbers_of_tokens_are_those_of_the_paper(released: ReleasedNetwork) -> None:
    """4 patches of a section, 5 with the class token; 27 blocks of a volume or of a block, 28 with the class token."""
    pixels, volumes = torch.rand(2, 4, 4, dtype=torch.float64), torch.rand(2, 20, 20, 20)
    k, v = released.encoder(pixels)
    assert k.shape == v.shape == (2, 4, 5)
    naive = NaiveLevel(released.levels[0], 10, 5)
    assert naive.patch(volumes[:, None]).flatten(2).shape[2] == 27
    assert released.levels[0].match_kv.out_features == 28 * 1000 // 4
    described = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8))
    assert described.section(pixels.float()).shape == (2, 4, 8)
    assert described.coarse.tokens(volumes.flatten(1)[:, described.coarse_voxels]).shape == (2, 27, 8)
    assert described.fine.tokens(volumes.flatten(1)[:, described.fine_voxels]).shape == (2, 729, 8)


def size(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(weight.numel() for weight in module.parameters())


def test_answers_of_released_are_bitwise_equal_for_exchanged_volumes(toy_data: Curated, toy_manifest: Manifest) -> None:
    method, queries = build("regismcan-released", NetworkMethod.smoke), make_queries(toy_data, toy_manifest)
    weights = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    exchanged = dataclasses.replace(queries, volumes=np.roll(queries.volumes, 1, axis=0))
    first, second = (method.predict(weights, asked, Resources(seed=1)) for asked in (queries, exchanged))
    np.testing.assert_array_equal(first.get("boxes"), second.get("boxes"))
    assert len(np.unique(first.get("boxes"), axis=0)) > 100  # but sections differ


@pytest.mark.parametrize("name", ["regismcan", "mcan"])
def test_other_networks_use_the_volume_and_the_section(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, {"width": 16}).network(BlockGrid(1)).eval()
    volumes, pixels, index = torch.rand(2, 20, 20, 20), torch.rand(6, 4, 4), torch.tensor([0, 0, 0, 1, 1, 1])
    with torch.no_grad():
        coarse, boxes = network.scores(volumes, index, pixels)
        other_volumes = network.scores(volumes.flip(0), index, pixels)[1]
        other_pixels = network.scores(volumes, index, pixels.flip(0))[1]
    assert coarse.shape == (6, 27)
    assert boxes.shape == (6, 729)
    assert (boxes - other_volumes).abs().max() > 1e-4
    assert (boxes - other_pixels).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["regismcan", "mcan"])
@pytest.mark.parametrize("scale", [1, 2])
def test_answers_do_not_depend_on_other_queries_of_the_batch(name: str, scale: int) -> None:
    torch.manual_seed(0)
    grid = BlockGrid(scale)
    network = build(name, {"width": 16}).network(grid).double().eval()
    volumes, index = torch.rand(3, *[grid.edge] * 3, dtype=torch.float64), torch.tensor([0] * 13 + [2] * 4)
    pixels = torch.rand(17, grid.section, grid.section, dtype=torch.float64)
    with torch.no_grad():
        together = network.scores(volumes, index, pixels)
        for number in range(17):
            alone = network.scores(volumes[index[number]][None], torch.tensor([0]), pixels[number : number + 1])
            for batched, single in zip(together, alone, strict=True):
                torch.testing.assert_close(batched[number], single[0], atol=1e-12, rtol=1e-9)


def test_described_embeds_blocks_like_a_3d_convolution() -> None:
    torch.manual_seed(0)
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8)).double()
    volume = torch.rand(1, 20, 20, 20, dtype=torch.float64)
    weight = network.coarse.embed.weight.reshape(8, 1, 10, 10, 10)
    expected = nn.functional.conv3d(volume[:, None], weight, network.coarse.embed.bias, stride=5).flatten(2)[0].T
    found = network.coarse.tokens(volume.flatten(1)[:, network.coarse_voxels])[0] - network.coarse.position()
    torch.testing.assert_close(found, expected)
    crop = volume[:, None, 5:15, 0:10, 10:20]  # coarse block (1, 0, 2), number 11
    weight = network.fine.embed.weight.reshape(8, 1, 6, 6, 6)
    expected = nn.functional.conv3d(crop, weight, network.fine.embed.bias, stride=2).flatten(2)[0].T
    found = network.fine.tokens(volume.flatten(1)[:, network.fine_voxels[27 * 11 : 27 * 12]])[0] - network.fine.position()
    torch.testing.assert_close(found, expected)


@pytest.fixture
def batch(toy_data: Curated, toy_manifest: Manifest) -> Batch:
    """Return 40 sections of 2 volumes, in float64."""
    task = make_training(toy_data, toy_manifest)
    return next(SectionFeed(task.volumes.astype(np.float64), task.train, task.grid, "cpu").batches(2, 20, 1, range(1, 2)))


def gradients(loss: Tensor, network: nn.Module) -> list[Tensor]:
    """Return the gradients of all weights; zeros for weights without gradient."""
    network.zero_grad()
    loss.backward()
    return [torch.zeros_like(weight) if weight.grad is None else weight.grad.clone() for weight in network.parameters()]


def test_a_released_training_step_equals_that_of_the_full_graph(released: ReleasedNetwork, batch: Batch) -> None:
    naive, generator = NaiveReleased(released, BlockGrid(1)).double(), torch.Generator()
    losses = released.loss(batch, generator), naive.loss(batch, generator)
    torch.testing.assert_close(*losses, atol=1e-10, rtol=1e-10)
    for mine, other in zip(*(gradients(loss, released) for loss in losses), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("guided_layers", [1, 2])
def test_a_described_training_step_equals_one_without_shared_computations(guided_layers: int, batch: Batch) -> None:
    torch.manual_seed(0)
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8, guided_layers=guided_layers)).double()
    shared = network.loss(batch, torch.Generator().manual_seed(5))
    naive = described_loss(network, batch, torch.Generator().manual_seed(5), BlockGrid(1))
    torch.testing.assert_close(shared, naive, atol=1e-10, rtol=1e-10)
    for mine, other in zip(*(gradients(loss, network) for loss in (shared, naive)), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-10)


def test_the_described_training_loss_equals_the_loss_of_its_scores(batch: Batch) -> None:
    torch.manual_seed(0)
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8)).double()
    found = network.loss(batch, torch.Generator().manual_seed(5))
    coarse, boxes = network.scores(batch.volumes, batch.volume_index, batch.pixels)
    opened = opened_blocks(coarse, batch.labels.coarse, torch.Generator().manual_seed(5))
    rows = torch.arange(40)
    inner = boxes.unflatten(1, (27, 27))[rows, opened] / coarse[rows, opened, None]
    expected = asymmetric_loss(coarse.logit(), batch.labels.coarse)
    expected = expected + asymmetric_loss(inner.logit(), batch.labels.fine[rows, opened])
    torch.testing.assert_close(found, expected.mean())


@pytest.mark.parametrize(
    "options", [{"embedding": "linear"}, {"position": "fourier"}, {"guided_layers": 2}, {"loss": "softmax"}]
)
def test_each_option_of_the_described_form_learns_and_answers(options: dict, toy_data: Curated, toy_manifest: Manifest) -> None:
    method, queries = build("regismcan", {**NetworkMethod.smoke, "width": 8, **options}), make_queries(toy_data, toy_manifest)
    weights = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    first = method.network(BlockGrid(1)).state_dict()
    assert weights.keys() == first.keys()
    assert all(np.isfinite(weight).all() for weight in weights.values())
    check_answers(method.predict(weights, queries, Resources(seed=1)), ATOM.answers, len(queries))


def test_a_linear_embedding_has_the_same_size_at_every_scale() -> None:
    sizes = {
        embedding: [size(build("regismcan", {"embedding": embedding}).network(BlockGrid(scale)).coarse) for scale in (1, 2)]
        for embedding in ("linear", "convolution")
    }
    assert sizes["linear"][0] == sizes["linear"][1]
    assert sizes["convolution"][1] - sizes["convolution"][0] == 64 * 7000


def test_fourier_positions_differ_between_blocks_and_are_learned() -> None:
    torch.manual_seed(0)
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8, position="fourier"))
    found = network.coarse.position()
    assert len(torch.unique((found * 1e4).round(), dim=0)) == 27
    found.square().sum().backward()
    assert network.coarse.position.frequencies.grad.abs().min() > 0


def test_scores_of_boxes_are_products_of_both_levels() -> None:
    network = RegisMcanNetwork(BlockGrid(1), RegisMcanOptions(width=8)).eval()
    with torch.no_grad():
        coarse, boxes = network.scores(torch.rand(1, 20, 20, 20), torch.zeros(3, dtype=torch.long), torch.rand(3, 4, 4))
    assert ((boxes.unflatten(1, (27, 27)) <= coarse[:, :, None]) & (boxes.unflatten(1, (27, 27)) > 0)).all()


def test_training_opens_a_correct_block_for_every_other_section() -> None:
    coarse, correct = torch.rand(400, 27), torch.rand(400, 27) < 0.1
    correct[:40] = False
    opened = opened_blocks(coarse, correct, torch.Generator().manual_seed(0))
    is_correct = correct[torch.arange(400), opened][::2]
    assert is_correct[20:][correct[40::2].any(dim=1)].all()
    assert len(opened[:40].unique()) > 10


def test_the_release_opens_the_best_ranked_correct_block_of_five() -> None:
    coarse = torch.arange(27.0).flip(0).expand(3, 27)  # block 0 is ranked first
    correct = torch.zeros(3, 27, dtype=torch.bool)
    correct[0, [3, 4]] = True
    correct[1, 5] = True
    opened, is_correct = _opened_block(coarse, correct)
    assert opened.tolist() == [3, 0, 0]
    assert is_correct.tolist() == [True, False, False]


@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_repeatable_and_keyed_by_the_seed(name: str, toy_data: Curated, toy_manifest: Manifest) -> None:
    task, method = make_training(toy_data, toy_manifest), build(name, build(name, {}).smoke)
    first, again, other = (method.fit(task, Resources(seed=seed)) for seed in (1, 1, 2))
    assert all((first[key] == again[key]).all() for key in first)
    assert not all((first[key] == other[key]).all() for key in first)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_shares_of_boxes_follow_their_overlap_with_patches(scale: int) -> None:
    shares, grid = box_shares(BlockGrid(scale)), BlockGrid(scale)
    torch.testing.assert_close(shares.sum(dim=0), torch.ones(729))
    volume = torch.zeros(4, 4, 4)
    volume[1, 2, 3] = 1  # one patch
    whole = volume.repeat_interleave(5 * scale, 0).repeat_interleave(5 * scale, 1).repeat_interleave(5 * scale, 2)
    for box in range(0, 729, 37):
        i, j, k = grid.box_starts[box]
        edge = grid.fine_edge
        share = whole[i : i + edge, j : j + edge, k : k + edge].mean()
        torch.testing.assert_close(shares.reshape(4, 4, 4, 729)[1, 2, 3, box], share)
