"""Matches and poses by features are calibrated on the sections that each of them answers."""

import numpy as np

from atombench.tasks.atom.methods.locus_calibration import FEATURES, MATCHES, TRUSTED, Judged, calibration
from atombench.tasks.atom.search.posterior import calibrated

BOXES = 729


def judged(differences: np.ndarray, match_right: bool, other_right: bool, seed: int) -> Judged:
    """Return random scores of sections that one of both ways answers rightly."""
    rng, count = np.random.default_rng(seed), len(differences)
    boxes, match_boxes, correct = (rng.random(shape) < 0.1 for shape in ((count, 4, BOXES), (count, 5, BOXES), (count, BOXES)))
    trials = np.stack([differences, np.full(count, match_right), np.full(count, other_right)], axis=1).astype(float)
    return Judged(rng.normal(size=(count, 4)), boxes, rng.normal(size=(count, 5)), match_boxes, correct, trials)


def test_each_way_is_calibrated_on_the_sections_that_it_answers() -> None:
    clean, damaged = judged(np.linspace(0, 0.1, 6), True, False, 1), judged(np.linspace(0.2, 0.3, 8), False, True, 2)
    found = calibration([clean, damaged])
    assert found[TRUSTED][0] == 0.1
    for prefix, expected in (
        (MATCHES, calibrated(clean.evidence, clean.match_boxes, clean.correct)),
        (FEATURES, calibrated(damaged.scores, damaged.boxes, damaged.correct)),
    ):
        for name, value in vars(expected).items():
            assert found[prefix + name][0] == value


def test_without_any_trusted_match_all_sections_calibrate_both() -> None:
    both = judged(np.linspace(0, 0.1, 6), False, True, 1)
    found = calibration([both])
    assert found[TRUSTED][0] == -1
    assert found[f"{MATCHES}temperature"][0] == calibrated(both.evidence, both.match_boxes, both.correct).temperature
