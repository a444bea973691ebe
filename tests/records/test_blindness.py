import numpy as np

from atombench.records.blindness import blind, complete_samples
from atombench.tasks.atom.specs import SPECS
from tests.board.swapped import hits_of, record
from tests.records.made import example

SPEC = SPECS[0]


def test_a_method_that_does_not_fall_when_volumes_are_exchanged_is_blind_to_them() -> None:
    records = [
        record("regismcan", 0.5, (0.1, 0.05)),
        record("regismcan-released", 0.3, (0.3, 0.05)),
        record("volume-only", 0.3, (0.1, 0.3)),
        record("section-only", 0.3, (0.6, 0.05)),
    ]
    marks = blind(records, SPEC)
    assert marks == {
        "regismcan-released": ["volume-blind"],
        "volume-only": ["section-blind"],
        "section-only": ["volume-blind"],
    }


def test_seeds_that_differ_do_not_hide_that_each_of_them_falls() -> None:
    """Runs are compared with themselves: a spread between seeds larger than the fall does not matter."""
    records = []
    for seed, rate in enumerate((0.3, 0.6, 0.9), 1):
        own = np.random.default_rng(seed).random(200) < rate
        fallen = own & (np.arange(200) % 10 != 0)  # a tenth of the sections, in every volume
        records.append(example("regismcan", seed, metrics=[hits_of("strict", own), hits_of("volume-swap", fallen)]))
    assert blind(records, SPEC) == {}


def test_a_method_with_a_failed_run_has_no_samples() -> None:
    records = [record("regismcan", 0.5), record("regismcan", 0.5, seed=2, status="failed", reason="x"), record("constant", 0.1)]
    assert list(complete_samples(records, *SPEC.key)) == ["constant"]
