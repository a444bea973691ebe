"""BIDS datasets and derivatives (Gorgolewski et al., Sci Data 3:160044, 2016); names are taken apart by nilearn."""

from __future__ import annotations

from pathlib import Path

from atombench.volumes.collection import Collection, Image
from atombench.volumes.nifti import read_image
from atombench.volumes.registry import BidsRow


def _find(row: BidsRow, folder: Path) -> list[str]:
    from nilearn.interfaces.bids import get_bids_files

    top = folder / "derivatives" / row.derivative if row.derivative else folder
    found = get_bids_files(top, file_tag=row.suffix, file_type="nii*", modality_folder=row.datatype)
    names = (Path(path).relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if _key(row, name))


def _key(row: BidsRow, name: str) -> tuple[str, str] | None:
    """Subject and session as BIDS writes them, `sub-01` and `ses-1`; None unless suffix, folder and entities are the row's."""
    from nilearn.interfaces.bids import parse_bids_filename

    top = f"derivatives/{row.derivative}/" if row.derivative else ""
    if not name.startswith(f"{top}sub-") or Path(name).parent.name != row.datatype:
        return None
    parsed = parse_bids_filename(name)
    entities = parsed["entities"]
    if parsed["suffix"] != row.suffix or parsed["extension"] not in ("nii", "nii.gz"):
        return None
    if any(entities.get(entity) != value for entity, value in row.entities.items()):
        return None
    return f"sub-{entities['sub']}", f"ses-{entities['ses']}" if "ses" in entities else ""


def _load(row: BidsRow, paths: list[Path]) -> Image:
    return read_image(paths[0])


_COLLECTION = Collection(_find, _key, _load)
sources, counts, read = _COLLECTION.sources, _COLLECTION.counts, _COLLECTION.read
