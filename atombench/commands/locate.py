"""`atombench locate`: find where a section lies in a scan."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atombench.commands.arguments import Log
from atombench.errors import ConfigError
from atombench.locating.choices import METHODS
from atombench.locating.region import Region
from atombench.progress import available_threads, log_to, logger

if TYPE_CHECKING:
    from atombench.locating.location import Location


def run(
    volume: Annotated[Path, typer.Option(help="Scan: NIfTI, NRRD, MetaImage, or a folder with one DICOM series.")],
    section: Annotated[
        list[Path], typer.Option(help="Section: PNG, JPEG, TIFF or two-dimensional NIfTI. Repeat it for sections of one block.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the results.")],
    mm_per_pixel: Annotated[
        float | None, typer.Option(help="Size of the sections' pixels in mm; needed if the files do not state it.")
    ] = None,
    spacing: Annotated[
        float | None, typer.Option(help="Distance of neighbouring sections in mm, if they are evenly spaced and in order.")
    ] = None,
    method: Annotated[str, typer.Option(help=f"How candidates are found: {' or '.join(METHODS)}.")] = "search",
    weights: Annotated[
        Path | None, typer.Option(help="Weights of a finished run of locus (safetensors), instead of the published ones.")
    ] = None,
    region: Annotated[Path | None, typer.Option(help="Mask that contains the centre, in the scan's scanner space.")] = None,
    box: Annotated[
        str, typer.Option(help='Box that contains the centre in scanner mm: "R1 R2 A1 A2 S1 S2" (right, anterior, superior).')
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="Number of CPU threads; default: all.")] = available_threads(),
    log: Log = None,
) -> None:
    """Find where a section lies in a scan: the most likely planes, how likely they are, files for viewers, and a page."""
    import torch

    from atombench.locating.find import locate_block
    from atombench.locating.outputs import check_free, write, write_block

    log_to(log)
    torch.set_num_threads(threads)
    check_free(out)
    start = time.perf_counter()
    locations = locate_block(
        volume,
        section,
        spacing=spacing,
        mm_per_pixel=mm_per_pixel,
        method=method,  # type: ignore[arg-type]  # an unknown name is refused
        region=_region(region, box),
        weights=weights,
    )
    for location in locations:
        logger.info("%s", _line(location))
    if len(locations) == 1:
        write(locations[0], out)
    else:
        write_block(locations, out)
    logger.info("wrote %s in %.0f s; open %s", out, time.perf_counter() - start, out / "index.html")


def _region(mask: Path | None, box: str) -> Region | None:
    """Read the region from its options.

    Raises:
        ConfigError: both are given.
        DataError: the mask cannot be read, or the box is invalid.
    """
    if mask is not None and box:
        msg = "give either --region or --box, not both"
        raise ConfigError(msg)
    if mask is not None:
        return Region.of_mask(mask)
    return Region.read_box(box) if box else None


def _line(location: "Location") -> str:
    centre = ", ".join(f"{value:.1f}" for value in location.centre_mm)
    doubt = "; the section is small, so that this is too high" if location.is_small else ""
    doubt += "; ambiguous, compare all poses" if location.is_ambiguous else ""
    return f"{location.section.source.name}: centre ({centre}) mm with probability {location.probability:.0%}{doubt}"
