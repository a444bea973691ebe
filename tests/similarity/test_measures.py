"""Every measure of similarity against a naive loop over pairs, and what leaves it unchanged."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from atombench.similarity.table import MEASURES

Image = np.ndarray


def naive_ssd(a: Image, b: Image) -> float:
    return -float(((a - b) ** 2).sum())


def naive_ncc(a: Image, b: Image) -> float:
    return float(stats.pearsonr(a.ravel(), b.ravel()).statistic)


def naive_information(a: Image, b: Image) -> float:
    """Four equal bins between the smallest and the largest pixel of each image."""
    bins = [np.linspace(image.min(), image.max(), 5) for image in (a, b)]
    joint = np.histogram2d(a.ravel(), b.ravel(), bins=bins)[0] / a.size
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    return float(sum(p * math.log(p / q) for p, q in zip(joint.ravel(), apart.ravel(), strict=True) if p > 0))


def naive_gradient_fields(a: Image, b: Image) -> float:
    fields = []
    for image in (a, b):
        down, across = np.gradient(image)
        noise = np.hypot(down, across).mean()
        fields.append(np.stack([down, across]) / np.sqrt(down**2 + across**2 + noise**2))
    return float((fields[0] * fields[1]).sum(axis=0).__pow__(2).mean())


def naive_mind(a: Image, b: Image) -> float:
    return -float(((_descriptors(a) - _descriptors(b)) ** 2).sum())


def _descriptors(image: Image) -> np.ndarray:
    width = len(image)
    steps = ((-1, 0), (1, 0), (0, -1), (0, 1))

    def pixel(values: np.ndarray, i: int, j: int) -> float:
        return float(values[min(max(i, 0), width - 1), min(max(j, 0), width - 1)])

    squares = []
    for step in steps:
        moved = [[pixel(image, i + step[0], j + step[1]) for j in range(width)] for i in range(width)]
        squares.append((image - np.array(moved)) ** 2)
    found = np.zeros((width, width, 4))
    for i in range(width):
        for j in range(width):
            patch = [(i + k, j + m) for k in (-1, 0, 1) for m in (-1, 0, 1)]
            distances = np.array([np.mean([pixel(square, *place) for place in patch]) for square in squares])
            values = np.exp(-distances / distances.mean())
            found[i, j] = values / values.max()
    return found


NAIVE: dict[str, Callable[[Image, Image], float]] = {
    "ssd": naive_ssd,
    "ncc": naive_ncc,
    "absolute-ncc": lambda a, b: abs(naive_ncc(a, b)),
    "mutual-information": naive_information,
    "gradient-fields": naive_gradient_fields,
    "mind": naive_mind,
}


def images(count: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, width, width))


def scores(name: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    measure = MEASURES[name]
    return np.asarray(measure.scores(measure.features(first), measure.features(second)))


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("name", MEASURES)
def test_scores_of_all_pairs_equal_a_naive_loop(name: str, width: int) -> None:
    first, second = images(3, width), images(5, width, 1)
    expected = [[NAIVE[name](a, b) for b in second] for a in first]
    np.testing.assert_allclose(scores(name, first, second), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_torch_and_numpy_agree(name: str) -> None:
    first, second, measure = images(4).astype(np.float32), images(6, seed=1).astype(np.float32), MEASURES[name]
    found = measure.scores(*(measure.features(torch.from_numpy(each)) for each in (first, second)))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), scores(name, first, second), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MEASURES)
def test_an_image_is_most_similar_to_itself(name: str) -> None:
    many = images(20)
    np.testing.assert_array_equal(scores(name, many, many).argmax(axis=1), np.arange(20))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ncc", lambda x: 3 * x + 2),
        ("absolute-ncc", lambda x: 2 - 3 * x),
        ("mutual-information", lambda x: 2 - 3 * x),
        ("gradient-fields", lambda x: 2 - 3 * x),
        ("mind", lambda x: 2 - 3 * x),
    ],
)
def test_a_measure_ignores_the_changes_of_contrast_that_it_is_made_for(name: str, change: Callable[[Image], Image]) -> None:
    first, second = images(4), images(4, seed=2)
    np.testing.assert_allclose(scores(name, change(first), second), scores(name, first, second), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_images_that_are_equal_throughout_have_finite_scores(name: str) -> None:
    assert np.isfinite(scores(name, np.zeros((2, 8, 8)), np.concatenate([images(3), np.ones((1, 8, 8))]))).all()
