"""Convolutional baselines use the inputs that they state, learn a toy problem, and return poses fitted to predicted points."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from atombench.engine.contract import Resources
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import Batch, SectionFeed
from atombench.tasks.atom.learning.scoring import Network, in_volumes, poses_in_volumes
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.plane_fit import exact_points, fitted_poses
from atombench.tasks.atom.poses import corner_points, pose_scores
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated

build = ATOM.registry.build
ALL = ["section-cnn", "joint-cnn", "plane-regression", "tspm-position"]
WITH_VOLUME = {"joint-cnn", "plane-regression"}
WITH_POSES = {"plane-regression", "tspm-position"}
SMALL = {"width": 8, "hidden": 64}


def poses(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return random centres and normals of any direction, and one of each axis."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.cat([torch.eye(3), -torch.eye(3)])
    normals = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    centres = 5 + 10 * torch.rand(count + 6, 3, generator=generator)
    return centres, torch.cat([normals, axes])


def network(name: str, grid: BlockGrid) -> Network:
    torch.manual_seed(0)
    return build(name, SMALL).network(grid).eval()


@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(2, 2)])
def test_points_of_known_poses_are_the_corners_of_the_platform(grid: BlockGrid) -> None:
    centres, normals = poses(20)
    points = exact_points(centres, normals, grid, grid.corners)
    expected = corner_points(centres.double().numpy(), normals.double().numpy(), grid)
    np.testing.assert_allclose(points.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(2, 2)])
@pytest.mark.parametrize("all_points", [False, True])
def test_exact_points_yield_their_pose(grid: BlockGrid, all_points: bool) -> None:
    chosen = list(range(grid.section**2)) if all_points else grid.corners[:3]
    centres, normals = poses(50)
    found_centres, found_normals = fitted_poses(exact_points(centres, normals, grid, chosen), grid, chosen)
    torch.testing.assert_close(found_centres, centres.double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(found_normals, normals.double(), atol=1e-4, rtol=0)


def test_noise_of_points_is_averaged_and_points_in_a_line_have_a_pose() -> None:
    grid, generator = BlockGrid(2), torch.Generator().manual_seed(1)
    chosen, (centres, normals) = list(range(64)), poses(200)
    points = exact_points(centres, normals, grid, chosen)
    found = fitted_poses(points + torch.randn(points.shape, generator=generator), grid, chosen)
    assert (found[0] - centres).norm(dim=1).mean() < 0.5  # 64 points with an error of 1 voxel per axis
    angles = torch.rad2deg(torch.acos((found[1] * normals).sum(dim=1).clamp(-1, 1)))
    assert angles.mean() < 6
    centres, normals = fitted_poses(torch.ones(2, 64, 3), grid, chosen)
    assert centres.isfinite().all()
    assert normals.tolist() == [[0.0, 0.0, 1.0]] * 2


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(2, 2), BlockGrid(3)])
def test_each_network_uses_the_inputs_that_it_states_at_every_scale(name: str, grid: BlockGrid) -> None:
    net, generator = network(name, grid), torch.Generator().manual_seed(2)
    volumes = torch.rand(2, *[grid.edge] * 3, generator=generator)
    pixels, index = torch.rand(6, grid.section, grid.section, generator=generator), torch.tensor([0, 0, 0, 1, 1, 1])
    boxes = in_volumes(net, volumes, index, pixels)[1]
    assert boxes.shape == (6, 729)

    def change(volumes: Tensor, pixels: Tensor) -> float:
        """Return the largest change of the poses or, without these, of the boxes."""
        if name not in WITH_POSES:
            return np.abs(in_volumes(net, volumes, index, pixels)[1] - boxes).max() / boxes.max()
        return np.abs(poses_in_volumes(net, volumes, index, pixels)[0] - centres).max()

    centres = poses_in_volumes(net, volumes, index, pixels)[0] if name in WITH_POSES else None
    assert (change(volumes.flip(0), pixels) > 1e-3) == (name in WITH_VOLUME)
    assert change(volumes, pixels.flip(0)) > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_answers_contain_the_poses_that_boxes_are_derived_from(name: str, toy_data: Curated, toy_manifest: Manifest) -> None:
    method, queries = build(name, {**NetworkMethod.smoke, **SMALL}), make_queries(toy_data, toy_manifest)
    answers = method.predict(method.fit(make_training(toy_data, toy_manifest), Resources(seed=1)), queries, Resources(seed=1))
    if name not in WITH_POSES:
        assert answers.get("centres") is None
        np.testing.assert_allclose(answers.get("boxes").sum(axis=1), 1, atol=1e-5)
        return
    boxes, coarse = pose_scores(answers.get("centres"), answers.get("normals"), queries.grid)
    np.testing.assert_array_equal(answers.get("boxes"), boxes)
    np.testing.assert_array_equal(answers.get("coarse"), coarse)
    assert not answers.probabilities


def test_poses_do_not_depend_on_how_many_volumes_are_answered_together() -> None:
    net, grid = network("plane-regression", BlockGrid(1)).double(), BlockGrid(1)
    volumes, index = torch.rand(5, *[grid.edge] * 3, dtype=torch.float64), torch.tensor([0, 0, 1, 3, 4, 4])
    pixels = torch.rand(6, 4, 4, dtype=torch.float64)
    for one, all_at_once in zip(
        poses_in_volumes(net, volumes, index, pixels, 1), poses_in_volumes(net, volumes, index, pixels, 9), strict=True
    ):
        np.testing.assert_allclose(one, all_at_once, atol=1e-4)
    assert poses_in_volumes(network("section-cnn", grid), volumes.float(), index, pixels.float()) is None


@pytest.fixture
def batch(toy_data: Curated, toy_manifest: Manifest) -> Batch:
    """Return 48 sections of 2 volumes, with more contrast, so that few steps suffice."""
    task = make_training(toy_data, toy_manifest)
    drawn = next(SectionFeed(task.volumes, task.train, task.grid, "cpu").batches(2, 24, 1, range(1, 2)))
    return replace(drawn, pixels=4 * (drawn.pixels - 0.5), volumes=4 * (drawn.volumes - 0.5))


@pytest.mark.parametrize("name", ALL)
def test_each_network_learns_a_batch_by_heart(name: str, batch: Batch) -> None:
    net, generator = network(name, BlockGrid(1)).train(), torch.Generator()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    first = float(net.loss(batch, generator).detach())
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / 400)
        optimizer.zero_grad()
        loss = net.loss(batch, generator)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5 * first
    if name in WITH_POSES:
        centres, _ = poses_in_volumes(net, batch.volumes, batch.volume_index, batch.pixels)
        errors = np.linalg.norm(centres - batch.centres.numpy(), axis=1)
        spread = (batch.centres - batch.centres.mean(dim=0)).norm(dim=1)
        assert np.median(errors) < 0.3 * spread.median()
        return
    boxes = in_volumes(net, batch.volumes, batch.volume_index, batch.pixels)[1]
    correct = batch.labels.boxes.numpy()
    labelled = correct.any(axis=1)
    hits = correct[np.arange(len(boxes)), boxes.argmax(axis=1)][labelled]
    assert hits.mean() > 0.9  # chance is below 0.05
