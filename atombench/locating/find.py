"""`locate` and `locate_block`: the most likely poses of one section, or of several of one block, in a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.locating.block import Block, joint_probabilities
from atombench.locating.candidates import APART, POSES, TURNED_APART, find_poses
from atombench.locating.choices import Choices, Method
from atombench.locating.confidence import calibration_of, evidence_of
from atombench.locating.levels import levels_of, scan_extent
from atombench.locating.location import Location
from atombench.locating.planes import Planes, distinct_rows
from atombench.locating.region import Region
from atombench.locating.scan import Scan, read_scan
from atombench.locating.search import refined_on
from atombench.locating.section_image import SectionImage, read_section
from atombench.similarity.table import MEASURES

PREDICTING = 3  # poses of each section of a block from which those of the others are predicted


def locate(
    scan: Scan | Path | str,
    section: SectionImage | Path | str,
    *,
    mm_per_pixel: float | None = None,
    method: Method = "search",
    region: Region | None = None,
    weights: Path | str | None = None,
) -> Location:
    """Return the most likely poses of a section in a scan.

    Args:
        scan: the scan, or its file or DICOM folder.
        section: the section, or its file.
        mm_per_pixel: size of the section's pixels, if its file does not say it or is wrong.
        method: `search` compares all positions and rotations; `locus` takes those that a network scores highest.
        region: where the centre lies, if this is known.
        weights: bundle of a training of `locus`, instead of the published one.

    Raises:
        DataError: scan or section cannot be used, or do not fit each other.
        ConfigError: there is no such method, or there are weights for the method `search`.
    """
    choices = Choices(method, region, None if weights is None else Path(weights))
    return _located(_scan(scan), _section(section, mm_per_pixel), choices)


def locate_block(
    scan: Scan | Path | str,
    sections: Sequence[SectionImage | Path | str],
    *,
    spacing: float | None = None,
    mm_per_pixel: float | None = None,
    method: Method = "search",
    region: Region | None = None,
    weights: Path | str | None = None,
) -> list[Location]:
    """Return the most likely poses of parallel sections of one block.

    Each section is located alone, as by `locate`; then poses that agree with those of the others become more likely.

    Args:
        scan: the scan, or its file or DICOM folder.
        sections: the sections, or their files; in their order if the spacing is given.
        spacing: distance of neighbouring sections in mm; None if it or the order is unknown.
        mm_per_pixel: as in `locate`.
        method: as in `locate`.
        region: as in `locate`.
        weights: as in `locate`.

    Raises:
        DataError: scan or sections cannot be used, or do not fit each other, or the spacing is not positive.
        ConfigError: there is no such method, or there are weights for the method `search`.
    """
    choices = Choices(method, region, None if weights is None else Path(weights))
    if spacing is not None and not 0 < spacing < np.inf:
        msg = f"expected a spacing of more than 0 mm, got {spacing}"
        raise DataError(msg)
    if not sections:
        msg = "expected at least one section"
        raise DataError(msg)
    scan, images = _scan(scan), [_section(section, mm_per_pixel) for section in sections]
    alone = [_located(scan, image, choices) for image in images]
    if len(alone) == 1:
        return alone
    low, high = scan_extent(scan)
    reach = max(float(image.size_mm.max()) for image in images)
    block = Block(spacing, APART * max(one.near for one in alone), reach, float(np.linalg.norm(high - low)))
    if spacing is not None:
        alone = [_with_predictions(alone, number, block, region) for number in range(len(alone))]
    joint = joint_probabilities([one.planes for one in alone], [one.probabilities for one in alone], block)
    return [_reordered(one, probabilities) for one, probabilities in zip(alone, joint, strict=True)]


def _scan(scan: Scan | Path | str) -> Scan:
    return scan if isinstance(scan, Scan) else read_scan(Path(scan))


def _section(section: SectionImage | Path | str, mm_per_pixel: float | None) -> SectionImage:
    return section if isinstance(section, SectionImage) else read_section(Path(section), mm_per_pixel)


def _located(scan: Scan, section: SectionImage, choices: Choices) -> Location:
    confidence, fitted_to = calibration_of(choices.method, choices.similarity)
    found = find_poses(scan, section, choices, confidence)
    return Location(
        scan=scan,
        section=section,
        planes=found.planes,
        probabilities=confidence.probabilities(found.planes.scores, found.learned),
        near=found.near,
        calibrated_on=fitted_to,
        method=choices.method,
        similarity=choices.similarity,
        pixels=found.pixels,
    )


def _with_predictions(alone: Sequence[Location], number: int, block: Block, region: Region | None) -> Location:
    """Return the location of a section with the poses added that follow from the best ones of the others.

    All poses together are as likely as those of the section alone were. A new pose is as much less likely than the first one as
    it is less similar.
    """
    own = alone[number]
    others = [(other, one.planes.take(slice(PREDICTING))) for other, one in enumerate(alone) if other != number]
    predicted = [block.predicted(planes, number - other) for other, planes in others]
    finest = levels_of(own.scan, own.section.pixels, own.section.pixel_mm)[-1:]
    moved = refined_on(finest, MEASURES[own.similarity], Planes.joined(predicted), TURNED_APART / 4)
    if region is not None:
        moved = moved.take(np.flatnonzero(region.contains(moved.centres)))
    together = Planes.joined([own.planes, moved.best_first()])
    rows = distinct_rows(together, APART * own.near, TURNED_APART, len(together))
    new = together.take(rows[rows >= len(own.planes)])
    confidence, _ = calibration_of(own.method, own.similarity)
    less = evidence_of(new.scores) - evidence_of(own.planes.scores[:1])
    weights = np.concatenate([own.probabilities, own.probability * np.exp(np.minimum(less / confidence.temperature, 0))])
    probabilities = weights * own.probabilities.sum() / weights.sum()
    return replace(own, planes=Planes.joined([own.planes, new]), probabilities=probabilities)


def _reordered(location: Location, probabilities: NDArray[np.float64]) -> Location:
    """Return a location with other probabilities, the most likely pose first, and at most `POSES`."""
    order = np.argsort(-probabilities, kind="stable")[:POSES]
    return replace(
        location,
        planes=location.planes.take(order),
        probabilities=probabilities[order],
        calibrated_on=f"{location.calibrated_on}, each alone; the support by other sections was not calibrated",
    )
