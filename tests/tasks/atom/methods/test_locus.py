"""`locus` scores poses as its definition says, learns a toy problem, follows the volume, and keeps exact matches."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch

from atombench.engine.contract import Resources
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.degradation.damage import Records
from atombench.tasks.atom.degradation.rotation import Rotation
from atombench.tasks.atom.degradation.step import Damaged
from atombench.tasks.atom.geometry import BlockGrid, lattice
from atombench.tasks.atom.learning.drawn_feed import DrawnFeed, quarter_turns
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.methods.locus import Locus
from atombench.tasks.atom.methods.locus_calibration import trusted_difference
from atombench.tasks.atom.methods.locus_network import ANCHORS, LocusNetwork
from atombench.tasks.atom.methods.locus_options import LocusOptions
from atombench.tasks.atom.methods.locus_search import LocusSearch
from atombench.tasks.atom.queries import make_queries, query_order
from atombench.tasks.atom.search.feature_search import FeatureSearch
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.conftest import textured, volume_set

build = ATOM.registry.build
GRIDS = [BlockGrid(1), BlockGrid(2), BlockGrid(2, 2), BlockGrid(3)]
QUERIES = 40  # of the first volume


def network_of(grid: BlockGrid, features: int = 8) -> LocusNetwork:
    torch.manual_seed(0)
    return LocusNetwork(grid, features, compared=16).eval()


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_template_holds_the_features_at_the_anchors(grid: BlockGrid) -> None:
    """The anchors divide the section into 4 x 4 squares and lie in their middles."""
    network, edge = network_of(grid), grid.edge
    field = torch.rand(8, edge, edge, edge)
    rng = np.random.default_rng(0)
    centres, normals = rng.uniform(0, edge, (20, 3)), rng.normal(size=(20, 3))
    templates = network.templates(field, torch.from_numpy(centres), torch.from_numpy(normals))
    assert (templates[:, -1] == 1).all()
    found = templates[:, :-1].unflatten(1, (ANCHORS**2, 8))
    points = lattice(normals, grid) + centres[:, :, None]  # (20, 3, P)
    squares = points.reshape(20, 3, ANCHORS, grid.section // ANCHORS, ANCHORS, grid.section // ANCHORS)
    voxels = np.round(squares.mean(axis=(3, 5)).reshape(20, 3, -1).astype(np.float32)).astype(int)
    for row in range(20):
        for anchor in range(ANCHORS**2):
            i, j, k = voxels[row, :, anchor]
            inside = min(i, j, k) >= 0 and max(i, j, k) < edge
            expected = field[:, i, j, k] if inside else torch.zeros(8)
            torch.testing.assert_close(found[row, anchor], expected)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_voxels_have_unit_features_that_follow_a_move_of_the_volume(grid: BlockGrid) -> None:
    network, edge, step = network_of(grid), grid.edge, 4 * grid.scale
    volume = torch.zeros(edge, edge, edge)
    middle = slice(edge // 2 - 2 * grid.scale, edge // 2 + 2 * grid.scale)
    volume[middle, middle, middle] = torch.rand(4 * grid.scale, 4 * grid.scale, 4 * grid.scale)
    field, moved = (network.field(shown) for shown in (volume, torch.roll(volume, step, 0)))
    torch.testing.assert_close(field.norm(dim=0), torch.ones(edge, edge, edge))
    at = edge // 2
    torch.testing.assert_close(field[:, at, at, at], moved[:, at + step, at, at], atol=0.1, rtol=0)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_templates_made_from_cells_equal_those_of_the_whole_field(grid: BlockGrid) -> None:
    network = network_of(grid)
    volume = torch.from_numpy(textured(1, grid.edge))
    rng = np.random.default_rng(0)
    poses = torch.from_numpy(rng.uniform(-2, grid.edge + 2, (40, 3))), torch.from_numpy(rng.normal(size=(40, 3)))
    expected = network.templates(network.field(volume[0]), *poses)
    torch.testing.assert_close(network.templates_from_cells(network.volume(volume)[0], *poses), expected)


def test_the_loss_is_the_cross_entropy_with_the_nearness_of_poses() -> None:
    network = network_of(BlockGrid(1))
    volumes = torch.from_numpy(textured(2))
    batch = next(DrawnFeed(volumes, BlockGrid(1)).batches(2, 3, 1, range(1, 2)))
    batch = dataclasses.replace(batch, turns=torch.tensor([0, 5, 1, 2, 2, 7]))
    found = network.loss(batch, torch.Generator().manual_seed(3))
    expected = []
    for number, (scores, distance, tilt) in enumerate(network.comparisons(batch, torch.Generator().manual_seed(3))):
        for row in range(3):
            near = np.exp(-((distance[row].numpy() / 0.7) ** 2 + (tilt[row].numpy() / 0.2) ** 2) / 2)
            logits = scores[:, row].detach().numpy().astype(np.float64)
            right = logits[batch.turns[3 * number + row]] - np.log(np.exp(logits).sum())
            expected.append(-(near / near.sum() * right).sum())
    assert float(found.detach()) == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_turns_are_those_of_damaged_sections(quarters: int, mirrored: bool) -> None:
    grid = BlockGrid(1)  # each anchor is a pixel
    a, b = (offset[None] for offset in grid.offsets)
    section = Damaged(grid, a, b, np.zeros_like(a), np.ones_like(a))
    record = {"angle": np.array([quarters * np.pi / 2 - 0.1]), "mirrored": np.array([mirrored])}
    turn = int(quarter_turns(Records({"rotation": record}), 1)[0])
    record["angle"] += 0.1
    turned = Rotation(180, 0.5).apply(section, record)
    order = LocusNetwork(grid, 8, compared=16).orders[turn]
    np.testing.assert_allclose(turned.a[0, order], a[0], atol=1e-9)
    np.testing.assert_allclose(turned.b[0, order], b[0], atol=1e-9)


def test_the_search_returns_the_pose_and_the_turn_that_made_the_query() -> None:
    """With the template of a pose as the query, no other pose scores more."""
    grid = BlockGrid(1)
    network = network_of(grid, 16)
    field = network.field(torch.from_numpy(textured(1))[0]).detach()
    normals = torch.nn.functional.normalize(torch.randn(12, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    cells = torch.cartesian_prod(*[torch.arange(20)] * 3)
    inner = cells[((cells > 4) & (cells < 15)).all(dim=1)]
    true = inner[torch.tensor([5, 77, 400])], normals[torch.tensor([2, 7, 11])]
    turns = torch.tensor([0, 3, 6])
    queries = torch.zeros(8, 3, ANCHORS**2 * 16 + 1)
    queries[turns, torch.arange(3)] = 200 * network.templates(field, *true)
    found = FeatureSearch(grid, normals, 8, 2).best(inner, lambda *pose: network.templates(field, *pose), queries)
    assert torch.equal(found.centres[:, 0], true[0].double())
    torch.testing.assert_close(found.normals[:, 0], true[1].double())
    assert torch.equal(found.turns[:, 0], turns)
    assert (found.scores[:, 1:].diff(dim=1) <= 0).all()


def test_differences_are_trusted_as_far_as_they_gain_answers() -> None:
    differences = np.array([0.3, 0.0, 0.1, 0.2])
    assert trusted_difference(differences, np.array([0.0, 1, 1, 0]), np.array([1.0, 0, 0, 0])) == 0.2
    assert trusted_difference(differences, np.zeros(4), np.ones(4)) == -1
    assert trusted_difference(np.full(4, np.inf), np.ones(4), np.zeros(4)) == -1


@pytest.fixture(scope="module")
def textured_data() -> Curated:
    return Curated.of(volume_set((6, 2, 2)))


def test_exact_matches_are_kept_and_damaged_sections_are_answered(textured_data: Curated) -> None:
    manifest = make_manifest(textured_data, AtomBoard("easy", "none", 1))  # few normals, so that the search is fast
    method = build("locus", {**Locus.smoke, "damage": 3})
    weights = method.fit(make_training(textured_data, manifest), Resources(seed=1))
    truth = manifest.parts["test"].take(query_order(manifest)).centres
    shares = {}
    for condition in ("clean", "histology-3"):
        queries = make_queries(textured_data, manifest, condition)
        few = dataclasses.replace(
            queries, volumes=queries.volumes[:1], volume_index=queries.volume_index[:QUERIES], pixels=queries.pixels[:QUERIES]
        )
        answers = method.predict(weights, few, Resources(seed=1))
        boxes = answers.get("boxes")
        assert boxes.min() >= 0
        assert boxes.max() <= 1
        shares[condition] = (np.linalg.norm(answers.get("centres") - truth[:QUERIES], axis=1) < 1.5).mean()
    assert shares["clean"] > 0.8
    assert shares["histology-3"] < shares["clean"]


@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(2)], ids=str)
def test_a_mirrored_volume_gives_mirrored_answers_if_its_mirror_image_is_looked_at_too(grid: BlockGrid) -> None:
    """With two views, volume and mirror image exchange their parts; normals lie on the half sphere of both."""
    volume = textured(1, grid.edge)[0]
    pixels = np.random.default_rng(0).random((6, grid.section, grid.section), dtype=np.float32)
    network = network_of(grid)
    options = LocusOptions(orientations=3, views=2, poses=8, starts=1, match=1)
    search = LocusSearch.of(network, options, "easy", Resources(seed=1))
    field = partial(search._templates, [network.field(view.volume(torch.from_numpy(volume))).detach() for view in search.views])
    mirror = [network.field(view.volume(torch.from_numpy(volume[::-1].copy()))).detach() for view in search.views]
    mirrored = partial(search._templates, mirror)
    view = search.views[1]
    rng = np.random.default_rng(1)
    centres, normals = (
        torch.from_numpy(rng.uniform(*bounds, (20, 3))) for bounds in ((grid.edge / 3, grid.edge / 2), (0.1, 1))
    )
    here, there = search._queries(torch.from_numpy(pixels)), search._queries(torch.from_numpy(pixels[:, :, ::-1].copy()))
    scores = (here @ field(centres, normals).T).detach()
    other = (view.turned(there) @ mirrored(*view.poses(centres, normals)).T).detach()
    torch.testing.assert_close(scores, other, rtol=1e-4, atol=1e-4)


def test_a_batch_is_learned() -> None:
    network = network_of(BlockGrid(1), 16).train()
    batch = next(DrawnFeed(torch.from_numpy(textured(1)), BlockGrid(1)).batches(1, 8, 1, range(1, 2)))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses, before = [], network.ranking_accuracy(batch)
    for _ in range(30):
        loss = network.loss(batch, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.75 * losses[0]
    assert network.ranking_accuracy(batch) > before
