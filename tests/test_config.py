"""Run configurations: which runs they state, and one clear line for each invalid one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from atombench.config import check_run
from atombench.errors import ConfigError
from atombench.io.schema import read_yaml
from atombench.records.board import Board
from atombench.tasks.atom.task import ATOM, Atom
from tests.conftest import ROOT

CONTROLS = ATOM.registry.controls
RUNS = [path for path in sorted((ROOT / "config").glob("*.yaml")) if not path.name.startswith(("datasets", "methods"))]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert list(check_run(yaml.safe_load(path.read_text())).runs())


def test_only_seeded_methods_are_repeated_with_every_seed() -> None:
    runs = list(check_run(DEFAULT).runs())
    assert len({run.key for run in runs}) == len(runs) == 3 * 14  # two conditions of one board, one of another
    assert [run.seed for run in runs if run.method == "exhaustive" and run.name == "hard-none-x1"] == [1]
    assert {run.condition for run in runs} == {"clean", "histology-3"}


@pytest.mark.parametrize(("published", "seeds"), [(True, {1}), (False, {1, 2})])
def test_published_weights_run_with_one_seed(published: bool, seeds: set[int]) -> None:
    run = check_run({**DEFAULT, "methods": {"locus": {"published": published}}})
    assert {planned.seed for planned in run.runs() if planned.method == "locus"} == seeds


def test_a_board_is_answered_under_every_condition_of_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Atom, "conditions", ("clean", "histology-1", "histology-2"))
    run = check_run({**DEFAULT, **boards(conditions=["clean", "histology-2"])})
    assert set(map(tuple, run.all_boards().values())) == {("clean", "histology-2")}
    keys = [planned.key for planned in run.runs()]
    assert len(keys) == len(set(keys)) == 2 * 14
    assert {planned.condition for planned in run.runs()} == {"clean", "histology-2"}


def test_the_task_of_a_block_defaults_to_atom() -> None:
    default, explicit = (check_run({**DEFAULT, **boards(**change)}) for change in ({}, {"task": "atom"}))
    assert default == explicit
    assert list(explicit.all_boards()) == [Board("atom", "mni-subjects", "tissue-none-x1")]


def boards(**change: object) -> dict[str, object]:
    """Return the boards of the default configuration with some keys changed."""
    return {"boards": [{**DEFAULT["boards"][0], **change}]}


def test_transfer_adds_learned_methods_to_the_boards_of_the_other_dataset() -> None:
    two = {**DEFAULT, "boards": [{"datasets": ["mni-subjects", "ixi-t1"], "gatherings": ["hard"]}]}
    runs = list(check_run({**two, "transfer": [{"train": "mni-subjects", "test": "ixi-t1"}]}).runs())
    moved = [run for run in runs if "@" in run.method]
    assert {run.dataset for run in moved} == {"ixi-t1"}
    learned = ("section-only", "volume-only", "regismcan-released", "regismcan")
    assert {(run.method, run.seed) for run in moved} == {(f"{m}@mni-subjects", s) for m in learned for s in (1, 2)}
    with pytest.raises(ConfigError, match="transfer: unknown dataset of the boards 'ixi'; did you mean 'ixi-t1'"):
        check_run({**two, "transfer": [{"train": "ixi", "test": "ixi-t1"}]})
    apart = [{"datasets": ["mni-subjects"], "gatherings": ["hard"]}, {"datasets": ["ixi-t1"], "gatherings": ["easy"]}]
    with pytest.raises(ConfigError, match="no two datasets have a board of the same"):
        check_run({**two, "boards": apart, "transfer": [{"train": "mni-subjects", "test": "ixi-t1"}]})


def test_methods_answer_for_a_dataset_without_training_volumes_with_weights_of_another() -> None:
    trained = {"datasets": ["mni-subjects"], "gatherings": ["tissue"]}
    tested = {"datasets": ["open-ms"], "gatherings": ["tissue"], "conditions": ["clean", "from-t2"]}
    runs = list(check_run({**DEFAULT, "boards": [trained, {**tested, "trained_on": "mni-subjects"}]}).runs())
    moved = {run.method for run in runs if run.dataset == "open-ms"}
    learned = {"constant", "section-only", "volume-only", "regismcan-released", "regismcan"}
    assert moved == {f"{name}@mni-subjects" for name in learned} | {"random", "oracle-coarse", "exhaustive"}
    assert {run.method for run in runs if run.dataset == "mni-subjects"} & moved == {"random", "oracle-coarse", "exhaustive"}
    for blocks, message in (
        ([trained, tested], "open-ms has no training volumes; name a dataset in `trained_on`"),
        ([trained, {**tested, "trained_on": "mni-average"}], "mni-average has no board tissue-none-x1 with training volumes"),
        ([trained, {**tested, "trained_on": "mni-subjects", "gatherings": ["hard"]}], "has no board hard-none-x1"),
        ([{**trained, "trained_on": "ixi-t1"}], "mni-subjects has training volumes; use transfer"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_run({**DEFAULT, "boards": blocks})


def test_a_method_can_have_several_variants_with_different_options() -> None:
    variants = {"regismcan": {"steps": 3}, "regismcan+linear": {"steps": 3, "embedding": "linear"}}
    run = check_run({**DEFAULT, "methods": variants})
    assert {planned.method for planned in run.runs()} >= set(variants)
    with pytest.raises(ConfigError, match="unknown option of regismcan\\+linear 'embeding'; did you mean 'embedding'"):
        check_run({**DEFAULT, "methods": {"regismcan+linear": {"embeding": "linear"}}})
    with pytest.raises(ConfigError, match="expected a method such as regismcan or regismcan\\+wide"):
        check_run({**DEFAULT, "methods": {"regismcan wide": None}})
    with pytest.raises(ConfigError, match="'regismcan@ixi-t1' names a dataset; use transfer"):
        check_run({**DEFAULT, "methods": {"regismcan@ixi-t1": None}})


def test_controls_are_on_every_board_unless_they_are_listed_in_without() -> None:
    bare = {**DEFAULT, "methods": {"constant": None}}
    assert set(check_run(bare).methods_of(ATOM)) == set(CONTROLS)
    fewer = check_run({**bare, "without": ["exhaustive", "random"]})
    assert set(fewer.methods_of(ATOM)) == set(CONTROLS) - {"exhaustive", "random"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"without": ["exhaustiv"]}, "without: unknown control 'exhaustiv'; did you mean 'exhaustive'"),
        ({"without": ["regismcan"]}, "without: unknown control 'regismcan'"),
        ({"without": ["constant"], "methods": {"constant": None}}, "without: unknown control 'constant'"),
        (boards(datasets=["mni-subject"]), "unknown dataset 'mni-subject'; did you mean 'mni-subjects'"),
        ({"methods": {"regismcan-release": None}}, "unknown method 'regismcan-release'; did you mean 'regismcan-released'"),
        ({"methods": {"regismcan": {"stepz": 3}}}, "unknown option of regismcan 'stepz'; did you mean 'steps'"),
        (boards(gatherings=["hrd"]), "unknown gathering 'hrd'; did you mean 'hard'"),
        (boards(gathering=["hard"]), "boards.0: unknown key 'gathering'; did you mean 'gatherings'"),
        ({"boards": [*boards()["boards"]] * 2}, "the board atom/mni-subjects/tissue-none-x1 is in more than one block"),
        (boards(task="atmo"), "config: boards.0: unknown task 'atmo'; did you mean 'atom'"),
        (boards(task=3), "config: boards.0: unknown task '3'"),
        (boards(conditions=["histology-9"]), "boards.0: unknown condition of atom 'histology-9'"),
        (boards(conditions=["clean", "clean"]), "conditions: Value error, 'clean' is listed more than once"),
        (boards(conditions=[]), "conditions: List should have at least 1 item"),
        (boards(datasets=["mni-subjects"] * 2), "datasets: Value error, 'mni-subjects' is listed more than once"),
        ({"boards": ["hard"]}, "boards.0: Input should be a valid dictionary or instance of Block"),
        ({"boards": {"datasets": ["mni-subjects"]}}, "boards: Input should be a valid list"),
        ({"boards": []}, "boards: List should have at least 1 item"),
        ({"seedz": [1]}, "unknown key 'seedz'; did you mean 'seeds'"),
        ({"seeds": ["one"]}, "seeds.0: Input should be a valid integer"),
        ({"seeds": [-1]}, "seeds.0: Input should be greater than or equal to 0"),
        ({"seeds": ["1"]}, "seeds.0: Input should be a valid integer"),
        ({"seeds": [10**30]}, "seeds.0: Input should be less than"),
        ({"methods": {"regismcan": {"learning_rate": "1e-3"}}}, "got '1e-3' \\(YAML reads 1e-3 as text; write 1.0e-3\\)"),
        ({"seeds": [1, 1]}, "seeds: Value error, 1 is listed more than once"),
        (boards(gatherings="hard"), "boards.0: gatherings: Input should be a valid list"),
        (boards(splits=["non"]), "unknown split rule 'non'; did you mean 'none'"),
        ({"methods": {"regismcan": {"steps": 0}}}, "options of regismcan: steps: Input should be greater"),
        ({"methods": {"regismcan": {"heads": 3}}}, "width 64 must be a multiple of heads 3"),
        (boards(splits=["pos"]), "boards.0: .*tissue has no split pos"),
        (boards(contexts=[3]), "boards.0: contexts.0: Input should be 1 or 2"),
        (boards(conditions=["histology-6"]), "unknown condition of atom 'histology-6'; did you mean 'histology-5'"),
        (boards(scales=[4]), "boards.0: scales.0: Input should be 1, 2 or 3"),
        (boards(datasets=[]), "boards.0: datasets: List should have at least 1 item"),
    ],
)
def test_an_invalid_configuration_is_refused_with_the_nearest_valid_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        check_run({**DEFAULT, **change})
    assert "\n" not in str(error.value)


def test_a_duplicate_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("run: a\nseeds: [1]\nseeds: [5]\n")
    with pytest.raises(ConfigError, match="the key 'seeds' is repeated"):
        read_yaml(tmp_path / "c.yaml")


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not on PATH")
def test_snakemake_refuses_an_invalid_configuration_before_any_job_starts(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**DEFAULT, **boards(datasets=["mni-subjets"])}))
    command = ["snakemake", "-n", "--configfile", str(tmp_path / "c.yaml")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert answer.returncode != 0
    assert "unknown dataset 'mni-subjets'; did you mean 'mni-subjects'" in answer.stdout + answer.stderr
    assert "Job stats" not in answer.stdout + answer.stderr
