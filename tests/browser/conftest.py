"""Fixtures: a site with all kinds of content, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atombench.audit.volumes import audit_volumes
from atombench.records.record import Record
from atombench.tasks.atom.audit import audit, cases_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import make_manifest
from atombench.volumes.curated import Curated
from tests.board.made import site_of
from tests.browser.chrome import chrome, errors
from tests.conftest import volume_set
from tests.records.made import example, full


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site of two audited boards with all kinds of methods, one of them with two severities."""
    folder = tmp_path_factory.mktemp("site")
    data = Curated.of(volume_set((6, 2, 3)), "cube20")
    boards = {name: audit(data, make_manifest(data, AtomBoard(name, "none", 1))) for name in ("hard", "uniform")}
    records = [record for name, findings in boards.items() for record in _records(name, findings.manifest, cases_of(findings))]
    return site_of(folder, *records, findings=[audit_volumes(data, []), *boards.values()])


def _records(gathering: str, manifest: str, cases: Any) -> list[Record]:
    sections = tuple(case.section for case in cases)
    nothing: dict[str, Any] = {"training": None, "predicting": None}
    records = [
        full("regismcan", 1, 0.30, sections, gathering=gathering),
        full("regismcan", 2, 0.34, sections, gathering=gathering),
        full("exhaustive", 1, 0.97, sections, gathering=gathering, role="search"),
        full("constant", 1, 0.05, sections, gathering=gathering, role="control"),
        full("sent-in", 1, 0.5, sections, gathering=gathering, role="submission", origin="self-reported", **nothing),
        full("ran-here", 1, 0.4, sections, gathering=gathering, role="submission", origin="reproduced"),
        example("lost", gathering=gathering, role="network", status="failed", reason="the loss became nan", metrics=[]),
    ]
    records[-1] = records[-1].model_copy(update={"clusters": records[0].clusters})
    digests = records[0].digests.model_copy(update={"manifest": manifest})
    records = [record.model_copy(update={"digests": digests}) for record in records]
    if gathering == "hard":
        for severity, rate in ((1, 0.2), (2, 0.1)):
            records.append(full("regismcan", 1, rate, condition=f"histology-{severity}"))
    return records


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[Any]:
    """Start one browser for all tests that do not change its state."""
    with chrome() as running:
        yield running


@pytest.fixture
def browser(shared_browser: Any) -> Iterator[Any]:
    """Return the shared browser; check after the test that it logged no error."""
    yield shared_browser
    assert errors(shared_browser) == []
