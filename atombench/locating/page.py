"""The page of a location: one file, with its figure inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atombench.locating.location import Location
from atombench.pages.rendering import rendered

FILES = {
    "location.json, location.csv": "all poses: probability, centre, normal, directions and corners",
    "transform.tfm": "ITK transform from the section (mm from its centre) to the scan, at the first pose",
    "section.nii.gz": "the section, placed in scanner space at the first pose; opens over the scan",
    "resliced.nii.gz": "the scan at the pixels of the section",
    "probability.nii.gz": "probability of each voxel of the scan to hold the section's centre",
    "poses.mrk.json": "outlines of all poses for the Markups module of 3D Slicer",
    "match.png, figure.png": "the section beside the re-sliced scan, and the figure above",
}


def page_of(location: Location, summary: dict[str, Any], folder: Path) -> str:
    """Return the page as HTML.

    Args:
        location: the location.
        summary: the contents of `location.json`.
        folder: holds the figure.
    """
    figure = _encoded(folder / "figure.png")
    return rendered("atombench.locating", "location.html.j2", location=location, summary=summary, figure=figure, files=FILES)


def block_page(locations: Mapping[str, Location], notice: str, folder: Path) -> str:
    """Return the page of several sections as HTML, with links to the folder of each.

    Args:
        locations: by the name of the folder.
        notice: what the results must not be used for.
        folder: holds the folders, each with the figure of its match.
    """
    matches = {name: _encoded(folder / name / "match.png") for name in locations}
    return rendered("atombench.locating", "block.html.j2", locations=locations, notice=notice, matches=matches)


def _encoded(image: Path) -> str:
    return base64.b64encode(image.read_bytes()).decode()
