"""Manifests of all shipped configurations: sizes of the paper, and digests that are equal on every machine."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from atombench.cli import main
from atombench.tasks.atom.board import INDEPENDENT, PUBLIC_GATHERINGS, SPLIT_RULES, AtomBoard
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import Manifest, draw_parts, make_manifest
from atombench.tasks.atom.sampling import VARIANTS, sampler
from atombench.tasks.atom.splits import section_counts
from atombench.volumes.curate import zeroed
from atombench.volumes.curated import Curated
from atombench.volumes.registry import DataRow
from atombench.volumes.volume_set import SPLITS, VolumeSet
from benchmarks.bench_manifests import SETS, draw
from tests.conftest import ROOT, local_data, volume_set

DIGESTS = json.loads((Path(__file__).parent / "manifest_digests.json").read_text())
LOCAL = (
    *(pytest.param(name, marks=pytest.mark.long) for name in ("vesselmnist3d", "vesselmnist3d-64", "ixi-t1", "hippocampus")),
    "mni-templates",
)
PAPER_SIZES = """\
organmnist3d,none,147592,24472,102480
organmnist3d,pos,147592,24472,92720
organmnist3d,vol,147592,31072,31072
fracturemnist3d,none,156104,15656,40320
fracturemnist3d,pos,156104,15656,36480
fracturemnist3d,vol,156104,32864,32864
nodulemnist3d,none,176016,25080,52080
nodulemnist3d,pos,176016,25080,47120
nodulemnist3d,vol,176016,37056,37056
vesselmnist3d,none,202920,29032,64176
vesselmnist3d,pos,202920,29032,58064
vesselmnist3d,vol,202920,42720,42720
adni-ad,none,121600,14000,15600
adni-cn,none,121600,14000,15600
adni-mci,none,121600,14000,15600
adni-all,none,121600,14000,15600
"""


@pytest.fixture
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("in_checkout")
def test_the_sizes_table_equals_that_of_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["sizes", "--config", "config/paper.yaml"])
    paper = [row.split(",", 2) for row in PAPER_SIZES.splitlines()]
    expected = {
        f"atom/{dataset}/{gathering}-{split}-x1,{sizes}" for dataset, split, sizes in paper for gathering in ("easy", "hard")
    }
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "board,train,val,test"
    assert len(lines) == len(expected) == 32
    assert set(lines) == expected


@pytest.mark.usefixtures("in_checkout")
def test_an_unavailable_dataset_is_omitted_with_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATOMBENCH_DATA_DIRS", raising=False)
    with pytest.raises(SystemExit, match="0"):
        main(["sizes", "--config", "config/ixi.yaml"])
    printed = capsys.readouterr()
    assert list(csv.reader(io.StringIO(printed.out))) == [["board", "train", "val", "test"]]
    assert "ixi-t1 is omitted" in printed.err


BOARDS = [
    (gathering, split)
    for gathering, split in product(PUBLIC_GATHERINGS, SPLIT_RULES)
    if not (gathering in INDEPENDENT and split == "pos")
]
COUNTED = [(*board, variant) for board, variant in product(BOARDS, VARIANTS) if board[0] != "tissue"]


def zeroed_data(volumes: VolumeSet, gathering: str) -> Curated:
    """Return volumes in the form that the boards of a gathering need."""
    return Curated.of(replace(volumes, volumes=zeroed(volumes.volumes)) if gathering == "tissue" else volumes)


@pytest.mark.parametrize(("gathering", "split", "variant"), COUNTED)
def test_section_counts_equal_those_of_the_drawn_manifest(gathering: str, split: str, variant: str) -> None:
    volumes = volume_set((3, 2, 2))
    manifest = make_manifest(Curated.of(volumes), AtomBoard(gathering, split, 1), variant)
    assert manifest.counts == section_counts(
        "toy", volumes.splits, split, sampler(gathering, split, "toy", manifest.grid, variant)
    )


def test_registry_and_sampler_have_the_same_variants() -> None:
    annotation = DataRow.model_fields["released_sampler"].annotation
    assert annotation.__args__ == VARIANTS  # type: ignore[union-attr]


@pytest.mark.parametrize(("dataset", "gathering", "split"), list(product(SETS, ("easy", "hard"), SPLIT_RULES)))
def test_manifests_of_table_4_are_equal_on_every_machine(dataset: str, gathering: str, split: str) -> None:
    assert draw(dataset, gathering, split).digest == DIGESTS["as drawn, without volumes"][f"{dataset}/{gathering}/{split}"]


@pytest.mark.parametrize(("gathering", "split"), BOARDS)
def test_manifests_of_the_embedded_dataset_are_equal_on_every_machine(gathering: str, split: str, mni: VolumeSet) -> None:
    found = make_manifest(zeroed_data(mni, gathering), AtomBoard(gathering, split, 1))
    assert found.digest == DIGESTS["mni-subjects"][f"x1/{gathering}/{split}"]


@pytest.mark.parametrize("scale", [2, 3])
def test_manifests_of_larger_scales_are_equal_on_every_machine(scale: int) -> None:
    gatherings = [gathering for gathering in PUBLIC_GATHERINGS if gathering != "tissue"]
    draws = [sampler(gathering, "none", "mni-subjects", BlockGrid(scale)) for gathering in gatherings]
    ids, splits = ("a", "b", "c"), ("train", "val", "test")
    for gathering, drawn in zip(gatherings, draws, strict=True):
        parts = draw_parts("toy", ids, splits, "none", drawn)
        found = Manifest("toy", gathering, "none", scale, "", parts)
        assert found.digest == DIGESTS["toy"][f"x{scale}/{gathering}/none"]


@pytest.mark.parametrize("dataset", LOCAL)
def test_manifests_of_local_data_are_equal_on_every_machine(dataset: str, tmp_path: Path) -> None:
    volumes = local_data(dataset, "cube20", tmp_path).volumes()
    expected = DIGESTS[dataset]
    assert volumes.digest == expected["volumes x1"]
    for name in expected:
        if name.startswith("x1/"):
            _, gathering, split = name.split("/")
            assert make_manifest(zeroed_data(volumes, gathering), AtomBoard(gathering, split, 1)).digest == expected[name]


def test_manifests_do_not_depend_on_threads_or_order() -> None:
    names = [(dataset, gathering, split) for dataset in SETS[:1] for gathering in ("easy", "hard") for split in SPLIT_RULES]
    with ThreadPoolExecutor(2) as pool:
        shared = list(pool.map(lambda name: draw(*name).digest, reversed(names)))
    assert shared[::-1] == [DIGESTS["as drawn, without volumes"]["/".join(name)] for name in names]
    draws = sampler("uniform", "none", "toy", BlockGrid(1))
    one = {volume: draws.draw("train", volume).normals for volume in ("a", "b", "c", "d")}
    with ThreadPoolExecutor(2) as pool:
        other = dict(zip("dbca", pool.map(lambda volume: draws.draw("train", volume).normals, "dbca"), strict=True))
    for volume, normals in one.items():
        np.testing.assert_array_equal(other[volume], normals)


@pytest.mark.parametrize("split", SPLIT_RULES)
def test_split_rules_choose_volumes_as_documented(split: str) -> None:
    volumes = volume_set((3, 2, 4))
    manifest = make_manifest(Curated.of(volumes), AtomBoard("hard", split, 1))
    rows = {part: set(manifest.volume_rows(part).tolist()) for part in SPLITS}
    official = {part: set(volumes.rows(part).tolist()) for part in SPLITS}
    assert rows == (dict.fromkeys(SPLITS, official["train"]) if split == "vol" else official)
