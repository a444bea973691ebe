import numpy as np
import pytest

from atombench.records.verdicts import complete_samples, verdicts
from atombench.tasks.atom.specs import SPECS
from tests.board.swapped import exchange_of, hits_of, record
from tests.records.made import example

SPEC = SPECS[0]


def marks(*records: object) -> dict[str, list[str]]:
    found = {method: [verdict.mark for verdict in every if verdict.mark] for method, every in verdicts(records, SPEC).items()}
    return {method: names for method, names in found.items() if names}


def test_a_method_whose_score_stays_the_same_when_volumes_are_exchanged_is_blind_to_them() -> None:
    records = [
        record("regismcan", 0.5, (0.1, 0.05)),
        record("regismcan-released", 0.3, (0.3, 0.05)),
        record("volume-only", 0.3, (0.05, 0.3)),
    ]
    assert marks(*records) == {"regismcan-released": ["volume-blind"], "volume-only": ["section-blind"]}
    (section, volume) = verdicts(records, SPEC)["regismcan"]
    assert (volume.state, section.state) == ("uses", "uses")
    assert 0 < volume.low < volume.fall < volume.high
    assert volume.own == pytest.approx(0.5, abs=0.1)


def test_a_difference_that_was_not_found_is_no_proof_of_blindness() -> None:
    """The answers change, but 200 sections are too few to tell a fall by a tenth from none."""
    assert marks(record("regismcan", 0.10, (0.11, 0.0))) == {"regismcan": ["volume-undecided"]}


def test_a_gain_by_more_than_a_tenth_is_not_called_blind() -> None:
    assert marks(record("section-only", 0.3, (0.6, 0.05))) == {"section-only": ["volume-undecided"]}


def test_seeds_that_differ_do_not_hide_that_each_of_them_falls() -> None:
    """Runs are compared with themselves: a spread between seeds larger than the fall does not matter."""
    records = []
    for seed, rate in enumerate((0.3, 0.6, 0.9), 1):
        own = np.random.default_rng(seed).random(200) < rate
        fallen = own & (np.arange(200) % 10 > 2)  # three tenths of the sections, in every volume
        records.append(example("regismcan", seed, metrics=[hits_of("strict", own), *exchange_of("volume-swap", own, fallen)]))
    assert marks(*records) == {}


@pytest.mark.parametrize(("kept", "state"), [(1.0, "follows"), (0.6, "undecided"), (0.0, "recites")])
def test_a_method_that_loses_its_score_when_volumes_move_recites_positions(kept: float, state: str) -> None:
    own = np.random.default_rng(1).random(200) < 0.5
    moved = own & (np.random.default_rng(2).random(200) < kept)
    made = example("regismcan", metrics=[hits_of("strict", own), *exchange_of("shift", own, moved)])
    (found,) = verdicts([made], SPEC)["regismcan"]
    assert (found.state, found.mark) == (state, "recites-positions" if state == "recites" else "")


def test_a_saboteur_that_notices_swapped_volumes_is_caught_when_they_move() -> None:
    """It recites positions, and answers at random if the section does not occur in the volume."""
    own = np.random.default_rng(1).random(200) < 0.9
    nothing = np.zeros(200, dtype=bool)
    metrics = [hits_of("strict", own), *exchange_of("volume-swap", own, nothing), *exchange_of("shift", own, nothing)]
    assert marks(example("regismcan", metrics=metrics)) == {"regismcan": ["recites-positions"]}


def test_a_method_that_is_never_right_allows_no_verdict() -> None:
    assert marks(record("regismcan", 0.0, (0.0, 0.0))) == {"regismcan": ["section-undecided", "volume-undecided"]}


def test_a_method_with_a_failed_run_has_no_samples() -> None:
    records = [record("regismcan", 0.5), record("regismcan", 0.5, seed=2, status="failed", reason="x"), record("constant", 0.1)]
    assert list(complete_samples(records, *SPEC.key)) == ["constant"]
