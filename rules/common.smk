# The checked configuration, and the names of all files. Nothing here writes, deletes or starts anything: see atombench/workflow.
import hashlib
import os
import re
import shutil
from pathlib import Path

from atombench.config import check_run
from atombench.errors import AtomBenchError
from atombench.io.schema import read_yaml
from atombench.provenance.code import code_digest
from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.records.run import Run
from atombench.submissions.discovery import pick_up
from atombench.tracking import VARIABLE as TRACKING_SERVER
from atombench.volumes.registry import read_registry
from atombench.workflow.old_layout import is_old_run_list
from atombench.workflow.plan import Plan
from atombench.workflow.start import FailedCall, begin, end, prepare, report_failure
from atombench.workflow.unfinished import planned_outputs

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake_interface_executor_plugins.settings import ExecMode

MAIN = workflow.exec_mode == ExecMode.DEFAULT  # not the part of Snakemake that runs inside a cluster's job

try:
    for path in workflow.configfiles:
        read_yaml(Path(path))  # Snakemake's own reader ignores a key that occurs twice
    RUN = check_run(dict(config), "configuration", build_methods=MAIN)
    named = [name for task in RUN.tasks for name in RUN.methods_of(task)]
    PLAN = Plan(RUN, read_registry(), pick_up(RUN.all_boards(), named))
except AtomBenchError as error:
    raise WorkflowError(str(error)) from None

if MAIN:
    for reason in PLAN.submitted.left_out:
        logger.info(f"Left out: {reason}")

PLACES = Layout()
DATA = str(PLACES.curated("{dataset}", "{form}"))
BOARD = str(PLACES.board(Board("{task}", "{dataset}", "{board}")))
QUERIES = str(PLACES.queries(Board("{task}", "{dataset}", "{board}")))
PATTERN = Run.model_construct(
    task="{task}", dataset="{dataset}", name="{board}", method="{method}", seed="{seed}", condition="{condition}"
)
TRAINED, ANSWERED = str(PLACES.trained(PATTERN)), str(PLACES.answered(PATTERN))
CHECKPOINT = str(PLACES.checkpoint(PATTERN))
STORE = "results/mlflow/mlflow.db"
SERVER = hashlib.sha256(os.environ.get(TRACKING_SERVER, "").encode()).hexdigest()[:12]  # its address may hold a password
MIRROR = f"results/mlflow/server-{SERVER}.json" if os.environ.get(TRACKING_SERVER) else STORE
RUN_LIST = str(PLACES.run_list(RUN.run))


def one_of(names):
    """Regular expression for one of these names."""
    return "|".join(sorted(re.escape(name) for name in names)) or "(?!)"


wildcard_constraints:
    **{name: one_of(values) for name, values in PLAN.values().items()},
    seed="[0-9]+",


def all_lists(wildcards):
    """Run lists that the board shows: this one, and those of earlier configurations."""
    return sorted({RUN_LIST, *(str(path) for path in Path("results/runs").glob("*.json") if not is_old_run_list(path))})


def from_plan(ask, *arguments):
    """Make an input or parameter function of a question to the plan; errors become one line of Snakemake."""

    def answer(wildcards):
        try:
            return ask(wildcards, *arguments)
        except AtomBenchError as error:
            raise WorkflowError(str(error)) from None

    return answer


def data_folder(wildcards, input):
    """Folder of the curated data of a job."""
    return str(Path(input.data[0]).parent)


def per_attempt(amount):
    """Make a resource function: the n-th attempt gets n times the amount."""

    def of_attempt(wildcards, attempt):
        return amount * attempt

    return of_attempt


def gpus(wildcards):
    """A network asks for a GPU if this machine has one; on a cluster always, and its profile may say otherwise."""
    return int(workflow.non_local_exec or shutil.which("nvidia-smi") is not None)


def begin_call():
    """Take the run lock before the first job starts."""
    if not MAIN:
        return
    try:
        begin(planned_outputs(workflow.dag), logger.info)
        PLAN.supply(logger.warning)
    except AtomBenchError as error:
        raise WorkflowError(f"Cannot start: {error}") from None


def end_call(failed):
    """Release the run lock after the last job; after a failure, first make the board with the records that exist."""
    if not MAIN:
        return
    if failed:
        call = FailedCall(
            name=RUN.run,
            settings=RUN.model_dump_json(),
            records=[path for path in PLAN.records() if Path(path).is_file()],
            audits=[path for path in PLAN.audits() if Path(path).is_file()],
            run_lists=[path for path in all_lists(None) if path != RUN_LIST],
            unfinished=Path("results/runs/unfinished"),
            board=Path("results/board"),
        )
        report_failure(call, logger.info)
    end(logger.info)


if MAIN:
    try:
        prepare(workflow, PLAN.files(), Path("results"), logger.info)
    except AtomBenchError as error:
        raise WorkflowError(f"Cannot start: {error}") from None
