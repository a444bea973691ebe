"""Commands need only the libraries that they use, and name the extra that installs a missing library."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from atombench.extras import EXTRA_OF, how_to_install, missing_extra
from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.curated import Curated
from tests.conftest import ROOT

WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {libraries!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from atombench import extras
extras.is_installed = lambda library: library not in {libraries!r}
from atombench.cli import main
main({arguments!r})
"""
OPTIONAL = set(EXTRA_OF) - {"markupsafe"}  # always installed, as a dependency of Jinja2


def without(libraries: set[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Execute a sub-command as if some libraries were not installed."""
    code = WITHOUT.format(libraries=libraries, arguments=[str(argument) for argument in arguments])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def test_sections_are_counted_without_any_extra() -> None:
    done = without(OPTIONAL, "sizes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("board,train,val,test\natom/mni-subjects/")


def test_data_are_fetched_without_any_extra(tmp_path: Path) -> None:
    done = without(OPTIONAL, "fetch", "mni-subjects", "--out", f"{tmp_path}/source.json")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", ["curate", "split", "audit-data", "evaluate", "collect", "queries", "export", "validate", "score", "schema"]
)
def test_a_command_without_networks_starts_without_any_extra(command: str) -> None:
    done = without(OPTIONAL, command, "--help")
    assert done.returncode == 0, done.stderr


def test_a_missing_library_is_reported_in_one_line_with_the_install_command(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    toy_data.save(tmp_path)
    toy_manifest.save(tmp_path / "m.parquet")
    names = {"data": "", "manifest": "m.parquet", "out": "o", "curve": "c", "cost": "t"}
    files = [f"--{name}={tmp_path / file}" for name, file in names.items()]
    done = without({"torch"}, "train", "atom/toy/hard-none-x1", "--method=regismcan", *files)
    assert done.returncode == 1
    assert done.stderr == "error: this command needs torch, which is not installed; run: pip install 'atombench[train]'\n"


def test_the_doctor_notes_missing_libraries() -> None:
    report = without(OPTIONAL, "doctor", "mni-subjects").stdout
    assert "note    workflow: Snakemake is not installed\n        -> pip install 'atombench[workflow]'\n" in report
    assert "note    torch: not installed; networks cannot be trained\n        -> pip install 'atombench[train]'\n" in report
    assert "note    MLflow: not installed; records are not mirrored\n        -> pip install 'atombench[tracking]'\n" in report


def test_an_import_error_of_the_package_itself_is_not_reported_as_a_missing_extra() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'atombench.gone'", name="atombench.gone")) is None
    assert missing_extra(ModuleNotFoundError("No module named 'torch.gone'", name="torch.gone")) is None
    assert missing_extra(ModuleNotFoundError("nothing is named")) is None


def test_every_library_is_declared_in_its_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for library, extra in EXTRA_OF.items():
        distribution = {"sklearn": "scikit-learn", "skimage": "scikit-image"}.get(library, library.replace("_", "-"))
        assert any(requirement.startswith(distribution) for requirement in extras[extra]), how_to_install(library)
