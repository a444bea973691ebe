"""BIDS datasets and derivatives (Gorgolewski et al., Sci Data 3:160044, 2016); nilearn parses the file names."""

from __future__ import annotations

from pathlib import Path

from atombench.volumes.collection import Collection
from atombench.volumes.image import Image
from atombench.volumes.nifti import read_image
from atombench.volumes.registry import BidsRow


def _find(row: BidsRow, folder: Path) -> list[str]:
    """Return the names of the images of subjects with and without sessions."""
    top = folder / "derivatives" / row.derivative if row.derivative else folder
    places = (path for pattern in ("sub-*", "sub-*/ses-*") for path in top.glob(pattern))
    files = (path for place in places for path in (place / row.datatype).glob("*") if path.is_file())
    return sorted(name for path in files if _key(row, name := path.relative_to(folder).as_posix()))


def _key(row: BidsRow, name: str) -> tuple[str, str] | None:
    """Return subject and session, such as `sub-01` and `ses-1`; None unless suffix, folder and entities match the row."""
    from nilearn.interfaces.bids import parse_bids_filename

    top = f"derivatives/{row.derivative}/" if row.derivative else ""
    if not name.startswith(f"{top}sub-") or Path(name).parent.name != row.datatype:
        return None
    parsed = parse_bids_filename(name)
    entities = parsed["entities"]
    if "sub" not in entities or parsed["suffix"] != row.suffix or parsed["extension"] not in ("nii", "nii.gz"):
        return None
    if any(entities.get(entity) != value for entity, value in row.entities.items()):
        return None
    return f"sub-{entities['sub']}", f"ses-{entities['ses']}" if "ses" in entities else ""


def _load(row: BidsRow, paths: list[Path]) -> Image:
    return read_image(paths[0])


_COLLECTION = Collection(_find, _key, _load)
sources, counts, read = _COLLECTION.sources, _COLLECTION.counts, _COLLECTION.read
