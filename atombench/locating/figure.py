"""Figures of a location: the plane in three views of the scan and in space, and the section beside the re-sliced scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.locating.levels import resampled_scan, scan_extent
from atombench.locating.location import Location
from atombench.locating.section_image import SectionImage

AXES = ("right", "anterior", "superior")
VIEWS = (("sagittal", 0, (1, 2)), ("coronal", 1, (0, 2)), ("axial", 2, (0, 1)))  # name, axis across, axes shown
COLOUR = "#d62728"
GRID = 160  # voxels along the longest side of the views


def save_match(location: Location, path: Path) -> None:
    """Draw the section and the scan at the most likely pose, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.8), layout="constrained")
    for place, (title, image) in zip(figure.subplots(1, 2), _pair(location), strict=True):
        _shown(place, title, image, location.section)
    figure.savefig(path, dpi=130)


def save_figure(location: Location, path: Path) -> None:
    """Draw the three views, the plane in space, the section and its match, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 3)
    low, high = scan_extent(location.scan)
    step = max(float((high - low).max()) / GRID, float(location.scan.spacing.min()))
    volume, origin = resampled_scan(location.scan, step)
    for number, (name, across, axes) in enumerate(VIEWS):
        _view(figure.add_subplot(grid[0, number]), location, volume, origin, step, name, across, axes)
    _space(figure.add_subplot(grid[1, 0], projection="3d"), location)
    for number, (title, image) in enumerate(_pair(location), 1):
        _shown(figure.add_subplot(grid[1, number]), title, image, location.section)
    figure.savefig(path, dpi=110)


def _pair(location: Location) -> tuple[tuple[str, NDArray[np.float32]], ...]:
    return (("section", location.section.pixels), ("scan at the most likely plane", location.resliced()))


def _shown(place: Any, title: str, image: NDArray[np.float32], section: SectionImage) -> None:
    down, across = section.pixel_mm
    place.imshow(
        image,
        cmap="gray",
        aspect=down / across,
        vmin=np.percentile(image, 1),
        vmax=max(np.percentile(image, 99), image.min() + 1e-9),
    )
    place.set_title(title)
    place.set_axis_off()


def _view(
    place: Any,
    location: Location,
    volume: NDArray[np.float32],
    origin: NDArray[np.float64],
    step: float,
    name: str,
    across: int,
    axes: tuple[int, int],
) -> None:
    """Draw the slice of the scan through the centre, the outline of the section, and the line in which the planes meet."""
    centre, corners = location.centre_mm, location.corners_mm()
    row = int(np.clip(round((centre[across] - origin[across]) / step), 0, volume.shape[across] - 1))
    shown = np.take(volume, row, axis=across)
    first, second = axes
    ends = [
        (origin[axis] - step / 2, origin[axis] + (length - 0.5) * step) for axis, length in zip(axes, shown.shape, strict=True)
    ]
    place.imshow(shown.T, cmap="gray", origin="lower", extent=(*ends[0], *ends[1]), vmax=max(np.percentile(shown, 99.5), 1e-9))
    outline = np.concatenate([corners, corners[:1]])
    place.plot(outline[:, first], outline[:, second], color=COLOUR, linewidth=0.8, linestyle=":")
    if (crossing := crossing_line(corners, across, centre[across])) is not None:
        place.plot(crossing[:, first], crossing[:, second], color=COLOUR, linewidth=2)
    place.plot(*centre[list(axes)], marker="+", color="white", markersize=8)
    place.set(
        title=f"{name}, {AXES[across]} {centre[across]:.1f} mm", xlabel=f"{AXES[first]} (mm)", ylabel=f"{AXES[second]} (mm)"
    )


def crossing_line(corners: NDArray[np.float64], axis: int, at: float) -> NDArray[np.float64] | None:
    """Return the ends of the line in which a rectangle (4, 3) crosses the plane x[axis] = at, (2, 3); None if it does not."""
    found = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        before, after = start[axis] - at, end[axis] - at
        if before * after <= 0 and before != after:
            found.append(start + (end - start) * before / (before - after))
    return np.array([found[0], found[-1]]) if len(found) >= 2 else None


def _space(place: Any, location: Location) -> None:
    """Draw the box of the scan and all poses; likely ones are darker."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    low, high = scan_extent(location.scan)
    for axis in range(3):
        for first in (low, high):
            for second in (low, high):
                ends = np.empty((2, 3))
                ends[:, axis] = low[axis], high[axis]
                ends[:, (axis + 1) % 3], ends[:, (axis + 2) % 3] = first[(axis + 1) % 3], second[(axis + 2) % 3]
                place.plot(*ends.T, color="#888888", linewidth=0.7)
    for number, probability in enumerate(location.probabilities):
        shade = 0.15 + 0.75 * float(probability)
        place.add_collection3d(
            Poly3DCollection([location.corners_mm(number)], facecolor=COLOUR, edgecolor="black", alpha=shade)
        )
    place.set(xlabel="right (mm)", ylabel="anterior (mm)", zlabel="superior (mm)", title="likely planes")
    place.set_aspect("equal")
    place.set_box_aspect(None, zoom=0.8)  # room for the labels
