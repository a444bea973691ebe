"""Contact sheet of test sections: clean, after each step alone, after all steps at every severity, and in other contrasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from atombench import streams
from atombench.io.images import grey
from atombench.records.board import CLEAN
from atombench.tasks.atom.degradation.conditions import CONTRASTS, HISTOLOGY, SOURCE, STEPS
from atombench.tasks.atom.degradation.damage import Degradation
from atombench.tasks.atom.degradation.step import SEVERITIES
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import cut_from, damage_of
from atombench.tasks.atom.sections import cut
from atombench.volumes.curated import Curated

TILE = 72  # edge of a section on the sheet, in pixels
GAP = 6
LABEL = 330  # width of the labels
FONT = 15


@dataclass(frozen=True)
class Strip:
    """A row of the sheet: a label, and the sections (K, 4sc, 4sc)."""

    label: str
    sections: NDArray[np.float32]


def strips(data: Curated, manifest: Manifest, count: int, severity: int) -> list[Strip]:
    """Return the rows of a contact sheet.

    Args:
        data: volumes of the board.
        manifest: manifest of the board.
        count: number of test sections, drawn at random but equal on every call.
        severity: severity of the steps that are shown alone.
    """
    part = manifest.parts["test"]
    rows = np.sort(streams.permutation(len(part), "preview", manifest.digest)[:count])
    sections, volumes = part.take(rows), data.volumes().volumes
    alone = [name for name in STEPS if name != "blur"]  # blur changes the volume only
    conditions = [CLEAN, *(f"{name}-{severity}" for name in alone), *(f"{HISTOLOGY}-{level}" for level in SEVERITIES)]
    conditions += [f"{SOURCE}{contrast}" for contrast in CONTRASTS if contrast in data.index.contrasts]
    shown = []
    for condition in conditions:
        degradation, records = damage_of(manifest, condition)
        poses = (sections.volume, sections.centres, sections.normals)
        pixels = degradation.apply(cut_from(data, condition), *poses, manifest.grid, records.take(rows))
        shown.append(Strip(_label(condition, degradation), pixels))
    blurred = Degradation.under(f"blur-{severity}", manifest.grid).blurred(volumes[np.unique(sections.volume)])
    place = np.searchsorted(np.unique(sections.volume), sections.volume)
    searched = cut(blurred, place, sections.points(manifest.grid), manifest.grid)
    return [*shown, Strip(f"blur-{severity}: the volume, where the section lies", searched)]


def contact_sheet(shown: Sequence[Strip]) -> Image.Image:
    """Draw rows of sections with their labels; each section has intensities from 0 (black) to 1 (white)."""
    count, step = len(shown[0].sections), TILE + GAP
    sheet = Image.new("L", (LABEL + count * step, GAP + len(shown) * step), 255)
    drawing, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT)
    for row, strip in enumerate(shown):
        top = GAP + row * step
        drawing.text((GAP, top + (TILE - FONT) // 2), strip.label, fill=0, font=font)
        for column, pixels in enumerate(strip.sections):
            tile = Image.fromarray(grey(pixels)).resize((TILE, TILE), Image.Resampling.NEAREST)
            sheet.paste(tile, (LABEL + column * step, top))
    return sheet


def _label(condition: str, degradation: Degradation) -> str:
    reasons = "" if condition.startswith(HISTOLOGY) else "; ".join(degradation.unseen.values())
    return f"{condition}: not seen" if reasons else condition


def preview(data: Curated, manifest: Manifest, count: int, severity: int) -> Image.Image:
    """Return the contact sheet of a board; see `strips`."""
    return contact_sheet(strips(data, manifest, count, severity))
