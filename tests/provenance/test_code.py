"""Code digests depend on exactly the code that a step uses; provenance contains no name of a person or machine."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from atombench.provenance.code import code_digest, git_state, host, versions
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.task import ATOM
from atombench.tasks.task import modules_of
from tests.conftest import ROOT

ALL = {"split", "audit", "train", "predict", "queries", "evaluate", "board"}
"""All steps that depend on the task."""


def digest_in(package: Path) -> Callable[..., str]:
    """Return `code_digest` for a copy of the package as it is now."""
    spec = importlib.util.spec_from_file_location("copied_code", package / "provenance/code.py")
    assert spec is not None
    assert spec.loader is not None
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    digest: Callable[..., str] = copied.code_digest
    return digest


def digests(package: Path) -> dict[str, str]:
    """Return the code digest of each step in a copy of the package; the trained method is regismcan."""
    method = METHODS["regismcan"].module
    modules = {"curate": ("atombench.commands.curate", "atombench.volumes.medmnist")}
    for step in ("split", "queries", "board"):
        modules[step] = (f"atombench.commands.{step}", *modules_of(ATOM, step))
    modules["audit"] = ("atombench.commands.audit_data", *modules_of(ATOM, "audit"))
    for step in ("train", "predict", "evaluate"):
        modules[step] = (f"atombench.commands.{step}", *modules_of(ATOM, step), method)
    digest = digest_in(package)
    return {step: digest(*names) for step, names in modules.items()}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package; its modules are read, not imported."""
    copy = tmp_path_factory.mktemp("copy") / "atombench"
    shutil.copytree(ROOT / "atombench", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def before(package: Path) -> dict[str, str]:
    return digests(package)


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ("tasks/atom/methods/regismcan.py", {"train", "predict", "evaluate"}),
        ("tasks/atom/methods/exhaustive.py", set()),
        ("tasks/atom/methods/table.py", set()),
        ("tasks/table.py", set()),
        ("tasks/task.py", ALL),
        ("tasks/atom/task.py", ALL),
        ("tasks/atom/sampling.py", ALL),
        ("tasks/atom/labels.py", ALL),
        ("tasks/atom/metrics.py", {"evaluate"}),
        ("tasks/atom/specs.py", {"evaluate", "board"}),
        ("tasks/atom/strata.py", {"evaluate"}),
        ("tasks/atom/shown.py", {"evaluate", "board"}),
        ("tasks/atom/details.py", {"evaluate"}),
        ("tasks/atom/degradation/tear.py", {"audit", "train", "predict", "queries", "evaluate", "board"}),
        ("tasks/atom/audit.py", {"audit", "board"}),
        ("tasks/atom/queries.py", {"audit", "train", "predict", "queries", "evaluate", "board"}),
        ("tasks/atom/submission.py", {"queries"}),
        ("tasks/evaluate.py", {"evaluate"}),
        ("engine/training/loop.py", {"train", "predict", "evaluate"}),
        ("engine/sandbox/parent.py", set()),
        ("records/record.py", {"evaluate", "board"}),
        ("statistics/bootstrap.py", {"evaluate", "board"}),
        ("audit/record.py", {"audit", "board"}),
        ("volumes/medmnist.py", {"curate"}),
        ("volumes/mni_subjects.py", set()),
        ("volumes/registry.py", {"curate", "audit", "queries", "evaluate", "board"}),
        ("board/assets/board.css", {"board"}),
        ("cli.py", set()),
    ],
)
def test_a_digest_depends_on_exactly_the_code_that_a_step_uses(
    changed: str, steps: set[str], before: dict[str, str], package: Path
) -> None:
    path = package / changed
    content = path.read_bytes()
    path.write_bytes(content + b"\n")
    after = digests(package)
    path.write_bytes(content)
    assert {name for name in before if before[name] != after[name]} == steps


def test_imports_for_type_checkers_only_are_ignored(tmp_path: Path) -> None:
    """Of two modules of a small package, one is imported for annotations only, the other inside a function."""
    package = tmp_path / "atombench"
    (package / "provenance").mkdir(parents=True)
    for name in ("__init__.py", "used.py", "shown.py", "provenance/__init__.py"):
        (package / name).write_text("")
    shutil.copy2(ROOT / "atombench/provenance/code.py", package / "provenance/code.py")
    (package / "step.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from atombench import shown\n"
        "def run() -> None:\n    from atombench import used\n"
    )

    first = digest_in(package)("atombench.step")
    (package / "shown.py").write_text("# changed")
    assert digest_in(package)("atombench.step") == first
    (package / "used.py").write_text("# changed")
    assert digest_in(package)("atombench.step") != first


def test_the_digest_of_a_method_covers_its_module_and_the_step() -> None:
    expected = code_digest("atombench.commands.train", METHODS["regismcan"].module)
    assert ATOM.registry.code("regismcan+wide@ixi-t1", "atombench.commands.train") == expected
    assert ATOM.registry.code("mcan", "atombench.commands.train") != expected


def test_an_unknown_module_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match="no module named"):
        code_digest("atombench.nothing")


def test_provenance_contains_no_name_of_a_person_or_machine() -> None:
    text = str(host()) + str(versions())
    assert os.uname().nodename not in text
    assert versions()["torch"].startswith("2.")
    assert set(git_state()) == {"commit", "dirty"}


def test_a_package_installed_inside_another_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    installed = tmp_path / ".venv" / "atombench"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "theirs"], check=True)
    monkeypatch.setattr("atombench.provenance.code.PACKAGE", installed)
    assert git_state() == {"commit": "unknown", "dirty": None}
    subprocess.run([*git, "add", "--force", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "ours"], check=True)
    assert git_state()["dirty"] is False
    assert len(git_state()["commit"]) == 40
