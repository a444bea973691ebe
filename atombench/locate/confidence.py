"""How likely poses are, given their similarity; fitted to sections whose place is known.

The evidence of a pose is minus the logarithm of how much its similarity falls short of the greatest possible one. With
probability P, the true pose is among those found, where P rises with the evidence of the best; each of them then has a
probability in proportion to exp(evidence / temperature).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

FLOOR = 1e-3  # added to the shortfall, so that evidence is finite
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Confidence:
    """Parameters of one measure of similarity.

    Attributes:
        offset: log-odds, for evidence 0, that the true pose is among those found.
        slope: how much these rise with the evidence of the best pose.
        temperature: difference of evidence that makes a pose less likely by a factor of e.
    """

    offset: float
    slope: float
    temperature: float

    def probabilities(self, similarities: Array) -> Array:
        """Return the probability that each of the distinct poses (N,) is right; they add up to less than 1."""
        evidence = evidence_of(similarities)
        shares = np.exp(log_softmax(evidence / self.temperature))
        found: Array = expit(self.offset + self.slope * evidence.max()) * shares
        return found


def evidence_of(similarities: Array) -> Array:
    """Return the evidence of poses; the greatest possible similarity is 1."""
    found: Array = -np.log(np.clip(1 - similarities, 0, None) + FLOOR)
    return found


def fitted(similarities: list[Array], right: list[int | None]) -> Confidence:
    """Return the most likely parameters.

    Args:
        similarities: of the distinct poses of each section, (N,) each.
        right: number of the pose that is right; None if there is none.
    """

    def loss(parameters: Array) -> float:
        made = Confidence(parameters[0], parameters[1], float(np.exp(parameters[2])))
        total = 0.0
        for values, number in zip(similarities, right, strict=True):
            probabilities = made.probabilities(values)
            chance = 1 - probabilities.sum() if number is None else probabilities[number]
            total -= np.log(max(chance, 1e-12))
        return total / len(similarities)

    best = minimize(loss, np.array([0.0, 1.0, 0.0]), method="Nelder-Mead", options={"maxiter": 2000})
    offset, slope, temperature = best.x
    return Confidence(float(offset), float(slope), float(np.exp(temperature)))
