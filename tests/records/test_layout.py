"""Paths below results/ and logs/."""

from pathlib import Path

from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.records.run import Run

RUN = Run.of(Board("atom", "toy", "hard-none-x1"), "regismcan", 2, "histology-3")
LAYOUT = Layout()


def test_every_file_of_a_board_and_its_runs_has_its_place() -> None:
    places = {
        LAYOUT.source("toy"): "results/data/toy/source.json",
        LAYOUT.curated("toy", "cube20"): "results/data/toy/cube20",
        LAYOUT.board(RUN.board): "results/atom/toy/hard-none-x1",
        LAYOUT.manifest(RUN.board): "results/atom/toy/hard-none-x1/manifest.parquet",
        LAYOUT.queries(RUN.board): "results/queries/atom/toy/hard-none-x1",
        LAYOUT.trained(RUN): "results/atom/toy/hard-none-x1/regismcan/seed2",
        LAYOUT.answered(RUN): "results/atom/toy/hard-none-x1/regismcan/seed2/histology-3",
        LAYOUT.record(RUN): "results/atom/toy/hard-none-x1/regismcan/seed2/histology-3/record.json",
        LAYOUT.checkpoint(RUN): "results/checkpoints/atom-toy-hard-none-x1-regismcan-2.safetensors",
        LAYOUT.run_list("default"): "results/runs/default.json",
    }
    assert [str(place) for place in places] == list(places.values())


def test_a_step_logs_what_it_is_about() -> None:
    names = {
        "fetch": "toy",
        "curate": "toy-cube20",
        "split": "atom-toy-hard-none-x1",
        "train": "atom-toy-hard-none-x1-regismcan-2",
        "predict": "atom-toy-hard-none-x1-regismcan-2-histology-3",
        "evaluate": "atom-toy-hard-none-x1-regismcan-2-histology-3",
    }
    assert {step: LAYOUT.log(step, RUN, "cube20") for step in names} == {
        step: Path(f"logs/{step}/{name}.log") for step, name in names.items()
    }


def test_conditions_share_weights_and_no_other_file() -> None:
    clean = RUN.model_copy(update={"condition": "clean"})
    assert LAYOUT.trained(clean) == LAYOUT.trained(RUN)
    assert LAYOUT.checkpoint(clean) == LAYOUT.checkpoint(RUN)
    assert LAYOUT.answered(clean) != LAYOUT.answered(RUN)


def test_results_and_logs_may_be_anywhere() -> None:
    layout = Layout(Path("/data/r"), Path("/data/l"))
    assert layout.record(RUN).is_relative_to("/data/r")
    assert layout.log("train", RUN) == Path("/data/l/train/atom-toy-hard-none-x1-regismcan-2.log")


def test_wildcards_of_the_workflow_pass_through() -> None:
    board = Board("{task}", "{dataset}", "{board}")
    run = Run.model_construct(
        task="{task}", dataset="{dataset}", name="{board}", method="{method}", seed="{seed}", condition="{c}"
    )
    assert str(LAYOUT.curated("{dataset}", "{form}")) == "results/data/{dataset}/{form}"
    assert str(LAYOUT.manifest(board)) == "results/{task}/{dataset}/{board}/manifest.parquet"
    assert str(LAYOUT.record(run)) == "results/{task}/{dataset}/{board}/{method}/seed{seed}/{c}/record.json"
    assert str(LAYOUT.checkpoint(run)) == "results/checkpoints/{task}-{dataset}-{board}-{method}-{seed}.safetensors"
