"""A site with everything on it, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atombench.audit.volumes import audit_volumes
from atombench.board.site import build_site
from atombench.records.record import Record, Unit
from atombench.tasks.atom.audit import audit_board
from atombench.tasks.atom.manifest import make_manifest
from tests.board.made import registry, stored
from tests.browser.chrome import chrome, errors
from tests.conftest import volume_set
from tests.records.made import example, full


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two audited boards with many kinds of methods, two severities of one, and a dataset that is not in the registry."""
    folder = tmp_path_factory.mktemp("site")
    volumes = volume_set((6, 2, 3))
    boards = {name: audit_board(volumes, make_manifest(volumes, name, "none", 1)) for name in ("hard", "uniform")}
    records = [record for name, found in boards.items() for record in _records(name, found.manifest, found.cases)]
    findings = [audit_volumes(volumes, 1, []), *boards.values()]
    build_site(stored(folder, *records), registry(), folder / "out", findings=findings)
    return folder / "out"


def _records(gathering: str, manifest: str, cases: Any) -> list[Record]:
    sections = tuple(case.section for case in cases)
    nothing: dict[str, Any] = {"training": None, "predicting": None}
    made = [
        full("regismcan", 1, 0.30, sections, gathering=gathering), full("regismcan", 2, 0.34, sections, gathering=gathering),
        full("exhaustive", 1, 0.97, sections, gathering=gathering, role="search"),
        full("constant", 1, 0.05, sections, gathering=gathering, role="control"),
        full("sent-in", 1, 0.5, sections, gathering=gathering, role="submission", origin="submitted predictions", **nothing),
        full("ran-here", 1, 0.4, sections, gathering=gathering, role="submission", origin="submitted method"),
        example("lost", gathering=gathering, role="network", status="failed", reason="the loss became nan", metrics=[]),
    ]  # fmt: skip
    made[-1] = made[-1].model_copy(update={"volumes": made[0].volumes})
    digests = made[0].digests.model_copy(update={"manifest": manifest})
    made = [record.model_copy(update={"digests": digests}) for record in made]
    if gathering == "hard":
        for severity, rate in ((1, 0.2), (2, 0.1)):
            unit = Unit(
                dataset="toy", gathering="hard", split="none", scale=1, degradation="histology", severity=severity,
                method="regismcan", seed=1,
            )  # fmt: skip
            made.append(full("regismcan", 1, rate, unit=unit))
    return made


@pytest.fixture(scope="session")
def one_browser() -> Iterator[Any]:
    """One browser for tests that leave no trace in it."""
    with chrome() as running:
        yield running


@pytest.fixture
def browser(one_browser: Any) -> Iterator[Any]:
    """The browser; after every test it may have logged no error."""
    yield one_browser
    assert errors(one_browser) == []
