"""The table of methods: names, where they live, and what the workflow must know before it imports them.

It only dispatches, and does not count as code that a step uses: a new line does not repeat the training of other methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        module: dotted name of its file.
        cls: its class in that file.
        role: `control`, `search`, `network`, or `submission` of others.
        seeded: whether repetitions with other seeds differ; a method that is not seeded runs once.
        note: one sentence for the board.
        learned: whether it is a trained network, which may use a GPU and whose inputs are exchanged as a test.
        oracle: whether it is told labels of test sections.
        required: whether it stands on every board.
    """

    module: str
    cls: str
    role: Literal["control", "search", "network", "submission"]
    seeded: bool
    note: str
    learned: bool = False
    oracle: bool = False
    required: bool = False


METHODS: dict[str, Entry] = {
    "random": Entry(
        "atombench.tasks.atom.methods.random_scores", "RandomScores", "control", True,
        "uniform random scores: the true chance level", required=True,
    ),
    "constant": Entry(
        "atombench.tasks.atom.methods.constant", "Constant", "control", False,
        "the best fixed answer on the training labels; sees no pixel", required=True,
    ),
    "section-only": Entry(
        "atombench.tasks.atom.methods.one_input", "SectionOnly", "control", True,
        "a network that sees the section and no volume", learned=True, required=True,
    ),
    "volume-only": Entry(
        "atombench.tasks.atom.methods.one_input", "VolumeOnly", "control", True,
        "a network that sees the volume and no section", learned=True, required=True,
    ),
    "oracle-coarse": Entry(
        "atombench.tasks.atom.methods.oracle_coarse", "OracleCoarse", "control", True,
        "told the correct blocks, random within them", oracle=True, required=True,
    ),
    "exhaustive": Entry(
        "atombench.tasks.atom.methods.exhaustive", "Exhaustive", "search", False,
        "sum of squared differences at every position and orientation; learns nothing", required=True,
    ),
    "regismcan-released": Entry(
        "atombench.tasks.atom.methods.regismcan_released", "RegisMcanReleased", "network", True,
        "the function of the released code; cannot see the volume", learned=True,
    ),
    "regismcan": Entry(
        "atombench.tasks.atom.methods.regismcan", "RegisMcan", "network", True,
        "as the paper's text describes: block tokens are scored", learned=True,
    ),
    "mcan": Entry(
        "atombench.tasks.atom.methods.mcan", "Mcan", "network", True,
        "MCAN's encoder-decoder: one score for each of the 729 boxes", learned=True,
    ),
}  # fmt: skip

CONTROLS = tuple(name for name, entry in METHODS.items() if entry.required)
