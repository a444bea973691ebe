"""Audit of a board's sections: shared positions, empty and unlabelled sections, directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.audit.record import BoardFindings, Line
from atombench.audit.tables import percent
from atombench.io.images import as_bytes, png_text
from atombench.io.schema import FrozenModel
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.ceiling import ceiling
from atombench.tasks.atom.degradation.preview import preview
from atombench.tasks.atom.manifest import Manifest, Sections, check_belongs
from atombench.tasks.atom.sections import cut, cut_sections
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import BACKGROUND, SPLITS, VolumeSet

CORRELATED = 0.2  # correlation of box frequencies above which a board is flagged
CHUNK = 65536  # sections cut together
PREVIEWED, PREVIEW_SEVERITY = 8, 3  # sections on the contact sheet of a board, and the severity of the steps shown alone


class PartFindings(FrozenModel):
    """Findings about one part (train, val, test) of a board. Shares are shares of its sections.

    Attributes:
        sections, volumes, positions: counts; positions are distinct centres.
        depths: distinct third coordinates of centres.
        unlabelled: sections without a correct box.
        without_block: sections without a correct coarse block.
        empty: sections that show background only.
        blank: sections with equal pixels; the other empty sections still show resampling ripple.
        outside: sections that extend beyond the volume.
        background: mean share of background pixels.
        first_octant: sections with a normal without negative components; a quarter of the half sphere k >= 0.
        positions_in_training, depths_in_training: sections with a centre, or a depth, that also occurs in training.
        volumes_in_training: sections of volumes that training sections are cut from.
        ceiling: best fine recall@1 of answers from volume and pixels alone; None without a labelled section.
        ripple_ceiling: the same for empty sections.
        box_correlation: correlation of how often each box is correct here and in training; None if all are equally often.
        rarest, commonest: fine recall@1 of the box that is correct least, or most, often in training, for every section; None
            without training sections.
        chance: fine recall@1 of a random box.
        place_counts: sections by centre (i, j), flattened (E x E).
        depth_counts: sections by depth k (E).
    """

    sections: int
    volumes: int
    positions: int
    depths: list[int]
    unlabelled: float
    without_block: float
    empty: float
    blank: float
    outside: float
    background: float
    first_octant: float
    positions_in_training: float
    depths_in_training: float
    volumes_in_training: float
    ceiling: float | None
    ripple_ceiling: float | None
    box_correlation: float | None
    rarest: float | None
    commonest: float | None
    chance: float
    place_counts: list[int]
    depth_counts: list[int]


class Case(FrozenModel):
    """A test section with its volume, for the page of cases.

    Attributes:
        section: row of the test part.
        volume: name of the volume.
        voxels: bytes (E, E, E) in base64, 0 for intensity 0 and 255 for 1.
        pixels: bytes (4s, 4s) in base64, on the same scale.
        centre, normal: true pose, in voxels.
        boxes: correct boxes.
    """

    section: int
    volume: str
    voxels: str
    pixels: str
    centre: list[float]
    normal: list[float]
    boxes: list[int]


def audit(data: Curated, manifest: Manifest) -> BoardFindings:
    """Check the sections of a board for pitfalls, such as positions that also occur in training.

    Raises:
        DataError: the manifest was drawn for other volumes.
    """
    check_belongs(data.index.digest, manifest)
    volumes = data.volumes()
    frequencies = {part: _frequencies(manifest.parts[part].labels(manifest.grid).boxes) for part in SPLITS}
    parts = {part: _audit_part(volumes, manifest, part, frequencies) for part in SPLITS if len(manifest.parts[part])}
    return BoardFindings(
        task=manifest.board.task,
        dataset=manifest.dataset,
        name=manifest.board.name,
        manifest=manifest.digest,
        data=volumes.digest,
        lines=lines_of(parts["test"]),
        numbers={part: _numbers(findings) for part, findings in parts.items()},
        own={part: findings.model_dump() for part, findings in parts.items()},
        pictures={
            "cases": [case.model_dump() for case in _cases(volumes, manifest)],
            "preview": png_text(preview(data, manifest, PREVIEWED, PREVIEW_SEVERITY)),
        },
    )


def parts_of(board: BoardFindings) -> dict[str, PartFindings]:
    """Return the findings about each part of a board of this task."""
    return {part: PartFindings.model_validate(findings) for part, findings in board.own.items()}


def cases_of(board: BoardFindings | None) -> list[Case]:
    """Return the cases stored in the audit of a board."""
    return [Case.model_validate(case) for case in board.pictures.get("cases", [])] if board else []


def _numbers(findings: PartFindings) -> dict[str, float]:
    single = {name: value for name, value in findings.model_dump().items() if isinstance(value, int | float)}
    return {**single, "depths": len(findings.depths)}


@dataclass(frozen=True)
class Question:
    """A line of the audit: its value for a part of a board, and when it is flagged."""

    name: str
    meaning: str
    answer: Callable[[PartFindings], str]
    flagged: Callable[[PartFindings], bool] = lambda part: False


def few_positions(part: PartFindings) -> bool:
    """Return whether all volumes share a few positions, such as those of the released sampler."""
    return part.positions < 0.5 * part.sections and part.positions < 400


def _percent(share: float | None) -> str:
    return "–" if share is None else percent(share)


QUESTIONS = (
    Question("sections", "sections to be located", lambda part: f"{part.sections}"),
    Question("volumes", "volumes that the sections are cut from", lambda part: f"{part.volumes}"),
    Question(
        "positions",
        "distinct centres; if all volumes share a few, a method can learn positions instead of images",
        lambda part: f"{part.positions}",
        few_positions,
    ),
    Question("depths", "distinct third coordinates", lambda part: f"{len(part.depths)}", lambda part: len(part.depths) < 8),
    Question(
        "positions also in training",
        "share of sections whose centre is one of the training centres",
        lambda part: percent(part.positions_in_training),
        lambda part: part.positions_in_training > 0 and few_positions(part),
    ),
    Question(
        "depths also in training",
        "share of sections whose depth is one of the training depths",
        lambda part: percent(part.depths_in_training),
        lambda part: part.depths_in_training > 0 and len(part.depths) < 8,
    ),
    Question(
        "volumes also in training",
        "share of sections from volumes that also have training sections",
        lambda part: percent(part.volumes_in_training),
        lambda part: part.volumes_in_training > 0,
    ),
    Question(
        "normals without a negative component",
        "about 25 % if all directions of the half sphere are equally likely",
        lambda part: percent(part.first_octant),
        lambda part: part.first_octant > 0.5,
    ),
    Question(
        "unlabelled",
        "no box contains the section, so no method can be correct",
        lambda part: percent(part.unlabelled),
        lambda part: part.unlabelled > 0,
    ),
    Question(
        "without a coarse block", "not even a coarse block contains the section", lambda part: percent(part.without_block)
    ),
    Question("sticking out", "partly outside the volume", lambda part: percent(part.outside)),
    Question(
        "empty",
        "no tissue; only the ripple that cubic resampling leaves in the background",
        lambda part: percent(part.empty),
        lambda part: part.empty > 0.01,
    ),
    Question("blank", "all pixels are equal, without even resampling ripple", lambda part: percent(part.blank)),
    Question(
        "ceiling",
        "best fine recall@1 that answers from the images alone can have: equal sections of a volume get equal answers",
        lambda part: _percent(part.ceiling),
    ),
    Question(
        "found by ripple",
        "share of the empty sections that can be located by resampling ripple, with equal sections answered equally",
        lambda part: _percent(part.ripple_ceiling),
        lambda part: (part.ripple_ceiling or 0) > 0.05 and part.empty > 0.01,
    ),
    Question(
        "box frequencies",
        "correlation with those in training; away from 0, frequencies alone score above or below chance",
        lambda part: "–" if part.box_correlation is None else f"{part.box_correlation:.2f}",
        lambda part: abs(part.box_correlation or 0) > CORRELATED,
    ),
    Question(
        "commonest, rarest box",
        "fine recall@1 if every section is answered with the box that is correct most, or least, often in training; and chance",
        lambda part: f"{_percent(part.commonest)}, {_percent(part.rarest)}; chance {percent(part.chance)}",
    ),
    Question("background pixels", "mean share of the pixels of a section", lambda part: percent(part.background)),
)


def lines_of(findings: PartFindings) -> list[Line]:
    """Return the findings about the test sections of a board, for readers."""
    return [
        Line.of(question.name, question.answer(findings), question.meaning, question.flagged(findings))
        for question in QUESTIONS
    ]


def _cases(volumes: VolumeSet, manifest: Manifest) -> list[Case]:
    sections, grid = manifest.parts["test"], manifest.grid
    labels = sections.labels(grid)
    rows = case_rows(manifest, labels)
    shown, correct = sections.take(rows), labels.boxes[rows]
    pixels = cut(volumes.volumes, shown.volume, shown.points(grid), grid)
    return [
        Case(
            section=int(row),
            volume=volumes.ids[shown.volume[index]],
            voxels=as_bytes(volumes.volumes[shown.volume[index]]),
            pixels=as_bytes(pixels[index]),
            centre=shown.centres[index].tolist(),
            normal=shown.normals[index].tolist(),
            boxes=np.flatnonzero(correct[index]).tolist(),
        )
        for index, row in enumerate(rows)
    ]


def _audit_part(
    volumes: VolumeSet, manifest: Manifest, part: str, frequencies: Mapping[str, NDArray[np.float64]]
) -> PartFindings:
    """Return the findings about one part; `frequencies` holds those of the boxes (729,) in every part."""
    trained_boxes, boxes = frequencies["train"], frequencies[part]
    sections, training, edge = manifest.parts[part], manifest.parts["train"], manifest.grid.edge
    positions, trained = (_voxel_numbers(each.centres, edge) for each in (sections, training))
    depths, flat = sections.centres[:, 2], sections.centres[:, 0].astype(np.int64) * edge + sections.centres[:, 1]
    return PartFindings(
        sections=len(sections),
        volumes=len(np.unique(sections.volume)),
        positions=len(np.unique(positions)),
        depths=np.unique(depths).tolist(),
        **_shares(volumes, sections, manifest),
        first_octant=float((sections.normals >= 0).all(axis=1).mean()),
        positions_in_training=float(np.isin(positions, trained).mean()),
        depths_in_training=float(np.isin(depths, training.centres[:, 2]).mean()),
        volumes_in_training=float(np.isin(sections.volume, training.volume).mean()),
        ceiling=ceiling(volumes, manifest, part),
        ripple_ceiling=ceiling(volumes, manifest, part, empty_only=True),
        box_correlation=_correlation(trained_boxes, boxes),
        rarest=float(boxes[trained_boxes.argmin()]) if len(training) else None,
        commonest=float(boxes[trained_boxes.argmax()]) if len(training) else None,
        chance=float(boxes.mean()),
        place_counts=np.bincount(flat, minlength=edge**2).tolist(),
        depth_counts=np.bincount(depths, minlength=edge).tolist(),
    )


def _voxel_numbers(centres: NDArray[np.int16], edge: int) -> NDArray[np.int64]:
    """Return the flat voxel index of each centre; (M,)."""
    i, j, k = centres.astype(np.int64).T
    return (i * edge + j) * edge + k


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return the correlation of two sets of frequencies; None if one of them is constant."""
    return float(np.corrcoef(first, second)[0, 1]) if np.ptp(first) and np.ptp(second) else None


def _frequencies(boxes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return in which share of the labelled sections each box is correct, (729,); zeros if none is labelled."""
    return boxes.sum(axis=0) / max(1, boxes.any(axis=1).sum())


def _shares(volumes: VolumeSet, sections: Sections, manifest: Manifest) -> dict[str, float]:
    """Return the shares of sections that are unlabelled, empty or partly outside, and of background pixels."""
    names = ("unlabelled", "without_block", "empty", "blank", "outside", "background")
    totals = np.zeros(len(names))
    for first in range(0, len(sections), CHUNK):
        chunk = sections.take(np.arange(first, min(first + CHUNK, len(sections))))
        poses = (chunk.volume, chunk.centres, chunk.normals)
        cut_chunk = cut_sections(volumes.volumes, *poses, manifest.scale, context=manifest.context)
        dark = cut_chunk.pixels < BACKGROUND  # (M, 4s, 4s)
        outside = ((cut_chunk.points < 0) | (cut_chunk.points >= manifest.grid.edge)).any(axis=(1, 2))
        totals += [
            (~cut_chunk.fine.any(axis=(1, 2))).sum(),
            (~cut_chunk.coarse.any(axis=1)).sum(),
            dark.all(axis=(1, 2)).sum(),
            (np.ptp(cut_chunk.pixels, axis=(1, 2)) == 0).sum(),
            outside.sum(),
            dark.mean(axis=(1, 2)).sum(),
        ]
    return dict(zip(names, (totals / len(sections)).tolist(), strict=True))
