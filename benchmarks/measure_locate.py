"""Accuracy and calibration of `atombench locate` on sections whose place is known.

    run     cut oblique sections from scans, locate them, and append a line to a file for each
    fit     fit the probabilities of one method and measure to some of the subjects, and write them to the package
    report  state errors with 95 % intervals over subjects and the calibration, and draw the reliability figure

A section is cut where a mask is not 0, at a random normal, and damaged as on the boards. A run that was stopped goes on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.locating.candidates import Found, find_poses
from atombench.locating.choices import Choices, Measure, Method
from atombench.locating.confidence import FILE, Confidence, calibration_of, entry_of, fitted, published_calibrations
from atombench.locating.region import Region
from atombench.locating.scan import Scan, read_scan
from atombench.locating.section_image import SectionImage
from atombench.statistics.bootstrap import Clustered, Estimate, Grouped, estimate
from atombench.streams import seed_of
from atombench.tasks.atom.degradation.damage import Degradation
from atombench.tasks.atom.geometry import BlockGrid, plane

PIXEL = 2.0  # mm
BRIGHTEST = 99.8  # percentile of intensities that becomes 1
BINS = 10
app = typer.Typer(add_completion=False)
Rows = Annotated[list[Path], typer.Argument(help="Files that `run` wrote.")]


@app.command()
def run(
    folder: Annotated[Path, typer.Option(help="Folder of the scans.")],
    out: Annotated[Path, typer.Option(help="File to append to (JSON lines).")],
    scan: Annotated[str, typer.Option(help="End of the names of scans.")] = "_T1.nii.gz",
    section: Annotated[str, typer.Option(help="End of the names of images that sections are cut from.")] = "_T1.nii.gz",
    mask: Annotated[str, typer.Option(help="End of the names of masks; empty: where the scan is not 0.")] = "",
    region: Annotated[bool, typer.Option(help="Use the mask as region of the search, too.")] = False,
    extracted: Annotated[bool, typer.Option(help="Remove what lies outside the mask from scan and sections.")] = False,
    subjects: Annotated[str, typer.Option(help="Names before the end, with commas; default: all.")] = "",
    count: Annotated[int, typer.Option(help="Number of sections.")] = 200,
    size: Annotated[int, typer.Option(help="Width of a section in mm; a multiple of 8.", min=8)] = 40,
    severity: Annotated[int, typer.Option(help="Severity of the damage, 0 to 5.")] = 0,
    method: Method = "search",
    similarity: Measure = "absolute-ncc",
    threads: int = 2,
) -> None:
    """Cut sections and locate them."""
    torch.set_num_threads(threads)
    if size % 8:
        sys.exit(f"expected a size that is a multiple of 8 mm, got {size}")
    names = subjects.split(",") if subjects else sorted(path.name[: -len(scan)] for path in folder.glob(f"*{scan}"))
    done = len(_lines([out])) if out.exists() else 0
    key = f"{method}/{similarity}"
    confidence = calibration_of(method, similarity)[0] if key in published_calibrations() else Confidence(0, 1, 1, 0.1)
    for number in range(done, count):
        name = names[number % len(names)]
        image, others = read_scan(folder / (name + scan)), read_scan(folder / (name + section))
        inside = (read_scan(folder / (name + mask)) if mask else image).voxels > 0
        _check_grids(image, others, inside)
        if extracted:
            image, others = (Scan(np.where(inside, one.voxels, 0), one.affine, one.source) for one in (image, others))
        pixels, centre = _section(others, inside, size, severity, number)
        known = _region(inside, image) if region else None
        start = time.perf_counter()
        picture = SectionImage(pixels, np.full(2, PIXEL), False, Path(name))
        found = find_poses(image, picture, Choices(method, known, similarity=similarity), confidence)
        seconds = round(time.perf_counter() - start, 2)
        about = {
            "subject": name,
            "method": method,
            "similarity": similarity,
            "severity": severity,
            "from": section,
            "size": size,
        }
        with out.open("a") as file:
            file.write(json.dumps({**about, "seconds": seconds, **_row(found, centre)}) + "\n")


@app.command()
def fit(rows: Rows, subjects: Annotated[str, typer.Option(help="Subjects to fit to, with commas.")], about: str) -> None:
    """Fit the probabilities of one method and measure; `about` says to what, for the reader."""
    lines = [line for line in _lines(rows) if line["subject"] in subjects.split(",")]
    keys = {f"{line['method']}/{line['similarity']}" for line in lines}
    if len(keys) != 1:
        sys.exit(f"expected one method and measure, got {sorted(keys)}")
    similarities, scores = ([_array(line, name) for line in lines] for name in ("similarities", "scores"))
    found = fitted(similarities, scores, [_right(line) for line in lines])
    entries = {**published_calibrations(), keys.pop(): entry_of(found, about)}
    Path(str(FILE)).write_text(json.dumps(dict(sorted(entries.items())), indent=1) + "\n")
    print(len(lines), found)


@app.command()
def report(
    rows: Rows,
    subjects: Annotated[str, typer.Option(help="Subjects to report, with commas; default: all.")] = "",
    figure: Annotated[Path | None, typer.Option(help="Reliability figure (PNG).")] = None,
) -> None:
    """State errors and the calibration of each kind of section."""
    kinds: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in _lines(rows):
        if not subjects or line["subject"] in subjects.split(","):
            kind = (line["method"], line["similarity"], line["from"], line["size"], line["severity"])
            kinds.setdefault(kind, []).append(line)
    drawn = []
    for kind, lines in kinds.items():
        errors = np.array([line["errors"][0] for line in lines])
        stated, right = _stated(lines)
        shares = {name: _share(hit, lines) for name, hit in {"near": errors <= _near(lines), "10 mm": errors <= 10}.items()}
        print(
            "{} {}, sections of {} of {} mm, severity {}: ".format(*kind)
            + f"n {len(lines)}, subjects {len({line['subject'] for line in lines})}, median {_median(errors, lines)}, "
            + ", ".join(f"{name} {text}" for name, text in shares.items())
            + f", ECE {calibration_error(stated, right):.3f}, mean probability {stated.mean():.3f}, "
            + f"median {np.median([line['seconds'] for line in lines]):.1f} s"
        )
        drawn.append((f"{kind[0]}, severity {kind[4]}, n = {len(lines)}", stated, right))
    if figure is not None:
        _draw(drawn, figure)


def calibration_error(stated: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` bins of equal width."""
    return float(sum(part.mean() * abs(stated[part].mean() - right[part].mean()) for part in _bins(stated)))


def _bins(stated: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Return which probabilities lie in each bin that is not empty."""
    numbers = np.minimum((stated * BINS).astype(int), BINS - 1)
    return [numbers == number for number in np.unique(numbers)]


def _row(found: Found, centre: NDArray[np.float64]) -> dict[str, Any]:
    """Return the poses of a section with the true centre (3,), as `fit` and `report` need them."""
    return {
        "near": found.near,
        "pixels": found.pixels,
        "errors": np.linalg.norm(found.planes.centres - centre, axis=1).round(3).tolist(),
        "similarities": found.planes.scores.round(6).tolist(),
        "scores": found.learned.round(4).tolist(),
    }


def _check_grids(image: Scan, others: Scan, inside: NDArray[np.bool_]) -> None:
    alike = image.voxels.shape == others.voxels.shape == inside.shape and np.allclose(image.affine, others.affine, atol=1e-3)
    if not alike or not np.allclose(image.spacing, PIXEL, atol=1e-3):
        sys.exit(f"{others.source}: expected scan, image and mask on one grid of {PIXEL:g} mm")


def _section(
    image: Scan, inside: NDArray[np.bool_], size: int, severity: int, number: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return pixels and true centre in scanner mm of a section with its centre inside a mask, in a cube about the mask."""
    grid = BlockGrid(round(size / PIXEL / 4))
    draw = np.random.default_rng(seed_of("measure-locate", number))
    where = np.argwhere(inside)
    low = (where.min(axis=0) + where.max(axis=0)) // 2 - grid.edge // 2
    cube = np.zeros((grid.edge,) * 3, np.float32)
    first, last = np.maximum(low, 0), np.minimum(low + grid.edge, inside.shape)
    target, source = (tuple(slice(a, b) for a, b in zip(first - by, last - by, strict=True)) for by in (low, 0 * low))
    cube[target] = image.voxels[source]
    cube = (cube / np.percentile(cube[cube > 0], BRIGHTEST)).clip(0, 1)
    centre, normal = where[draw.integers(len(where))] - low, draw.normal(size=3)
    normal *= np.sign(normal[2]) / np.linalg.norm(normal)
    damage = Degradation.under("clean" if severity == 0 else f"histology-{severity}", grid)
    record = damage.draw(1, grid, f"measure-locate-{number}")
    pixels = damage.apply(cube[None], np.zeros(1, int), centre[None], normal[None], grid, record)[0].astype(np.float32)
    half = (np.array([-0.5]), np.array([-0.5]))  # the middle of an even number of pixels
    return pixels, image.to_mm(low + centre + plane(normal[None], half)[0, :, 0])


def _region(inside: NDArray[np.bool_], image: Scan) -> Region:
    return Region(np.full(3, -np.inf), np.full(3, np.inf), Scan(inside.astype(np.float32), image.affine, image.source))


def _lines(paths: list[Path]) -> list[dict[str, Any]]:
    def read() -> Iterator[dict[str, Any]]:
        for path in paths:
            yield from map(json.loads, path.read_text().splitlines())

    return list(read())


def _array(line: dict[str, Any], name: str) -> NDArray[np.float64]:
    return np.array(line[name], np.float64)


def _right(line: dict[str, Any]) -> int | None:
    """Return the number of the first pose that is near, None if none is."""
    near = np.flatnonzero(np.array(line["errors"]) <= line["near"])
    return int(near[0]) if len(near) else None


def _near(lines: list[dict[str, Any]]) -> NDArray[np.float64]:
    return np.array([line["near"] for line in lines])


def _stated(lines: list[dict[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the stated probabilities of the first poses, and whether these are right."""
    confidence = calibration_of(lines[0]["method"], lines[0]["similarity"])[0]
    stated = [confidence.probabilities(_array(line, "similarities"), _array(line, "scores"))[0] for line in lines]
    return np.array(stated), np.array([line["errors"][0] for line in lines]) <= _near(lines)


def _share(hits: NDArray[np.bool_], lines: list[dict[str, Any]]) -> str:
    names = sorted({line["subject"] for line in lines})
    clusters = np.array([names.index(line["subject"]) for line in lines])
    return _text(estimate([Clustered.of(100.0 * hits, clusters, len(names))]), "%", 1)


def _median(errors: NDArray[np.float64], lines: list[dict[str, Any]]) -> str:
    names = sorted({line["subject"] for line in lines})
    of_subject = [[e for e, line in zip(errors, lines, strict=True) if line["subject"] == name] for name in names]
    return _text(estimate([Grouped.of_lists(of_subject)]), "mm", 2)


def _text(found: Estimate, unit: str, digits: int) -> str:
    return f"{found.value:.{digits}f} {unit} ({found.low:.{digits}f}-{found.high:.{digits}f})"


def _draw(drawn: list[tuple[str, NDArray[np.float64], NDArray[np.bool_]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(drawn), 4), layout="constrained")
    for place, (title, stated, right) in zip(np.atleast_1d(figure.subplots(1, len(drawn))), drawn, strict=True):
        parts = _bins(stated)
        place.plot([0, 1], [0, 1], color="#888888", linewidth=1)
        sizes = [20 + 3 * part.sum() for part in parts]
        place.scatter([stated[part].mean() for part in parts], [right[part].mean() for part in parts], sizes, color="#1f77b4")
        place.set(xlabel="stated probability", ylabel="share of sections within reach", xlim=(0, 1.02), ylim=(0, 1.02))
        place.set_title(f"{title}\nECE {calibration_error(stated, right):.3f}", fontsize=10)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    app()
