"""Drawn batches show what the volume holds at their poses, show tissue, and depend on seed and step only."""

import pytest
import torch

from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.learning.drawn_feed import DrawnFeed, draw_poses, near_tissue
from atombench.tasks.atom.sections import cut
from atombench.tasks.atom.uniform import show_tissue
from tests.conftest import textured


def volumes(count: int = 3, edge: int = 20) -> torch.Tensor:
    """Return textured volumes that are empty in one half."""
    found = textured(count, edge)
    found[:, :, : edge // 2] = 0
    return torch.from_numpy(found)


@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(2, 2)], ids=str)
def test_pixels_and_labels_are_those_of_the_volume_at_the_stated_poses(grid: BlockGrid) -> None:
    feed = DrawnFeed(volumes(edge=grid.edge), grid, shift=2)
    batch = next(feed.batches(2, 20, 1, range(1, 2)))
    points = section_points(batch.centres, batch.normals.double(), grid)
    same = (cut(batch.volumes, batch.volume_index, points, grid) == batch.pixels).flatten(1).all(dim=1)
    assert same.float().mean() > 0.9  # normals in single precision may round a point differently
    assert (label_sections(points, grid).boxes == batch.labels.boxes).all(dim=1).float().mean() > 0.9
    assert batch.labels.boxes.any(dim=1).all()
    core = batch.pixels.flatten(1)[:, torch.from_numpy(grid.core_points.ravel())]
    assert show_tissue(core.numpy()).mean() > 0.95  # the sampler also leaves out sections that are equal throughout


def test_a_batch_depends_on_seed_and_step_only() -> None:
    feed = DrawnFeed(volumes(), BlockGrid(1), damage=3, shift=1)
    straight, resumed = list(feed.batches(2, 4, 1, range(1, 5))), list(feed.batches(2, 4, 1, range(3, 5)))
    for first, second in zip(straight[2:], resumed, strict=True):
        torch.testing.assert_close(first.pixels, second.pixels, rtol=0, atol=0)
        torch.testing.assert_close(first.volumes, second.volumes, rtol=0, atol=0)
    other = next(feed.batches(2, 4, 2, range(1, 2)))
    assert not torch.equal(straight[0].pixels, other.pixels)


def test_volumes_are_mirrored_and_moved_only_if_asked() -> None:
    made = volumes(1)
    still = next(DrawnFeed(made, BlockGrid(1), mirror=False).batches(1, 2, 1, range(1, 2)))
    assert torch.equal(still.volumes[0], made[0])
    mirrored = [next(DrawnFeed(made, BlockGrid(1)).batches(1, 2, 1, range(step, step + 1))).volumes[0] for step in range(1, 12)]
    kinds = {bool(torch.equal(volume, made[0])) for volume in mirrored}
    assert kinds == {True, False}
    assert all(torch.equal(volume, made[0]) or torch.equal(volume, made[0].flip(0)) for volume in mirrored)


def test_damaged_batches_differ_from_the_volume_and_their_volumes_are_blurred() -> None:
    made = volumes()
    batches = list(DrawnFeed(made, BlockGrid(1), damage=5, mirror=False).batches(1, 8, 1, range(1, 30)))
    untouched = [any(torch.equal(batch.volumes[0], volume) for volume in made) for batch in batches]
    assert any(untouched)
    assert not all(untouched)
    assert not any(batch.turns.any() for batch, clean in zip(batches, untouched, strict=True) if clean)
    assert torch.cat([batch.turns for batch in batches]).unique().tolist() == list(range(8))


def test_an_empty_volume_yields_poses_all_the_same() -> None:
    empty = torch.zeros(20, 20, 20)
    assert len(near_tissue(empty)) == 20**3
    centres, normals = draw_poses(empty, 5, BlockGrid(1), torch.Generator().manual_seed(0))
    assert centres.shape == normals.shape == (5, 3)


def test_dark_tissue_counts_as_much_as_bright_tissue() -> None:
    volume = volumes(1)[0]
    tissue = (volume > 0).float()
    assert torch.equal(near_tissue(0.06 * tissue), near_tissue(tissue))
    assert 0 < len(near_tissue(tissue)) < volume.numel()


def test_normals_are_uniform_on_the_half_sphere() -> None:
    _, normals = draw_poses(torch.ones(20, 20, 20), 4000, BlockGrid(1), torch.Generator().manual_seed(0))
    assert (normals[:, 2] >= 0).all()
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(4000, dtype=torch.float64))
    assert abs(float(normals[:, 2].mean()) - 0.5) < 0.05  # sections with a box prefer some directions slightly
    assert float(normals[:, :2].mean(dim=0).abs().max()) < 0.05
