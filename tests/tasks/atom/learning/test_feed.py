"""Batches depend on their key only."""

import torch

from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.sections import cut_sections
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated


def test_batches_contain_sections_of_their_volumes_and_depend_on_their_key(toy_data: Curated, toy_manifest: Manifest) -> None:
    training = make_training(toy_data, toy_manifest)
    feed = SectionFeed(training.volumes, training.train, training.grid, "cpu")
    batch, other = feed.batches(3, 5, 1, range(1, 3))
    assert batch.volumes.shape == (3, 20, 20, 20)
    assert batch.pixels.shape == (15, 4, 4)
    assert batch.volume_index.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    torch.testing.assert_close(other.pixels, next(feed.batches(3, 5, 1, range(2, 9))).pixels)
    assert not torch.equal(batch.pixels, other.pixels)
    assert not torch.equal(batch.pixels, next(feed.batches(3, 5, 2, range(1, 2))).pixels)
    for small in (batch, *feed.batches(1, 2, 1, range(4000, 4003))):  # cut for many steps at once, all alike
        for number, section in zip(small.volume_index, small.pixels, strict=True):
            assert torch.isin(section[section != 0], small.volumes[number]).all()
    fixed = feed.fixed(100, "key")
    assert len(fixed.pixels) == 100
    assert (fixed.volume_index.diff() >= 0).all()


def test_poses_of_a_batch_are_those_that_its_sections_were_cut_at(toy_data: Curated, toy_manifest: Manifest) -> None:
    training = make_training(toy_data, toy_manifest)
    feed = SectionFeed(training.volumes, training.train, training.grid, "cpu")
    for batch in (*feed.batches(3, 40, 1, range(1, 3)), feed.fixed(100, "key")):
        torch.testing.assert_close(batch.normals.norm(dim=1), torch.ones(len(batch.pixels)))
        again = cut_sections(batch.volumes, batch.volume_index, batch.centres, batch.normals)
        assert (
            again.pixels == batch.pixels
        ).float().mean() > 0.98  # ties of the rounding may change with the length of normals


def test_damage_changes_pixels_and_blurs_volumes_but_keeps_sections_and_labels(
    toy_data: Curated, toy_manifest: Manifest
) -> None:
    training = make_training(toy_data, toy_manifest)
    clean, damaged = (SectionFeed(training.volumes, training.train, training.grid, "cpu", damage) for damage in (0, 5))
    steps = range(1, 13)
    pairs = list(zip(clean.batches(3, 5, 1, steps), damaged.batches(3, 5, 1, steps), strict=True))
    for before, after in pairs:
        assert torch.equal(before.labels.fine, after.labels.fine)
        assert torch.equal(before.volume_index, after.volume_index)
        assert torch.equal(before.centres, after.centres)
    changed = [not torch.equal(before.pixels, after.pixels) for before, after in pairs]
    blurred = [not torch.equal(before.volumes, after.volumes) for before, after in pairs]
    assert changed == blurred
    assert 6 <= sum(changed) < 12  # one severity in six is 0
    again = next(SectionFeed(training.volumes, training.train, training.grid, "cpu", 5).batches(3, 5, 1, range(7, 8)))
    assert torch.equal(again.pixels, pairs[6][1].pixels)
    fixed = damaged.fixed(50, "key")
    assert not torch.equal(fixed.pixels, clean.fixed(50, "key").pixels)
    assert torch.equal(fixed.pixels, damaged.fixed(50, "key").pixels)
