"""Query files and submitted answers of `atom`.

A row of answers contains scores of all 729 boxes (`boxes`), or the best boxes and their scores (`ranked`, `scores`; all other
boxes count as 0), or a pose (`centre`, `normal`). A method that ranks coarse blocks, or the boxes within a block, by separate
scores may add `coarse` and `fine`, which only the published protocol uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atombench.engine.answers import Answers
from atombench.io.files import save_array, save_table, write_text
from atombench.records.board import Board
from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.manifest import AXES, Manifest, Sections
from atombench.tasks.atom.sections import cut
from atombench.tasks.task import Asked
from atombench.volumes.curated import Curated

Arrays = Mapping[str, NDArray[Any]]
FORMS = "'boxes', or 'ranked' with 'scores', or 'centre' with 'normal'"
COLUMNS = {"boxes": "boxes", "coarse": "coarse", "fine": "fine", "centres": "centre", "normals": "normal"}
README = """# {board}

Where in its volume was each section cut? Answer with scores of boxes or with a pose, and submit the answers.

- `volumes.npy`: float32 ({volumes}, {edge}, {edge}, {edge}), axes (i, j, k)
- `sections.npy`: float32 ({queries}, {section}, {section}), in the order of `queries.csv`
- `queries.csv`: `query` (name of the query) and `volume` (row of `volumes.npy`)
- `boxes.csv`: the 729 boxes: number, coarse block, fine box in the block, first voxel on each axis, edge
- `board.json`: name and protocol version of the board, and the digest that a submission must contain
- with training data (`atombench queries --training`): `train_*` and `val_*`, the same for training and validation, with
  `*_sections.csv` (volume, centre, normal) and `*_labels.npy`: uint8 (sections, 729), 1 if a box is correct

A section shows the points centre + R (a, b, 0), a and b in -{half} .. {last}, rounded to the nearest voxel (half to even),
0 outside the volume; R is the smallest rotation that takes axis k to the section's normal; `section[row = b, column = a]`.
A box is correct if it contains all four corners of the section.

Some cases are exchanged: the section was cut from another volume, or the volume has been moved. They are not marked, are not
counted in the score, and show whether a model uses its inputs; answer them like the others.{restricted}
"""


class AtomForm:
    """Submissions of `atom`; see `Form` in submissions/form.py."""

    widths: ClassVar[Mapping[str, int | None]] = {
        "boxes": BOXES,
        "ranked": BOXES,
        "scores": BOXES,
        "coarse": BLOCKS,
        "fine": BOXES,
        "centre": 3,
        "normal": 3,
    }
    whole: tuple[str, ...] = ("ranked",)

    def check(
        self,
        arrays: Arrays,
        probabilities: bool,
        tell: Callable[[str], None],
        tell_rows: Callable[[str, NDArray[np.bool_]], None],
    ) -> None:
        """Report all problems of answers that have known queries."""
        _check_forms(arrays, tell)
        for name, array in arrays.items():
            if name == "ranked":
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                finite = np.isfinite(array.astype(np.float64 if name in ("centre", "normal") else np.float32))
            tell_rows(f"{name!r} contains NaN, infinite or too large numbers", ~finite)
        if "normal" in arrays:
            tell_rows("'normal' has length zero", ~(arrays["normal"] != 0).any(axis=1))
        if "ranked" in arrays:
            _check_ranked(arrays, tell_rows)
        for name in ("boxes", "scores"):
            if probabilities and name in arrays:
                outside = (arrays[name] < 0) | (arrays[name] > 1)
                tell_rows(f"{name!r} should contain probabilities, but has values outside 0 to 1", outside)

    def answers(self, arrays: Arrays, probabilities: bool) -> Answers:
        """Convert validated columns, in the order of the queries, to answers."""
        columns = dict(arrays)
        if "ranked" in columns:
            boxes = np.zeros((len(columns["ranked"]), BOXES), np.float32)
            np.put_along_axis(boxes, columns["ranked"].astype(np.int64), columns["scores"].astype(np.float32), axis=1)
            columns["boxes"] = boxes
        dtypes = {"centres": np.float64, "normals": np.float64}
        named = {
            ours: columns[theirs].astype(dtypes.get(ours, np.float32)) for ours, theirs in COLUMNS.items() if theirs in columns
        }
        return Answers.of(named, probabilities and "boxes" in columns)

    def exported(self, answers: Answers) -> Arrays:
        """Convert answers to columns of a submission."""
        return {COLUMNS[name]: np.asarray(answers.get(name)) for name in answers.arrays}

    def restored(self, kept: Answers, like: Answers) -> Answers:
        """Return scores in which the stored boxes (K, KEPT) are the best ones, in their order; all others are 0."""
        best = np.asarray(kept.get("best"), dtype=np.int64)
        ranks = np.linspace(1, 1 / best.shape[1], best.shape[1], dtype=np.float32)
        boxes = np.zeros((len(best), BOXES), np.float32)
        np.put_along_axis(boxes, best, np.broadcast_to(ranks, best.shape), axis=1)
        blocks = boxes.reshape(-1, BLOCKS, BLOCKS).sum(axis=2)
        fields = {"boxes": boxes, "coarse": blocks, "fine": boxes}
        return Answers.of({name: fields[name] for name in like.arrays if name in fields}, like.probabilities)

    def write(self, folder: Path, board: Board, asked: Asked, restricted: str) -> Sequence[str]:
        """Write volumes, sections, boxes and README of the test queries; return the names of the data files."""
        queries = asked.queries
        grid: BlockGrid = queries.grid
        save_array(folder / "volumes.npy", queries.volumes)
        save_array(folder / "sections.npy", queries.pixels)
        save_table(folder / "boxes.csv", box_table(grid))
        half = grid.section // 2
        text = README.format(
            board=board.key,
            volumes=len(queries.volumes),
            queries=len(queries),
            edge=grid.edge,
            section=grid.section,
            half=half,
            last=half - 1,
            restricted=restricted,
        )
        write_text(folder / "README.md", text)
        return ["boxes.csv", "sections.npy", "volumes.npy"]

    def query_columns(self, asked: Asked) -> Mapping[str, NDArray[Any]]:
        """Return the columns of `queries.csv` besides the name of the query."""
        return {"volume": asked.queries.volume_index}

    def write_training(self, folder: Path, data: Curated, manifest: Manifest) -> None:
        """Write training and validation sections with poses and labels, and their volumes."""
        for part in ("train", "val"):
            _write_labelled(data, manifest, part, folder)


FORM = AtomForm()


def box_table(grid: BlockGrid) -> pd.DataFrame:
    """Return number, coarse block, fine block, first voxel (i, j, k) and edge of the 729 boxes."""
    starts = grid.box_starts
    number = np.arange(len(starts))
    columns: dict[str, Any] = {"box": number, "coarse": number // BLOCKS, "fine": number % BLOCKS}
    columns |= {f"start_{axis}": starts[:, index] for index, axis in enumerate(AXES)}
    return pd.DataFrame({**columns, "edge": grid.fine_edge})


def _check_forms(arrays: Arrays, tell: Callable[[str], None]) -> None:
    for first, second in (("ranked", "scores"), ("centre", "normal")):
        if (first in arrays) != (second in arrays):
            tell(f"{first!r} and {second!r} must be given together, but one is missing")
    if not {"boxes", "ranked", "centre"} & set(arrays):
        tell(f"expected {FORMS}, got none of them")
    if "boxes" in arrays and "ranked" in arrays:
        tell("expected either 'boxes' or 'ranked' with 'scores', got both")
    if "boxes" not in arrays and "ranked" not in arrays:
        for name in ("coarse", "fine"):
            if name in arrays:
                tell(f"{name!r} needs scores of boxes, not a pose alone")
    for name, array in arrays.items():
        exact = AtomForm.widths.get(name)
        if name not in ("ranked", "scores") and array.shape[1] != exact:
            tell(f"{name!r} needs {exact} numbers per row, got {array.shape[1]}")
    if "ranked" in arrays and "scores" in arrays and arrays["ranked"].shape != arrays["scores"].shape:
        widths = [arrays[name].shape[1] for name in ("ranked", "scores")]
        tell(f"'ranked' and 'scores' must have equally many numbers per row, got {widths[0]} and {widths[1]}")


def _check_ranked(arrays: Arrays, tell_rows: Callable[[str, NDArray[np.bool_]], None]) -> None:
    ranked = arrays["ranked"]
    tell_rows(f"'ranked' contains boxes outside 0 to {BOXES - 1}", (ranked < 0) | (ranked >= BOXES))
    ordered = np.sort(ranked, axis=1)
    tell_rows("'ranked' contains a box twice", ordered[:, 1:] == ordered[:, :-1])
    scores = arrays.get("scores")
    if scores is None or scores.shape != ranked.shape:
        return
    with np.errstate(invalid="ignore"):
        tell_rows("'scores' must not increase along 'ranked'", scores[:, 1:] > scores[:, :-1])
        if ranked.shape[1] < BOXES:
            tell_rows("'scores' must be positive, since boxes that are not listed count as 0", scores <= 0)


def _write_labelled(data: Curated, manifest: Manifest, part: str, out: Path) -> None:
    """Write sections of a part in manifest order, their poses and labels, and the part's volumes."""
    sections, rows = manifest.parts[part], manifest.volume_rows(part)
    volume_index, chosen = np.searchsorted(rows, sections.volume), data.volumes().volumes[rows]
    points = sections.points(manifest.grid)
    save_array(out / f"{part}_volumes.npy", chosen)
    save_array(out / f"{part}_sections.npy", cut(chosen, volume_index, points, manifest.grid))
    labels = sections.labels(manifest.grid).boxes.reshape(len(sections), -1)
    save_array(out / f"{part}_labels.npy", labels.astype(np.uint8))
    save_table(out / f"{part}_sections.csv", _pose_table(sections, volume_index))


def _pose_table(sections: Sections, volume: NDArray[np.int64]) -> pd.DataFrame:
    columns: dict[str, Any] = {"volume": volume}
    columns |= {f"centre_{axis}": sections.centres[:, index] for index, axis in enumerate(AXES)}
    columns |= {f"normal_{axis}": sections.normals[:, index] for index, axis in enumerate(AXES)}
    return pd.DataFrame(columns)
