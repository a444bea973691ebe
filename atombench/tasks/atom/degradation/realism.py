"""Whether damaged sections resemble histology: what published pairs of sections and scans show, measured on simulated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import damage_of
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import BACKGROUND

BINS = 32
LEAST_TISSUE = 0.5  # share of a section's pixels, for its correlation to count


@dataclass(frozen=True)
class Expected:
    """Range of a figure in published data.

    Attributes:
        meaning: what it is.
        low, high: range of its median.
        source: where it was measured.
    """

    meaning: str
    low: float
    high: float
    source: str


PUBLISHED = {
    "correlation": Expected(
        "Pearson correlation of section and scan in tissue, median over sections", -0.57, -0.10,
        "11 sections each: cell-body stain -0.42 (-0.57 to -0.25), Nissl -0.22 (-0.35 to -0.10)",
    ),
    "mutual_information": Expected(
        "normalised mutual information 2 I / (H + H), 32 bins, tissue of all sections", 0.061, 0.098,
        "the same sections: medians 0.098 and 0.061",
    ),
    "anisotropy": Expected(
        "ratio of the singular values of the in-plane affine, median over sections", 1.03, 1.14,
        "119 pairs of serial sections: 1.027 (90 %: 1.062); 344 sections against MRI: 1.118 (quartiles 1.10 to 1.14)",
    ),
    "missing": Expected(
        "share of the pixels without tissue that show tissue in the scan, mean over sections", 0.001, 0.05,
        "medians 0.1 % and 1.9 %, 90th percentiles 1.5 % and 12.6 %",
    ),
}  # fmt: skip
"""Figures of methods against which `central` damage (severity 3) is checked."""


def measure(data: Curated, manifest: Manifest, severity: int = 3) -> dict[str, float]:
    """Return the figures of `PUBLISHED` for the test sections of a board, damaged at a severity.

    Correlation and information compare the contrast alone, as published pairs are aligned; anisotropy follows from the records.
    """
    order = np.arange(len(manifest.parts["test"]))
    clean, stained = (_sections(data, manifest, condition) for condition in ("clean", f"contrast-{severity}"))
    tissue = clean > BACKGROUND
    enough = tissue.mean(axis=1) >= LEAST_TISSUE
    correlations = [np.corrcoef(clean[row][tissue[row]], stained[row][tissue[row]])[0, 1] for row in order[enough]]
    compression = damage_of(manifest, f"compression-{severity}")[1].of_step.get("compression", {"factor": np.ones(1)})
    lost = _sections(data, manifest, f"missing-{severity}") == 0
    return {
        "correlation": float(np.median(correlations)),
        "mutual_information": mutual_information(clean[tissue], stained[tissue]),
        "anisotropy": float(np.median(1 / compression["factor"])),
        "missing": float((lost & tissue).sum() / tissue.sum()),
    }


def mutual_information(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return 2 I / (H1 + H2) of two sets of intensities, each in equal bins over its range."""
    joint = np.histogram2d(first, second, BINS)[0] / len(first)
    marginals = joint.sum(axis=1), joint.sum(axis=0)
    alone = [_entropy(marginal) for marginal in marginals]
    return float(2 * (sum(alone) - _entropy(joint)) / sum(alone))


def _entropy(shares: NDArray[np.float64]) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())


def _sections(data: Curated, manifest: Manifest, condition: str) -> NDArray[np.float32]:
    """Return the test sections under a condition, without the blur of volumes; (M, P)."""
    sections = manifest.parts["test"]
    degradation, records = damage_of(manifest, condition)
    poses = (sections.volume, sections.centres, sections.normals)
    pixels: NDArray[np.float32] = degradation.apply(data.volumes().volumes, *poses, manifest.grid, records)
    return pixels.reshape(len(sections), -1)
