import numpy as np
import pytest

from atombench.errors import ConfigError
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.sampling import (
    easy_normals,
    hard_normals,
    known_normals,
    released_positions,
    sampler,
)
from atombench.tasks.atom.sections import cut_sections
from atombench.tasks.atom.uniform import old_positions, show_tissue

GRID = BlockGrid(1)


def test_the_released_sampler_reproduces_the_positions_of_the_paper() -> None:
    positions = released_positions()
    assert {split: len(centres) for split, centres in positions.items()} == {"train": 152, "val": 152, "test": 168}
    for centres in positions.values():
        assert list(dict.fromkeys(centres[:, 2].tolist())) == [17, 0, 11, 9]
        assert centres[:, :2].min() >= 2
        assert centres[:, :2].max() <= 16
        assert len({tuple(centre) for centre in centres}) == len(centres)


def test_positions_are_proportional_to_the_scale() -> None:
    np.testing.assert_array_equal(released_positions(scale=3)["val"], 3 * released_positions()["val"])


def test_hard_normals_are_small_integers_and_never_all_zero() -> None:
    normals = np.concatenate([hard_normals(168, "toy", f"v{number}") for number in range(200)])
    assert set(np.unique(normals)) == set(range(10))
    assert normals.any(axis=1).all()
    frequencies = np.bincount(normals.astype(int).ravel(), minlength=10) / normals.size
    np.testing.assert_allclose(frequencies, 0.1, atol=0.005)


def test_easy_normals_are_the_three_axes_equally_often() -> None:
    normals = np.concatenate([easy_normals(168, "toy", f"v{number}") for number in range(200)])
    np.testing.assert_allclose(normals.sum(axis=0) / len(normals), 1 / 3, atol=0.01)
    np.testing.assert_array_equal(normals.sum(axis=1), 1)


@pytest.mark.parametrize("gathering", ["hard", "easy", "uniform", "uniform-v1"])
def test_draws_depend_on_their_key_and_not_on_the_order_of_calls(gathering: str) -> None:
    draw = sampler(gathering, "none", "toy", GRID).draw
    forward = {name: draw("train", name) for name in ("a", "b", "c")}
    again = sampler(gathering, "none", "toy", GRID).draw
    for name in ("c", "a", "b"):
        np.testing.assert_array_equal(again("train", name).normals, forward[name].normals)
        np.testing.assert_array_equal(again("train", name).centres, forward[name].centres)
    assert not np.array_equal(forward["a"].normals, forward["b"].normals)
    assert not np.array_equal(sampler(gathering, "none", "other", GRID).draw("train", "a").normals, forward["a"].normals)


def test_old_uniform_positions_are_disjoint_between_splits_and_cover_the_volume() -> None:
    pools = old_positions(GRID)
    sets = {split: {tuple(centre) for centre in pool} for split, pool in pools.items()}
    assert sum(len(pool) for pool in sets.values()) == 8000 == len(set.union(*sets.values()))
    assert {split: len(pool) for split, pool in sets.items()} == {"train": 6400, "val": 800, "test": 800}


def test_uniform_sections_are_all_labelled_and_cover_all_directions() -> None:
    draw = sampler("uniform", "none", "toy", GRID).draw
    poses = [draw("test", f"v{number}") for number in range(40)]
    centres, normals = (np.concatenate([getattr(pose, name) for pose in poses]) for name in ("centres", "normals"))
    assert label_sections(section_points(centres, normals, GRID), GRID).boxes.any(axis=1).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert (normals[:, 2] >= 0).all()
    assert abs(normals[:, 0].mean()) < 0.03
    assert abs(normals[:, 1].mean()) < 0.03


def test_box_frequencies_in_training_say_nothing_about_the_test_unless_parts_share_out_positions() -> None:
    def frequencies(gathering: str, part: str) -> np.ndarray:
        draw = sampler(gathering, "none", "toy", GRID).draw
        poses = [draw(part, f"{part}{number}") for number in range(150)]
        centres, normals = (np.concatenate([getattr(pose, field) for pose in poses]) for field in ("centres", "normals"))
        return label_sections(section_points(centres, normals, GRID), GRID).boxes.mean(axis=0)

    training, test = (frequencies("uniform", part) for part in ("train", "test"))
    assert abs(np.corrcoef(training, test)[0, 1]) < 0.15
    for box in (training.argmin(), training.argmax()):
        assert test[box] == pytest.approx(test.mean(), rel=0.25)
    old_training, old_test = (frequencies("uniform-v1", part) for part in ("train", "test"))
    assert np.corrcoef(old_training, old_test)[0, 1] < -0.3
    assert old_test[old_training.argmax()] < 0.6 * old_test.mean()


def test_tissue_sections_show_tissue_and_do_not_depend_on_context() -> None:
    volume = np.zeros((40, 40, 40), np.float32)
    volume[8:30, 8:30, 8:30] = np.random.default_rng(0).uniform(0.03, 1, (22, 22, 22))
    draws = [sampler("tissue", "none", "toy", BlockGrid(2, context), voxels=lambda name: volume) for context in (1, 2)]
    core, wide = (each.draw("test", "v") for each in draws)
    np.testing.assert_array_equal(core.centres, wide.centres)
    np.testing.assert_array_equal(core.normals, wide.normals)
    assert len(core.centres) == 168
    cut_core = cut_sections(volume[None], np.zeros(168, np.int64), core.centres, core.normals, 2)
    cut_wide = cut_sections(volume[None], np.zeros(168, np.int64), wide.centres, wide.normals, 2, context=2)
    np.testing.assert_array_equal(cut_core.fine, cut_wide.fine)
    np.testing.assert_array_equal(cut_core.pixels, cut_wide.pixels[:, 4:12, 4:12])
    pixels = cut_core.pixels.reshape(168, -1)
    assert ((pixels > 0.05).mean(axis=1) >= 0.5).all()
    assert cut_core.fine.any(axis=(1, 2)).all()
    assert show_tissue(pixels).all()


def test_a_volume_with_little_tissue_has_fewer_sections_and_an_empty_one_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atombench.tasks.atom.uniform.ROUNDS", 8)
    volumes = {"empty": np.zeros((20, 20, 20), np.float32), "flat": np.full((20, 20, 20), 0.5, np.float32)}
    volumes["speck"] = volumes["empty"].copy()
    volumes["speck"][9, 9, 9:11] = 1
    draws = sampler("tissue", "none", "toy", GRID, voxels=volumes.__getitem__)
    assert [len(draws.draw("train", name).centres) for name in volumes] == [0, 0, 0]
    volumes["speck"][8:11, 8:11, 8:11] = np.arange(27).reshape(3, 3, 3) / 27
    assert 0 < len(draws.draw("train", "speck").centres) <= 152


@pytest.mark.parametrize("gathering", ["tissue", "uniform", "uniform-secret"])
def test_independent_positions_cannot_be_shared_by_a_split(gathering: str) -> None:
    with pytest.raises(ConfigError, match=f"{gathering} has no split pos: its positions are drawn independently"):
        sampler(gathering, "pos", "toy", GRID)


def test_an_unknown_gathering_is_rejected() -> None:
    with pytest.raises(ConfigError, match="unknown gathering 'hrd'; did you mean 'hard'"):
        sampler("hrd", "none", "toy", GRID)


def test_known_normals_contain_every_normal_of_the_finite_gatherings() -> None:
    known = known_normals("hard", 0)
    assert len(known) == 805
    directions = {tuple(np.round(normal / np.linalg.norm(normal), 12)) for normal in known}
    drawn = hard_normals(168, "toy", "v")
    assert {tuple(np.round(normal / np.linalg.norm(normal), 12)) for normal in drawn} <= directions
    np.testing.assert_array_equal(known_normals("easy", 0), np.eye(3))
    assert len(known_normals("uniform", 50)) == 50


def test_the_adni_variant_reproduces_the_positions_of_the_paper() -> None:
    positions = released_positions(variant="adni")
    assert {part: len(centres) for part, centres in positions.items()} == {"train": 152, "val": 140, "test": 156}
    sets = [{tuple(centre) for centre in centres} for centres in positions.values()]
    assert len(set.union(*sets)) == 152 + 140 + 156  # parts are drawn without replacement
    assert {int(centre[2]) for centres in positions.values() for centre in centres} == {7, 10, 11, 16}
    np.testing.assert_array_equal(positions["train"][:, :2], released_positions()["train"][:, :2])


@pytest.mark.parametrize("variant", ["medmnist", "adni"])
def test_split_pos_uses_the_training_positions_for_all_parts(variant: str) -> None:
    positions = released_positions("pos", variant)
    for centres in positions.values():
        np.testing.assert_array_equal(centres, released_positions("none", variant)["train"])


@pytest.mark.parametrize("variant", ["medmnist", "adni"])
def test_split_vol_has_disjoint_positions(variant: str) -> None:
    positions = released_positions("vol", variant)
    assert {part: len(centres) for part, centres in positions.items()} == {"train": 152, "val": 32, "test": 32}
    places = [{tuple(centre[:2]) for centre in centres} for centres in positions.values()]
    assert [len(place) for place in places] == [38, 8, 8]
    assert len(set.union(*places)) == 54
    for part in ("val", "test"):
        assert {tuple(place) for place in positions[part]} <= {
            tuple(place) for place in released_positions("none", variant)[part]
        }


@pytest.mark.parametrize("gathering", ["hard", "easy", "uniform", "uniform-v1"])
def test_split_vol_draws_separate_normals_for_each_part_of_a_volume(gathering: str) -> None:
    draws = sampler(gathering, "vol", "toy", GRID)
    train, val, test = (draws.draw(part, "v") for part in ("train", "val", "test"))
    assert not np.array_equal(val.normals, test.normals)
    assert not np.array_equal(train.normals[:32], val.normals)
    for part, poses in zip(("train", "val", "test"), (train, val, test), strict=True):
        assert len(poses.centres) == len(poses.normals) == draws.counts[part]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hard", "volume", "toy", GRID), "unknown split rule 'volume'; did you mean 'vol'"),
        (("hard", "none", "toy", GRID, "adnii"), "unknown sampler variant 'adnii'; did you mean 'adni'"),
    ],
)
def test_unknown_split_rules_and_variants_are_rejected(arguments: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sampler(*arguments)
