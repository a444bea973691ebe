"""How likely poses are, given the evidence for them; fitted to sections whose place is known.

The evidence of a pose is minus the logarithm of how much its similarity falls short of the greatest possible one. Its strength
is the evidence, plus a multiple of its score by learned similarity where there is one. With probability P, the true pose is
among those found, where P rises with the strength of the best; each of them then has a probability in proportion to
exp(strength / temperature).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

FLOOR = 1e-3  # added to the shortfall, so that evidence is finite
FILE = files("atombench.locating") / "confidence.json"
Array = NDArray[np.float64]


class Calibration(TypedDict):
    """Parameters of `Confidence`, and what they were fitted to, for the reader."""

    parameters: dict[str, float]
    fitted_to: str


@dataclass(frozen=True)
class Confidence:
    """Parameters of one method and measure of similarity.

    Attributes:
        offset: log-odds, for strength 0, that the true pose is among those found.
        slope: how much these rise with the strength of the best pose.
        temperature: difference of strength that makes a pose less likely by a factor of e.
        learned: strength of one unit of the score by learned similarity.
    """

    offset: float
    slope: float
    temperature: float
    learned: float = 0.0

    def strengths(self, similarities: Array, scores: Array) -> Array:
        """Return the strength of poses, given their similarities and scores by learned similarity, (N,) each."""
        return evidence_of(similarities) + self.learned * scores

    def probabilities(self, similarities: Array, scores: Array) -> Array:
        """Return the probability that each of the distinct poses is right, (N,); they add up to less than 1."""
        return self.of_strengths(self.strengths(similarities, scores))

    def of_strengths(self, strengths: Array) -> Array:
        """Return probabilities of poses (..., N); those with a strength of minus infinity do not exist."""
        shares = np.exp(log_softmax(strengths / self.temperature, axis=-1))
        return np.asarray(expit(self.offset + self.slope * strengths.max(axis=-1, keepdims=True)) * shares)


def evidence_of(similarities: Array) -> Array:
    """Return the evidence of poses; the greatest possible similarity is 1."""
    found: Array = -np.log(np.clip(1 - similarities, 0, None) + FLOOR)
    return found


def fitted(similarities: list[Array], scores: list[Array], right: list[int | None]) -> Confidence:
    """Return the most likely parameters.

    Args:
        similarities: of the distinct poses of each section, (N,) each.
        scores: of the same poses by learned similarity, (N,) each; if all are 0, `learned` is 0.
        right: number of the pose that is right; None if there is none.
    """
    width = max(len(values) for values in similarities)
    evidence, learned = _padded([evidence_of(values) for values in similarities], width, -np.inf), _padded(scores, width, 0)
    rows, numbers = np.arange(len(right)), np.array([width if number is None else number for number in right])

    def loss(parameters: Array) -> float:
        made = _made(parameters)
        probabilities = made.of_strengths(evidence + made.learned * learned)
        nowhere = 1 - probabilities.sum(axis=1, keepdims=True)
        chances = np.concatenate([probabilities, nowhere], axis=1)[rows, numbers]
        return -float(np.log(np.maximum(chances, 1e-12)).mean())

    start = np.array([0.0, 1.0, 0.0, 0.1])[: 4 if any(values.any() for values in scores) else 3]
    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000})
    return _made(best.x)


def _padded(parts: list[Array], width: int, fill: float) -> Array:
    """Return rows of different lengths as an array (M, width), with another value where a row has ended."""
    found = np.full((len(parts), width), fill, np.float64)
    for row, values in zip(found, parts, strict=True):
        row[: len(values)] = values
    return found


def _made(parameters: Array) -> Confidence:
    offset, slope, log_temperature, *learned = (float(value) for value in parameters)
    return Confidence(offset, slope, float(np.exp(log_temperature)), *learned)


def calibration_of(method: str, similarity: str) -> tuple[Confidence, str]:
    """Return the published parameters of a method and a measure, and what they were fitted to, for the reader."""
    entry = published_calibrations()[f"{method}/{similarity}"]
    return Confidence(**entry["parameters"]), entry["fitted_to"]


def published_calibrations() -> Mapping[str, Calibration]:
    """Return all published parameters, by METHOD/MEASURE; `benchmarks/measure_locate.py` fits them."""
    found: Mapping[str, Calibration] = json.loads(FILE.read_text())
    return found


def entry_of(confidence: Confidence, fitted_to: str) -> Calibration:
    """Return an entry of the file of published parameters."""
    return {"parameters": {name: round(value, 4) for name, value in asdict(confidence).items()}, "fitted_to": fitted_to}
