"""Probabilities of poses are right as often as they say."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from atombench.locating.confidence import Confidence, evidence_of, fitted


def drawn(true: Confidence, count: int) -> tuple[list[np.ndarray], list[np.ndarray], list[int | None]]:
    """Draw similarities and scores, and which pose is right by the probabilities of the model."""
    rng = np.random.default_rng(0)
    similarities = [np.sort(rng.uniform(0.3, 0.999, rng.integers(1, 6)))[::-1] for _ in range(count)]
    scores = [rng.normal(size=len(values)) if true.learned else 0 * values for values in similarities]
    right: list[int | None] = []
    for values, learned in zip(similarities, scores, strict=True):
        probabilities = true.probabilities(values, learned)
        number = int(rng.choice(len(values) + 1, p=np.append(probabilities, 1 - probabilities.sum())))
        right.append(number if number < len(values) else None)
    return similarities, scores, right


def test_probabilities_are_those_of_the_definition() -> None:
    confidence, values = Confidence(-1.0, 0.8, 0.5), np.array([0.95, 0.9, 0.2])
    evidence = -np.log(1 - values + 1e-3)
    expected = expit(-1 + 0.8 * evidence[0]) * np.exp(log_softmax(evidence / 0.5))
    np.testing.assert_allclose(confidence.probabilities(values, 0 * values), expected)
    np.testing.assert_allclose(evidence_of(values), evidence)
    assert confidence.probabilities(values, 0 * values).sum() < 1
    assert np.isfinite(confidence.probabilities(np.ones(2), np.zeros(2))).all()


def test_poses_that_a_network_scores_higher_are_more_likely() -> None:
    confidence, equal = Confidence(-1.0, 0.8, 0.5, learned=0.2), np.array([0.9, 0.9])
    first, second = confidence.probabilities(equal, np.array([-1.0, -4.0]))
    assert first / second == pytest.approx(np.exp(0.2 * 3 / 0.5))


@pytest.mark.parametrize("true", [Confidence(-2.0, 1.0, 0.4), Confidence(-2.0, 1.0, 0.4, learned=0.5)])
def test_the_parameters_that_made_the_data_are_found(true: Confidence) -> None:
    similarities, scores, right = drawn(true, 3000)
    found = fitted(similarities, scores, right)
    for name, value in vars(true).items():
        assert getattr(found, name) == pytest.approx(value, abs=0.25)
    stated = np.array([found.probabilities(*case)[0] for case in zip(similarities, scores, strict=True)])
    correct = np.array([number == 0 for number in right])
    for low in np.arange(0, 1, 0.2):
        inside = (stated >= low) & (stated < low + 0.2)
        if inside.sum() > 50:
            assert correct[inside].mean() == pytest.approx(stated[inside].mean(), abs=0.08)
