"""Views of a volume show the same sections at other poses."""

import numpy as np
import pytest
import torch

from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.methods.locus_network import anchor_orders
from atombench.tasks.atom.search.views import View, views_of
from atombench.tasks.atom.sections import cut
from tests.conftest import textured

GRIDS = [BlockGrid(1), BlockGrid(2), BlockGrid(2, 2), BlockGrid(3)]


def sections(volume: torch.Tensor, centres: torch.Tensor, normals: torch.Tensor, grid: BlockGrid) -> torch.Tensor:
    points = section_points(centres, normals, grid)
    return cut(volume[None], torch.zeros(len(points), dtype=torch.int64), points, grid)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_pose_in_a_view_shows_the_same_section(grid: BlockGrid) -> None:
    rng = np.random.default_rng(0)
    volume = torch.from_numpy(textured(1, grid.edge)[0])
    middle = (grid.edge / 2 - 2 + rng.random((30, 3))).round() + rng.uniform(0.1, 0.2, (30, 3))  # so that none is halfway
    centres, normals = torch.from_numpy(middle), torch.from_numpy(rng.normal(size=(30, 3)))
    expected = sections(volume, centres, normals, grid)
    for view in views_of(grid, 4):
        found = sections(view.volume(volume), *view.poses(centres, normals), grid)
        torch.testing.assert_close(found, view.pixels(expected))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_views_differ(grid: BlockGrid) -> None:
    views = views_of(grid, 4)
    assert len(set(views)) == len(views) == (2 if grid.scale == 1 else 4)
    assert views[0] == View(grid, False, 0)


def test_turns_in_a_mirrored_view_are_those_of_the_section() -> None:
    """A turned section has in the mirrored view the turn that its mirror image has."""
    orders, view = anchor_orders(), View(BlockGrid(1), True, 0)
    section = torch.arange(16.0)
    for turn in range(8):
        turned = torch.empty(16)
        turned[orders[turn]] = section  # then undoing the turn gives the section
        seen = view.pixels(turned.reshape(1, 4, 4)).flatten()
        undone = view.turned(torch.stack([seen[order] for order in orders])[:, None])
        torch.testing.assert_close(undone[turn, 0], view.pixels(section.reshape(1, 4, 4)).flatten())
