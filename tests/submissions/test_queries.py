"""Queries leak nothing: not by order, names, metadata, digests, the share without labels, or volumes that stand twice."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier

from atombench.errors import ConfigError, DataError
from atombench.submissions.boards import BoardName, Questions
from atombench.submissions.queries import read_board_file, write_queries
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import query_labels, query_order
from tests.conftest import volume_set
from tests.submissions.conftest import Board, saved


@pytest.fixture(scope="module")
def written(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("queries")
    write_queries(board.volumes, board.manifest, folder, training=True)
    return folder


def test_files_hold_volumes_sections_and_names_and_no_labels(board: Board, written: Path) -> None:
    queries = pd.read_csv(written / "queries.csv")
    assert list(queries.columns) == ["query", "volume"]
    assert tuple(queries["query"]) == board.asked.ids
    volumes, sections = np.load(written / "volumes.npy"), np.load(written / "sections.npy")
    assert np.array_equal(volumes[queries["volume"]], board.asked.queries.volumes[board.asked.queries.volume_index])
    assert np.array_equal(sections, board.asked.queries.pixels)
    names = {path.name for path in written.iterdir() if not path.name.startswith(("train_", "val_"))}
    assert names == {"README.md", "board.json", "boxes.csv", "queries.csv", "sections.npy", "volumes.npy"}
    about = json.loads((written / "board.json").read_text())
    assert about["digest"] == board.asked.digest
    assert set(about) == {
        "queries_version", "protocol", "board", "gathering", "split", "scale", "volumes", "queries", "restricted", "digest",
        "files",
    }  # fmt: skip
    assert read_board_file(written)[1] == board.asked.ids


def test_training_sections_come_with_their_labels(board: Board, written: Path) -> None:
    labels, sections = np.load(written / "train_labels.npy"), board.manifest.parts["train"]
    assert np.array_equal(labels.astype(bool), sections.labels(board.manifest.grid).boxes)
    assert len(pd.read_csv(written / "train_sections.csv")) == len(sections) == len(np.load(written / "train_sections.npy"))
    test = np.load(written / "volumes.npy")
    for part in ("train", "val"):
        for volume in np.load(written / f"{part}_volumes.npy"):
            assert not (test == volume).all(axis=(1, 2, 3)).any()


def test_the_same_board_gives_the_same_files(board: Board, written: Path, tmp_path: Path) -> None:
    write_queries(board.volumes, board.manifest, tmp_path, training=True)
    for path in written.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_no_name_or_digest_can_be_found_from_a_pose(board: Board, written: Path) -> None:
    """Names are one-way in all poses together: those of one section, in forms that somebody might try, give none of them."""
    sections, order = board.manifest.parts["test"], query_order(board.manifest)
    text = "".join(path.read_text() for path in written.glob("*.csv") if not path.name.startswith(("train", "val")))
    text += (written / "board.json").read_text()
    for place, row in enumerate(order[:50]):
        centre, normal = sections.centres[row].tolist(), sections.normals[row].tolist()
        for form in (
            f"{centre}{normal}",
            f"{centre}",
            f"{place}",
            json.dumps([centre, normal]),
            f"{board.manifest.dataset}{row}",
        ):
            assert hashlib.sha256(form.encode()).hexdigest()[:12] not in text
    assert board.manifest.digest not in text


def test_neither_order_nor_names_nor_volumes_tell_where_a_section_was_cut(board: Board) -> None:
    """Forests on what is not the section do no better on other queries than the best constant does."""
    asked, order = board.asked, query_order(board.manifest)
    labels = board.manifest.parts["test"].take(order).labels(board.manifest.grid).coarse
    has = labels.any(axis=1)
    place = np.arange(len(order))
    inside = place - np.searchsorted(asked.queries.volume_index, asked.queries.volume_index)
    digits = np.array([[int(digit, 16) for digit in name] for name in asked.ids])
    volume = PCA(2).fit_transform(asked.queries.volumes.reshape(len(asked.queries.volumes), -1))[asked.queries.volume_index]
    rng = np.random.default_rng(0)
    learn = rng.random(len(order)) < 0.5
    best = labels[learn & has].sum(axis=0).argmax()
    constant = labels[~learn & has][:, best].mean()
    tested = ~learn & has
    for features in (
        np.c_[place, inside],
        digits,
        np.c_[volume, asked.queries.volume_index],
        np.c_[place, inside, digits, volume],
    ):
        forest = RandomForestClassifier(300, random_state=0, min_samples_leaf=3)
        forest.fit(features[learn & has], labels[learn & has].argmax(axis=1))
        found = labels[tested, forest.predict(features[tested])]
        spread = 3 * np.sqrt(constant * (1 - constant) / tested.sum())
        assert found.mean() < constant + spread, features.shape


def test_the_share_without_labels_stands_nowhere_in_the_order(board: Board) -> None:
    """Sections without a correct box are spread over the order as by chance."""
    labels = query_labels(board.manifest).boxes.any(axis=1)
    order = query_order(board.manifest)
    halves = [labels[::2].mean(), labels[1::2].mean()]
    first = np.concatenate([part[: len(part) // 2] for part in np.split(labels, len(board.asked.queries.volumes))])
    spread = 4 * np.sqrt(labels.mean() * (1 - labels.mean()) / (len(order) / 2))
    assert abs(halves[0] - halves[1]) < spread
    assert abs(first.mean() - labels.mean()) < spread


def test_other_boards_and_other_data_have_other_names_and_digests(board: Board, tmp_path: Path) -> None:
    other = saved(tmp_path / "results", volume_set((6, 3, 3)), "easy")
    changed = saved(tmp_path / "changed", volume_set((6, 3, 3), name="other"))
    assert not set(board.asked.ids) & set(other.asked.ids)
    assert not set(board.asked.ids) & set(changed.asked.ids)
    assert len({board.asked.digest, other.asked.digest, changed.asked.digest}) == 3


def test_what_is_wrong_with_a_board_is_said(board: Board, tmp_path: Path) -> None:
    for name in ("toy", "../toy/hard-none-x1", "toy/hard-none-x0", "Toy/hard-none-x1"):
        with pytest.raises(ConfigError, match="expected a board such as"):
            BoardName.read(name)
    with pytest.raises(DataError, match=r"snakemake --cores 2 .*toy/easy-none-x1/manifest.parquet"):
        BoardName.read("toy/easy-none-x1").load(board.results)
    write_queries(board.volumes, board.manifest, tmp_path)
    (tmp_path / "queries.csv").write_text("query,volume\nx,0\n")
    with pytest.raises(DataError, match=r"is not what board\.json says"):
        read_board_file(tmp_path)


def test_a_manifest_that_is_read_back_asks_the_same(board: Board) -> None:
    _, path = BoardName.of(board.manifest).files(board.results)
    assert Questions.of(board.volumes, Manifest.load(path)).digest == board.asked.digest
