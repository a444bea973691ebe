"""The exact search considers every candidate, and gives the answer of a naive loop in double precision."""

from functools import cache
from itertools import product

import numpy as np
import pytest
import torch

from atombench.similarity.table import MEASURES, Similarity
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search import exact
from atombench.tasks.atom.search.candidates import Candidates, Lattices, distinct_orientations, every_position, show_tissue
from atombench.tasks.atom.search.exact import QUANTUM, ExactSearch
from atombench.tasks.atom.uniform import TISSUE
from atombench.tasks.atom.uniform import show_tissue as shows
from atombench.volumes.volume_set import BACKGROUND
from tests.conftest import textured

TIED = np.array([[0.0, 0, 1], [1, 2, 2], [2, 1, 2], [3, 4, 0], [9, 1, 5], [1, 1, 1], [4, 0, 3]])  # three have halfway points
HARD = known_normals("hard", 0)[::161]


@cache
def volume(tissue: bool = False) -> np.ndarray:
    """Return a volume that is empty in part, with values of few decimals, so that many candidates are equal."""
    found = np.round(textured(1, 20, seed=3)[0], 1)
    inside = ((np.stack(np.indices((20,) * 3)) - 9) ** 2).sum(axis=0) < (6 if tissue else 8) ** 2
    return np.where(inside, found, 0).astype(np.float32)


def naive_sections(voxels: np.ndarray, normals: np.ndarray, centres: np.ndarray, grid: BlockGrid) -> np.ndarray:
    """Return the candidates (O, C, W, W), cut one at a time from a padded volume."""
    margin = 3 * grid.section
    padded = np.pad(voxels, margin)
    found = np.zeros((len(normals), len(centres), grid.section, grid.section), np.float32)
    for (o, normal), (c, centre) in product(enumerate(normals), enumerate(centres)):
        i, j, k = section_points(centre[None], normal[None], grid)[0] + margin
        found[o, c] = padded[i, j, k].reshape(grid.section, grid.section)
    return found


def asked(sections: np.ndarray) -> np.ndarray:
    """Return queries: candidates as they are, with noise, reversed, and equal throughout."""
    rng = np.random.default_rng(1)
    flat = sections.reshape(-1, *sections.shape[2:])
    some = flat[rng.permutation(len(flat))[:6]]
    noise = rng.normal(scale=0.05, size=some.shape).astype(np.float32)
    return np.concatenate([some, some + noise, 0.9 - 0.3 * some, np.zeros_like(some[:2]), np.full_like(some[:1], 0.4)])


CASES = {
    "hard, all positions": (HARD, BlockGrid(1), 1, False),
    "halfway points, all positions": (TIED, BlockGrid(1), 1, False),
    "easy, every third position": (np.eye(3), BlockGrid(1), 3, False),
    "tissue only": (HARD, BlockGrid(1), 2, True),
    "context 2": (TIED, BlockGrid(1, 2), 3, False),
    "context 2, tissue only": (TIED, BlockGrid(1, 2), 2, True),
}


@cache
def sections_of(case: str) -> np.ndarray:
    """Return the candidates of a case, tissue or not; (O, C, W, W)."""
    normals, grid, step, tissue = CASES[case]
    return naive_sections(volume(tissue), normals, every_position(grid, step), grid)


@pytest.mark.parametrize("case", CASES)
def test_every_candidate_is_the_section_that_the_protocol_defines(case: str) -> None:
    normals, grid, step, tissue = CASES[case]
    lattices = Lattices(grid, normals, every_position(grid, step))
    candidates, expected = Candidates(volume(tissue), lattices, tissue), sections_of(case)
    for orientation in range(len(normals)):
        sections, numbers = candidates.sections(orientation, slice(None))
        cores = expected[orientation].reshape(len(lattices.centres), -1)[:, grid.core_points.ravel()]
        kept = np.flatnonzero(shows(cores)) if tissue else np.arange(len(cores))
        np.testing.assert_array_equal(numbers, kept)
        np.testing.assert_array_equal(sections, expected[orientation, kept])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", MEASURES)
def test_the_search_finds_the_first_best_candidate_of_a_naive_search(
    name: Similarity, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normals, grid, step, tissue = CASES[case]
    measure, lattices = MEASURES[name], Lattices(grid, normals, every_position(grid, step))
    expected = sections_of(case)
    queries = asked(expected)
    flat = expected.reshape(-1, *expected.shape[2:]).astype(np.float64)
    features = measure.features(queries.astype(np.float64))
    quanta = QUANTUM * measure.sizes(features)
    scores = np.round(measure.scores(features, measure.features(flat)) / quanta[:, None])
    if tissue:
        scores[:, ~shows(flat.reshape(len(flat), -1)[:, grid.core_points.ravel()].astype(np.float32))] = -np.inf
    orientations, positions = np.unravel_index(scores.argmax(axis=1), expected.shape[:2])
    monkeypatch.setattr(exact, "BLOCK", 300)
    search = ExactSearch(Candidates(volume(tissue), lattices, tissue), measure, torch.from_numpy(queries), threads=2)
    found = search.find()
    np.testing.assert_array_equal(found.orientations, orientations)
    np.testing.assert_array_equal(found.positions, positions)
    np.testing.assert_allclose(found.scores, scores.max(axis=1) * quanta, atol=1.5 * quanta.max())


@pytest.mark.parametrize("tissue", [False, True])
def test_with_spacing_candidates_are_some_rows_and_columns_of_sections_that_may_show_tissue(tissue: bool) -> None:
    grid, case = BlockGrid(1, 2), "context 2, tissue only" if tissue else "context 2"
    normals, _, step, _ = CASES[case]
    lattices = Lattices(grid, normals, every_position(grid, step), spacing=2)
    candidates, expected = Candidates(volume(tissue), lattices, tissue), sections_of(case)[:, :, ::2, ::2]
    for orientation in range(len(normals)):
        sections, numbers = candidates.sections(orientation, slice(None))
        cores = expected[orientation, :, 1:3, 1:3].reshape(len(lattices.centres), -1)  # the middle 4 x 4 pixels of 8 x 8
        np.testing.assert_array_equal(sections, expected[orientation, numbers])
        if not tissue:
            np.testing.assert_array_equal(numbers, np.arange(len(cores)))
            continue
        may = np.flatnonzero((cores > BACKGROUND).mean(axis=1) >= TISSUE / 2)
        whole = sections_of(case)[orientation][:, 2:6, 2:6].reshape(len(cores), -1)
        assert set(np.flatnonzero(shows(whole))) <= set(numbers.tolist()) <= set(may.tolist())


@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(2), BlockGrid(2, 2), BlockGrid(3)], ids=str)
def test_no_position_whose_section_shows_tissue_is_left_out(grid: BlockGrid) -> None:
    """Tissue on one side of a plane is shown by sections whose centres lie outside of it."""
    along = np.stack(np.indices((grid.edge,) * 3)) - grid.edge / 2
    normals = known_normals("tissue", 6)
    for direction in np.array([[1.0, 0, 0], [0, 0.8, 0.6], [0.5, -0.5, 0.7]]):
        tissue = np.tensordot(direction, along, 1) > 0
        voxels = np.where(tissue, textured(1, grid.edge)[0] + 1, 0).astype(np.float32)
        lattices = Lattices(grid, normals, every_position(grid, grid.scale + 1))
        every, kept = (Candidates(voxels, lattices, only) for only in (False, True))
        assert len(kept) < len(every)
        for orientation in range(len(normals)):
            sections, _ = every.sections(orientation, slice(None))
            cores = sections.flatten(1)[:, torch.from_numpy(grid.core_points.ravel())].numpy()
            _, numbers = kept.sections(orientation, slice(None))
            np.testing.assert_array_equal(numbers, np.flatnonzero(shows(cores)))


def test_sections_of_a_faint_ripple_are_told_apart() -> None:
    """Resampling leaves a ripple of about 1e-6 in the background, by which a search finds sections without tissue."""
    grid = BlockGrid(1)
    normals = known_normals("hard", 1)[::40]
    ripple = (1e-6 * np.random.default_rng(0).normal(size=(20, 20, 20))).astype(np.float32)
    ripple[:4] += 0.5
    lattices = Lattices(grid, normals, every_position(grid))
    candidates = Candidates(ripple, lattices, tissue_only=False)
    chosen = torch.arange(4000, 7900, 37)
    sections = torch.cat(
        [candidates.sections(number % len(normals), chosen[number : number + 1])[0] for number in range(len(chosen))]
    )
    found = ExactSearch(candidates, MEASURES["ssd"], sections, threads=1).find()
    right = sum(
        torch.equal(candidates.sections(int(orientation), position[None])[0][0], section)
        for orientation, position, section in zip(found.orientations, found.positions, sections, strict=True)
    )
    assert right == len(chosen)


@pytest.mark.parametrize("name", MEASURES)
def test_scores_in_single_precision_differ_by_less_than_the_margin_and_never_exceed_the_ceiling(name: Similarity) -> None:
    rng, measure = np.random.default_rng(2), MEASURES[name]
    images = np.concatenate([rng.random((60, 8, 8)), 0.5 + 1e-6 * rng.random((20, 8, 8)), 30 * rng.random((20, 8, 8))])
    features = torch.from_numpy(measure.features(images.astype(np.float32).astype(np.float64)))
    scores, single = measure.scores(features, features), measure.scores(features.float(), features.float()).double()
    error = (single - scores).abs().amax(dim=1)
    assert (error <= measure.margins(features, 30.0)).all()
    assert (error > 0).any()
    assert (scores.amax(dim=1) <= measure.ceilings(features) + QUANTUM * measure.sizes(features)).all()


def test_a_survey_has_the_best_position_of_every_orientation_and_block(monkeypatch: pytest.MonkeyPatch) -> None:
    grid, measure = BlockGrid(1), MEASURES["ssd"]
    lattices = Lattices(grid, HARD, every_position(grid))
    queries = asked(naive_sections(volume(), HARD[:2], lattices.centres[4000:4100], grid))
    monkeypatch.setattr(exact, "BLOCK", 3000)
    survey = ExactSearch(Candidates(volume(), lattices, False), measure, torch.from_numpy(queries), 1).survey(located=True)
    found = naive_sections(volume(), HARD[1:2], lattices.centres, grid)[0].astype(np.float64)
    unique = np.unique(queries.reshape(len(queries), -1), axis=0).reshape(-1, 4, 4).astype(np.float64)
    scores = measure.scores(measure.features(unique), measure.features(found))
    assert survey.scores.shape == (len(unique), len(HARD), 3)
    for block in range(3):
        part = scores[:, 3000 * block : 3000 * (block + 1)]
        reached = scores[np.arange(len(unique)), survey.positions[:, 1, block].numpy()]
        np.testing.assert_allclose(reached, part.max(axis=1), atol=1e-5)
        np.testing.assert_allclose(survey.scores[:, 1, block], part.max(axis=1), atol=1e-5)


def test_queries_that_reach_the_ceiling_are_compared_in_one_window_only(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = BlockGrid(1)
    candidates = Candidates(volume(), Lattices(grid, HARD, every_position(grid)), False)
    search = ExactSearch(candidates, MEASURES["ssd"], torch.zeros((50, 4, 4)), 1)
    monkeypatch.setattr(exact, "AT_ONCE", 1)
    survey, calls = search.survey(), []
    again = search._again
    monkeypatch.setattr(search, "_again", lambda where, rows: calls.append((*where, len(rows))) or again(where, rows))
    found = search.find(survey)
    assert (found.scores == 0).all()
    assert [call for call in calls if call[2]] == [(0, 0, 1)]


def test_without_any_candidate_the_score_is_minus_infinity() -> None:
    grid = BlockGrid(1)
    candidates = Candidates(np.zeros((20, 20, 20), np.float32), Lattices(grid, HARD, every_position(grid)), True)
    search = ExactSearch(candidates, MEASURES["ssd"], torch.rand((2, 4, 4)), 1)
    survey, found = search.survey(), search.find()
    assert survey.scores.isneginf().all()
    assert found.scores.isneginf().all()
    assert not found.orientations.any()


def test_distinct_orientations_keep_the_first_normal_of_each_pattern() -> None:
    grid, normals = BlockGrid(1), known_normals("hard", 0)
    kept = distinct_orientations(normals, grid)
    assert 250 < len(kept) < 300
    parities = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=1)
    patterns = [section_points(parities, np.tile(normal, (8, 1)), grid).tobytes() for normal in normals]
    first = [number for number, pattern in enumerate(patterns) if pattern not in patterns[:number]]
    np.testing.assert_array_equal(kept, normals[first])


def test_tissue_is_judged_alike_in_torch_and_numpy() -> None:
    pixels = np.random.default_rng(0).choice(np.float32([0, 0.04, 0.05, 0.06, 0.5]), size=(500, 16))
    pixels[:50] = pixels[:50, :1]
    found = show_tissue(torch.from_numpy(pixels)).numpy()
    np.testing.assert_array_equal(found, shows(pixels))
    assert 0 < found.sum() < 500
