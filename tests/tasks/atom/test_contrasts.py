"""Sections of another contrast, sought in volumes that only serve for testing."""

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atombench.commands import train
from atombench.engine.contract import Resources
from atombench.errors import DataError
from atombench.tasks.atom.audit import PREVIEWED, audit, parts_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.degradation.conditions import CONDITIONS, CONTRASTS
from atombench.tasks.atom.degradation.preview import contact_sheet, strips
from atombench.tasks.atom.details import details
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.metrics import make_truth, score
from atombench.tasks.atom.panels import PANELS
from atombench.tasks.atom.queries import make_queries, query_order
from atombench.tasks.atom.sections import cut
from atombench.tasks.atom.task import ATOM
from atombench.volumes.curated import Curated
from tests.conftest import ROOT, textured, volume_set


@pytest.fixture(scope="module")
def data() -> Curated:
    """Return three test volumes with a second contrast, and no other volumes."""
    volumes = replace(volume_set((0, 0, 3), textured(3)), contrasts={"t2": 1 - textured(3)})
    return Curated.of(volumes, "cube20-zeroed")


@pytest.fixture(scope="module")
def manifest(data: Curated) -> Manifest:
    return make_manifest(data, AtomBoard("tissue", "none", 1))


def test_sections_of_a_contrast_are_cut_from_it_and_sought_in_the_volume(data: Curated, manifest: Manifest) -> None:
    clean, other = (make_queries(data, manifest, condition) for condition in ("clean", "from-t2"))
    sections = manifest.parts["test"].take(query_order(manifest))
    expected = cut(1 - textured(3), sections.volume, sections.points(manifest.grid), manifest.grid)
    np.testing.assert_array_equal(other.pixels, expected)
    np.testing.assert_array_equal(other.volumes, clean.volumes)
    np.testing.assert_array_equal(other.volume_index, clean.volume_index)
    assert {f"from-{contrast}" for contrast in CONTRASTS} < set(CONDITIONS)
    with pytest.raises(DataError, match="toy has no contrast 'pd'; it has t2"):
        make_queries(data, manifest, "from-pd")


def test_failures_show_the_section_of_the_contrast(data: Curated, manifest: Manifest) -> None:
    method = ATOM.registry.build("random", {})
    answers = method.predict({}, make_queries(data, manifest), Resources(seed=1))
    truth = make_truth(data, manifest)
    shown = [
        details(answers, truth, data, manifest, score(answers, truth), pictures=True, condition=condition).own["failures"]
        for condition in ("clean", "from-t2")
    ]
    assert [failure["section"] for failure in shown[0]] == [failure["section"] for failure in shown[1]]
    assert all(clean["pixels"] != other["pixels"] for clean, other in zip(*shown, strict=True))
    assert all(clean["there"] == other["there"] for clean, other in zip(*shown, strict=True))


def test_a_dataset_for_testing_only_has_a_manifest_and_an_audit_of_its_test_part(
    data: Curated, manifest: Manifest, tmp_path: Path
) -> None:
    assert manifest.counts == {"train": 0, "val": 0, "test": 504}
    manifest.save(tmp_path / "manifest.parquet")
    assert Manifest.load(tmp_path / "manifest.parquet").digest == manifest.digest
    findings = audit(data, manifest)
    assert set(parts_of(findings)) == {"test"}
    test = parts_of(findings)["test"]
    assert (test.commonest, test.rarest, test.box_correlation) == (None, None, None)
    assert next(line.value for line in findings.lines if line.name == "commonest, rarest box").startswith("–, –; chance")


@pytest.mark.parametrize("method", ["constant", "regismcan"])
def test_nothing_is_trained_on_a_dataset_for_testing_only(
    method: str, data: Curated, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    data.save(tmp_path)
    manifest.save(tmp_path / "m.parquet")
    out = {name: tmp_path / name for name in ("out", "curve", "cost")}
    with pytest.raises(DataError, match=f"has no training queries; train {method} on another dataset"):
        train.run("atom/toy/tissue-none-x1", method, tmp_path, tmp_path / "m.parquet", **out)


def test_the_audit_of_a_board_holds_a_contact_sheet_with_the_contrasts_of_the_data(data: Curated, manifest: Manifest) -> None:
    findings = audit(data, manifest)
    sheet = Image.open(io.BytesIO(base64.b64decode(findings.pictures["preview"])))
    rows = strips(data, manifest, PREVIEWED, 3)
    assert [row.label for row in rows].count("from-t2") == 1
    assert sheet.size == contact_sheet(rows).size
    shown = PANELS.preview(findings)
    assert findings.pictures["preview"] in shown
    assert PANELS.preview(findings.redacted()) == ""
