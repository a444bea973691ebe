"""Table of the methods of `atom`: names, modules, and facts that the workflow needs before it imports them.

The table is not part of the code digest of a step, so that a new line does not retrain other methods.
"""

from __future__ import annotations

from atombench.engine.entry import Entry

HERE = "atombench.tasks.atom.methods"

METHODS: dict[str, Entry] = {
    "random": Entry(
        f"{HERE}.random_scores",
        "RandomScores",
        "control",
        True,
        "uniform random scores: the true chance level",
        required=True,
    ),
    "constant": Entry(
        f"{HERE}.constant",
        "Constant",
        "control",
        False,
        "the best fixed answer on the training labels; sees no pixel",
        fitted=True,
        required=True,
    ),
    "section-only": Entry(
        f"{HERE}.one_input",
        "SectionOnly",
        "control",
        True,
        "a network that sees the section and no volume",
        learned=True,
        required=True,
    ),
    "volume-only": Entry(
        f"{HERE}.one_input",
        "VolumeOnly",
        "control",
        True,
        "a network that sees the volume and no section",
        learned=True,
        required=True,
    ),
    "oracle-coarse": Entry(
        f"{HERE}.oracle_coarse",
        "OracleCoarse",
        "control",
        True,
        "knows the correct blocks; random within them",
        oracle=True,
        required=True,
    ),
    "exhaustive": Entry(
        f"{HERE}.exhaustive",
        "Exhaustive",
        "search",
        False,
        "sum of squared differences at every position and orientation; learns nothing",
        required=True,
    ),
    "search": Entry(
        f"{HERE}.search",
        "Search",
        "search",
        False,
        "candidates compared by a measure of similarity, refined; calibrated probabilities of boxes",
        fitted=True,
    ),
    "regismcan-released": Entry(
        f"{HERE}.regismcan_released",
        "RegisMcanReleased",
        "network",
        True,
        "reimplementation of the released code; cannot see the volume",
        learned=True,
    ),
    "regismcan": Entry(
        f"{HERE}.regismcan",
        "RegisMcan",
        "network",
        True,
        "as described in the paper: block tokens are scored",
        learned=True,
    ),
    "mcan": Entry(
        f"{HERE}.mcan",
        "Mcan",
        "network",
        True,
        "MCAN's encoder-decoder: one score for each of the 729 boxes",
        learned=True,
    ),
    "section-cnn": Entry(
        f"{HERE}.section_cnn",
        "SectionCnn",
        "network",
        True,
        "convolutions of the section; cannot see the volume",
        learned=True,
    ),
    "joint-cnn": Entry(
        f"{HERE}.joint_cnn",
        "JointCnn",
        "network",
        True,
        "convolutions of section and volume, joined late",
        learned=True,
    ),
    "plane-regression": Entry(
        f"{HERE}.plane_regression",
        "PlaneRegression",
        "network",
        True,
        "three corner points of the section, regressed from section and volume",
        learned=True,
    ),
    "tspm-position": Entry(
        f"{HERE}.tspm_position",
        "TspmPosition",
        "network",
        True,
        "the position of every pixel in the space of aligned volumes; cannot see the volume",
        learned=True,
    ),
}
