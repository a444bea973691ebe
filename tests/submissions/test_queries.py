"""Tests of exported queries: neither order, names, digests nor volumes reveal labels or poses."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier

from atombench.engine.exchanges import TRUE
from atombench.errors import ConfigError, DataError
from atombench.records.board import Board as BoardName
from atombench.submissions.queries import read_board_file, write_queries
from atombench.submissions.questions import Questions
from atombench.tasks.atom.queries import query_labels, query_order
from atombench.tasks.made_board import load_board
from tests.conftest import volume_set
from tests.submissions.conftest import Board, saved


@pytest.fixture(scope="module")
def written(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("queries")
    write_queries(board.made, folder, training=True)
    return folder


def test_files_contain_volumes_sections_and_names_but_no_labels(board: Board, written: Path) -> None:
    queries = pd.read_csv(written / "queries.csv")
    assert list(queries.columns) == ["query", "volume"]
    assert tuple(queries["query"]) == board.questions.ids
    volumes, sections = np.load(written / "volumes.npy"), np.load(written / "sections.npy")
    assert np.array_equal(volumes[queries["volume"]], board.queries.volumes[board.queries.volume_index])
    assert np.array_equal(sections, board.queries.pixels)
    names = {path.name for path in written.iterdir() if not path.name.startswith(("train_", "val_"))}
    assert names == {"README.md", "board.json", "boxes.csv", "queries.csv", "sections.npy", "volumes.npy"}
    about = json.loads((written / "board.json").read_text())
    assert about["digest"] == board.questions.digest
    assert set(about) == {"queries_version", "protocol", "board", "queries", "restricted", "digest", "files"}
    assert (about["board"], about["queries"]) == ("atom/toy/hard-none-x1", len(queries))
    assert set(about["files"]) == names - {"README.md", "board.json"}
    assert read_board_file(written, "1.1")[1] == board.questions.ids


def test_training_sections_have_labels_and_share_no_volumes_with_the_test_set(board: Board, written: Path) -> None:
    labels, sections = np.load(written / "train_labels.npy"), board.manifest.parts["train"]
    assert np.array_equal(labels.astype(bool), sections.labels(board.manifest.grid).boxes)
    assert len(pd.read_csv(written / "train_sections.csv")) == len(sections) == len(np.load(written / "train_sections.npy"))
    test = np.load(written / "volumes.npy")
    for part in ("train", "val"):
        for volume in np.load(written / f"{part}_volumes.npy"):
            assert not (test == volume).all(axis=(1, 2, 3)).any()


def test_exporting_a_board_twice_writes_identical_files(board: Board, written: Path, tmp_path: Path) -> None:
    write_queries(board.made, tmp_path, training=True)
    for path in written.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_names_and_digests_cannot_be_derived_from_a_pose(board: Board, written: Path) -> None:
    """Names are a one-way hash of all poses together, so hashes of a single pose must not occur in the files."""
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


def test_order_names_and_volumes_do_not_predict_the_label(board: Board) -> None:
    """Random forests on everything except the section are no better on held-out queries than the best constant."""
    asked, order, rows = board.queries, query_order(board.manifest), board.questions.mixed.rows[TRUE]
    labels = board.manifest.parts["test"].take(order).labels(board.manifest.grid).coarse
    has = labels.any(axis=1)
    place = np.arange(len(asked))
    inside = place - np.searchsorted(asked.volume_index, asked.volume_index)
    digits = np.array([[int(digit, 16) for digit in name] for name in board.questions.ids])
    volume = PCA(2).fit_transform(asked.volumes.reshape(len(asked.volumes), -1))[asked.volume_index]
    rng = np.random.default_rng(0)
    learn = rng.random(len(order)) < 0.5
    best = labels[learn & has].sum(axis=0).argmax()
    constant = labels[~learn & has][:, best].mean()
    tested = ~learn & has
    for features in (
        np.c_[place, inside],
        digits,
        np.c_[volume, asked.volume_index],
        np.c_[place, inside, digits, volume],
    ):
        forest = RandomForestClassifier(300, random_state=0, min_samples_leaf=3)
        known = features[rows]
        forest.fit(known[learn & has], labels[learn & has].argmax(axis=1))
        correct = labels[tested, forest.predict(known[tested])]
        spread = 3 * np.sqrt(constant * (1 - constant) / tested.sum())
        assert correct.mean() < constant + spread, features.shape


def test_the_order_does_not_reveal_sections_without_labels(board: Board) -> None:
    """Sections without a correct box are distributed randomly over the order."""
    labels = query_labels(board.data, board.manifest).boxes.any(axis=1)
    order = query_order(board.manifest)
    halves = [labels[::2].mean(), labels[1::2].mean()]
    first = np.concatenate([part[: len(part) // 2] for part in np.split(labels, len(board.queries.volumes))])
    spread = 4 * np.sqrt(labels.mean() * (1 - labels.mean()) / (len(order) / 2))
    assert abs(halves[0] - halves[1]) < spread
    assert abs(first.mean() - labels.mean()) < spread


def test_other_boards_and_other_data_have_other_names_and_digests(board: Board, tmp_path: Path) -> None:
    other = saved(tmp_path / "results", volume_set((6, 3, 3)), "easy")
    changed = saved(tmp_path / "changed", volume_set((6, 3, 3), name="other"))
    assert not set(board.questions.ids) & set(other.questions.ids)
    assert not set(board.questions.ids) & set(changed.questions.ids)
    assert len({board.questions.digest, other.questions.digest, changed.questions.digest}) == 3


def test_errors_name_a_wrong_board_a_missing_board_and_modified_queries(board: Board, tmp_path: Path) -> None:
    for name in ("toy", "../toy/hard-none-x1", "toy/hard-none-x0", "Toy/hard-none-x1"):
        with pytest.raises(ConfigError, match=r"expected a board (such as|of atom such as)"):
            load_board(BoardName.read(name), board.results)
    with pytest.raises(DataError, match=r"snakemake --cores 2 .*atom/toy/easy-none-x1/manifest.parquet"):
        load_board(BoardName.read("toy/easy-none-x1"), board.results)
    write_queries(board.made, tmp_path)
    (tmp_path / "queries.csv").write_text("query,volume\nx,0\n")
    with pytest.raises(DataError, match=r"does not match its checksum in board\.json"):
        read_board_file(tmp_path, "1.1")


def test_a_reloaded_manifest_has_the_same_queries(board: Board) -> None:
    assert Questions.of(load_board(board.made.board, board.results)).digest == board.questions.digest


def test_queries_of_another_protocol_are_rejected(written: Path) -> None:
    with pytest.raises(DataError, match=r"has protocol 1\.1, expected 2\.0; export the queries again"):
        read_board_file(written, "2.0")
