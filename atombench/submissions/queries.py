"""Queries on disk: files that any language reads (NumPy's array format, CSV, JSON), without labels.

With training data beside them, a model can be made outside this package altogether.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from atombench import PROTOCOL
from atombench.errors import DataError
from atombench.io.files import file_digest, write_json, written_whole
from atombench.io.schema import read_model
from atombench.submissions.boards import BoardName, Questions, write_text
from atombench.tasks.atom.geometry import BLOCKS, BlockGrid
from atombench.tasks.atom.manifest import AXES, Manifest, Sections
from atombench.tasks.atom.sections import cut
from atombench.volumes.volume_set import VolumeSet

BOARD_FILE = "board.json"
IDS_FILE = "queries.csv"
README = """# {board}

Where in its volume was each section cut? Answer with scores of boxes, or with a pose, and send the answers in.

- `volumes.npy`: float32 ({volumes}, {edge}, {edge}, {edge}), axes (i, j, k)
- `sections.npy`: float32 ({queries}, {section}, {section}), in the order of `queries.csv`
- `queries.csv`: `query` (name of the question) and `volume` (row of `volumes.npy`)
- `boxes.csv`: the 729 boxes: number, coarse block, fine block in it, first voxel on each axis, edge
- `board.json`: name and protocol version of the board, and the digest that a submission must state
{training}
A section shows the points centre + R (a, b, 0), a and b in -{half} .. {last}, rounded to the nearest voxel (half to even),
0 outside the volume; R is the smallest rotation that takes axis k to the section's normal; `section[row = b, column = a]`.
A box is correct when it holds all four corners of the section.{restricted}
"""
TRAINING = """- `train_*`, `val_*`: the same for training and validation, with `*_sections.csv` (volume, centre, normal) and
  `*_labels.npy`: uint8 (sections, 729), 1 where a box is correct
"""
RESTRICTED = "\n\nThese data are restricted by their owners' terms: keep this folder to yourself."


class BoardFile(BaseModel):
    """`board.json` of a folder of queries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queries_version: Literal[1] = 1
    protocol: str
    board: str
    gathering: str
    split: str
    scale: int = Field(ge=1)
    volumes: int = Field(ge=1)
    queries: int = Field(ge=1)
    restricted: bool = Field(description="whether the data's terms forbid passing this folder on")
    digest: str = Field(pattern="^[0-9a-f]{64}$", description="what a submission states as `queries`")
    files: dict[str, str] = Field(description="SHA-256 of the other files of the test queries")


_BOARD_FILE = TypeAdapter(BoardFile)


def write_queries(
    volumes: VolumeSet, manifest: Manifest, out: Path, restricted: bool = False, training: bool = False
) -> BoardFile:
    """Write the test queries of a board into a folder, and on demand training and validation sections with labels.

    Raises:
        DataError: the manifest was made for other volumes, or a file cannot be written.
    """
    asked = Questions.of(volumes, manifest)
    queries, grid = asked.queries, manifest.grid
    _save_array(out / "volumes.npy", queries.volumes)
    _save_array(out / "sections.npy", queries.pixels)
    _save_table(out / IDS_FILE, pd.DataFrame({"query": asked.ids, "volume": queries.volume_index}))
    _save_table(out / "boxes.csv", box_table(grid))
    names = ("boxes.csv", IDS_FILE, "sections.npy", "volumes.npy")
    found = BoardFile(
        protocol=PROTOCOL, board=str(asked.board), gathering=manifest.gathering, split=manifest.split, scale=manifest.scale,
        volumes=len(queries.volumes), queries=len(queries), restricted=restricted, digest=asked.digest,
        files={name: file_digest(out / name) for name in names},
    )  # fmt: skip
    if training:
        for part in ("train", "val"):
            _write_labelled(volumes, manifest, part, out)
    write_text(out / "README.md", _readme(found, grid, training))
    write_json(out / BOARD_FILE, found.model_dump())
    return found


def read_board_file(folder: Path) -> tuple[BoardFile, tuple[str, ...]]:
    """Read which board a folder of queries is of, and the names of its queries.

    Raises:
        DataError: the folder is not one of queries, is of another protocol version, or its list of queries was changed.
    """
    found = read_model(_BOARD_FILE, folder / BOARD_FILE)
    if found.protocol != PROTOCOL:
        msg = f"{folder} is of protocol {found.protocol}, expected {PROTOCOL}; write the queries again"
        raise DataError(msg)
    if file_digest(folder / IDS_FILE) != found.files.get(IDS_FILE):
        msg = f"{folder / IDS_FILE} is not what {BOARD_FILE} says; write the queries again"
        raise DataError(msg)
    ids = pd.read_csv(folder / IDS_FILE, dtype={"query": str})["query"]
    return found, tuple(ids)


def box_table(grid: BlockGrid) -> pd.DataFrame:
    """Number, coarse block, fine block, first voxel (i, j, k) and edge of the 729 boxes."""
    starts = grid.box_starts
    number = np.arange(len(starts))
    columns: dict[str, Any] = {"box": number, "coarse": number // BLOCKS, "fine": number % BLOCKS}
    columns |= {f"start_{axis}": starts[:, place] for place, axis in enumerate(AXES)}
    return pd.DataFrame({**columns, "edge": grid.fine_edge})


def _write_labelled(volumes: VolumeSet, manifest: Manifest, part: str, out: Path) -> None:
    """Sections of a part in manifest order, their poses and labels, and the part's volumes."""
    sections, rows = manifest.parts[part], manifest.volume_rows(part)
    place, chosen = np.searchsorted(rows, sections.volume), volumes.volumes[rows]
    points = sections.points(manifest.grid)
    _save_array(out / f"{part}_volumes.npy", chosen)
    _save_array(out / f"{part}_sections.npy", cut(chosen, place, points, manifest.grid))
    _save_array(out / f"{part}_labels.npy", sections.labels(manifest.grid).boxes.reshape(len(sections), -1).astype(np.uint8))
    _save_table(out / f"{part}_sections.csv", _pose_table(sections, place))


def _pose_table(sections: Sections, volume: NDArray[np.int64]) -> pd.DataFrame:
    columns: dict[str, Any] = {"volume": volume}
    columns |= {f"centre_{axis}": sections.centres[:, place] for place, axis in enumerate(AXES)}
    columns |= {f"normal_{axis}": sections.normals[:, place] for place, axis in enumerate(AXES)}
    return pd.DataFrame(columns)


def _readme(found: BoardFile, grid: BlockGrid, training: bool) -> str:
    half = grid.section // 2
    return README.format(
        board=BoardName.read(found.board), volumes=found.volumes, queries=found.queries, edge=grid.edge, section=grid.section,
        half=half, last=half - 1, training=TRAINING if training else "", restricted=RESTRICTED if found.restricted else "",
    )  # fmt: skip


def _save_array(path: Path, array: NDArray[Any]) -> None:
    with written_whole(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)


def _save_table(path: Path, table: pd.DataFrame) -> None:
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
