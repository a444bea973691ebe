# Everything that is not a rule: the checked configuration, names of files, and what each rule depends on.
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from atombench.tasks.atom.secret import is_secret, read_key
from atombench.config import check_run
from atombench.workflow.truncated import cut_short, still_missing
from atombench.workflow.jobs import end_jobs, jobs_left_behind
from atombench.errors import AtomBenchError
from atombench.records.record import Unit
from atombench.engine.method_name import MethodName
from atombench.engine.registry import code_of, default_options, entry_of, resolved_options
from atombench.tasks.atom.methods.table import METHODS
from atombench.workflow.processes import lead_steps
from atombench.provenance.code import code_digest
from atombench.io.schema import read_yaml
from atombench.workflow.run_lock import release_stale_lock
from atombench.submissions.discovery import pick_up
from atombench.tracking import VARIABLE as TRACKING_SERVER
from atombench.volumes.registry import Row, read_registry
from atombench.volumes.sources import READERS

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake_interface_executor_plugins.settings import ExecMode

MAIN = workflow.exec_mode == ExecMode.DEFAULT  # not the part of Snakemake that runs inside a cluster's job
if MAIN:
    lead_steps()
    found = release_stale_lock(Path(".snakemake"))
    if found.forbidden:
        raise WorkflowError(f"No run can work here: {found.forbidden}")
    if found.released:
        logger.info("An earlier run was killed and left its lock behind; no run is alive here, so the lock was released.")
    if found.alive:
        logger.info(f"Another run is alive in this folder ({found.alive}). Until it ends, a call may look (-n) but not write.")

try:
    for path in workflow.configfiles:
        read_yaml(Path(path))  # Snakemake's own reader passes over a key that stands twice
    RUN = check_run(dict(config), "configuration", build_methods=MAIN)
    REGISTRY, DEFAULTS = read_registry(), default_options()
except AtomBenchError as error:
    raise WorkflowError(str(error)) from None

SUBMITTED = pick_up(RUN.places(), RUN.all_methods)
UNITS = [*RUN.units(), *SUBMITTED.files]
if MAIN:
    for told in SUBMITTED.left_out:
        logger.info(f"Left out: {told}")

BOARD = "results/atom/{dataset}/{gathering}-{split}-x{scale}"
AUDITS = ("results/data/{dataset}/x{scale}/audit.json", f"{BOARD}/audit.json")
STORE = "results/mlflow/mlflow.db"
SERVER = hashlib.sha256(os.environ.get(TRACKING_SERVER, "").encode()).hexdigest()[:12]  # its address may hold a password
MIRROR = f"results/mlflow/server-{SERVER}.json" if os.environ.get(TRACKING_SERVER) else STORE
UNIT = f"{BOARD}/{{method}}/seed{{seed}}"
UNIT_FILES = (
    "weights.safetensors",
    "curve.jsonl",
    "training.json",
    "predictions.parquet",
    "predicting.json",
    "swaps.parquet",
    "record.json",
)


wildcard_constraints:
    dataset="|".join(RUN.names("datasets")),
    gathering="|".join(RUN.names("gatherings")),
    split="|".join(RUN.names("splits")),
    scale="|".join(str(scale) for scale in RUN.names("scales")),
    method="|".join(sorted({re.escape(unit.method) for unit in UNITS})),
    seed="[0-9]+",


def all_records(wildcards):
    """Records of every unit of the matrix, and of what others sent in for its boards."""
    return [f"{UNIT}/record.json".format(**unit.model_dump()) for unit in UNITS]


def all_queries(wildcards):
    """Queries of every board of the run."""
    return [f"results/queries/{d}/{g}-{s}-x{x}/board.json" for d, g, s, x in RUN.places()]


def submitted_files(wildcards):
    """What a submission's score depends on, besides the board."""
    return SUBMITTED.files_of(Unit(**dict(wildcards.items())))


def all_runs(wildcards):
    """Run lists that the board shows: this run's, and those of earlier runs."""
    earlier = (str(path) for path in Path("results/runs").glob("*.json"))
    return sorted({f"results/runs/{RUN.run}.json", *earlier})


def all_audits(wildcards):
    """Audit files of this run's datasets and boards."""
    places = [{"dataset": d, "gathering": g, "split": s, "scale": x} for d, g, s, x in RUN.places()]
    return sorted({pattern.format(**place) for place in places for pattern in AUDITS})


def all_files(wildcards):
    """Every file that a step of this run may have written and another one reads."""
    places = [{"dataset": d, "gathering": g, "split": s, "scale": x} for d, g, s, x in RUN.places()]
    data = [f"results/data/{{dataset}}/{name}" for name in ("source.json", "x{scale}/volumes.npz", "x{scale}/audit.json")]
    board = [f"{BOARD}/{name}" for name in ("manifest.parquet", "manifest.json", "audit.json")]
    unit = [f"{UNIT}/{name}" for name in UNIT_FILES]
    found = {pattern.format(**place) for place in places for pattern in data + board}
    return [Path(path) for path in sorted(found | {pattern.format(**u.model_dump()) for u in UNITS for pattern in unit})]


def submission_state(wildcards):
    """Digest of what lies in a submission's folder, since any file there may be what it is refused for."""
    return SUBMITTED.state[wildcards.method]


def restricted(wildcards):
    """Whether no picture of the dataset may be shown."""
    return REGISTRY[wildcards.dataset].restricted


def row_of(step):
    """What a step needs of the dataset's row, so that editing it repeats that step; not its description."""
    unused = {"fetch": {"intensity", "split", "mixed_shapes", "same_subject", "facts"}, "curate": set()}[step]

    def content(wildcards):
        return REGISTRY[wildcards.dataset].model_dump_json(exclude={*Row.model_fields, "released_sampler", *unused})

    return content


def key_digest(wildcards):
    """Digest of the key of a secret board, so that another key draws other poses; empty for public boards."""
    if not is_secret(wildcards.gathering):
        return ""
    try:
        return hashlib.sha256(f"rule split {read_key()}".encode()).hexdigest()
    except AtomBenchError as error:
        raise WorkflowError(str(error)) from None


def sampler_variant(wildcards):
    """Which of the released code's generators draws the dataset's positions."""
    return REGISTRY[wildcards.dataset].released_sampler


def shown_texts(wildcards):
    """What the page says of datasets and methods, so that a corrected licence or note reaches it."""
    rows = {name: row.model_dump_json(include=set(Row.model_fields)) for name, row in REGISTRY.items()}
    texts = json.dumps([rows, {name: entry.note for name, entry in METHODS.items()}], sort_keys=True)
    return hashlib.sha256(texts.encode()).hexdigest()


def reader_code(command):
    """Digest of a sub-command's code together with the reader of the dataset's kind."""

    def digest(wildcards):
        kind = REGISTRY[wildcards.dataset].kind
        return code_digest(f"atombench.commands.{command}", READERS[kind])

    return digest


def method_code(command):
    """Digest of a sub-command's code together with the method's file."""

    def digest(wildcards):
        return f"{entry_of(wildcards.method).cls} {code_of(wildcards.method, f'atombench.commands.{command}')}"

    return digest


def trained(name):
    """What the train step wrote for a unit; a method trained on another dataset takes it from there."""

    def path(wildcards):
        label = MethodName.read(wildcards.method)
        place = {**dict(wildcards.items()), "method": label.configured, "dataset": label.source or wildcards.dataset}
        return f"{UNIT}/{name}".format(**place)

    return path


def method_options(wildcards):
    """The method's options as JSON: defaults with this run's overrides."""
    method = MethodName.read(wildcards.method).configured
    return json.dumps(resolved_options(method, RUN.all_methods[method], DEFAULTS), sort_keys=True)


def method_role(wildcards):
    """The method's role, which stands in its record."""
    return entry_of(wildcards.method).role


def growing(amount):
    """A resource of which every new attempt asks for more."""

    def of_attempt(wildcards, attempt):
        return amount * attempt

    return of_attempt


def gpus_at_hand(wildcards):
    """A network asks for a GPU where this machine has one; on a cluster always, and its profile may say otherwise."""
    return int(workflow.non_local_exec or shutil.which("nvidia-smi") is not None)


def pattern_of(learned):
    """Regular expression for the run's methods that are networks, or those that are not."""
    return one_of({unit.method for unit in RUN.units() if entry_of(unit.method).learned == learned})


def one_of(names):
    """Regular expression for one of these names."""
    return "|".join(sorted(re.escape(name) for name in names)) or "(?!)"


def show_what_is_there():
    """After a run that did not end well: the board with what there is, and with the runs that were lost and why."""
    folders = [Path(f"{UNIT}/record.json".format(**unit.model_dump())) for unit in UNITS]
    records = [str(path) for path in folders if path.is_file()]
    if not records:
        return
    finished = f"results/runs/{RUN.run}.json"  # must not be made here: Snakemake would take the run for done
    run, lost = f"results/runs/unfinished/{RUN.run}.json", f"results/runs/unfinished/{RUN.run}-lost.json"
    audits = [f"--audit={path}" for path in all_audits(None) if Path(path).is_file()]
    settings = RUN.model_dump_json()
    commands = [
        ["lost", "--config", settings, "--out", lost],
        ["collect", *records, *audits, "--name", RUN.run, "--config", settings, "--lost", lost, "--out", run],
        ["board", *sorted({*all_runs(None), run} - {finished}), "--out", "results/board"],
    ]
    for command in commands:
        if subprocess.run(["atombench", *command], check=False).returncode:
            return
    logger.info("Some runs did not end well; results/board/index.html shows what there is, and why the rest is missing.")


def to_make_again():
    """Files of this run without their end: they are removed, and asked for until they are there; a dry run only tells."""
    mine, short = all_files(None), []
    if may_write:
        short = cut_short(mine)
        for path in short:
            logger.info(f"{path} lacks its end and has to be made again.")
    if not may_write or workflow.output_settings.dryrun:
        return []
    missing = set(still_missing(short, Path(".snakemake/atombench-cut-short")))
    for path in short:
        path.unlink()
    return [str(path) for path in mine if path in missing]


def end_what_was_left_behind():
    """Jobs on a cluster that a dead run left in this folder."""
    if MAIN and not found.alive and (jobs := jobs_left_behind(Path())):
        logger.info(f"SLURM jobs of an earlier run are still there; they are cancelled first: {' '.join(jobs)}")
        try:
            end_jobs(jobs, Path())
        except AtomBenchError as error:
            raise WorkflowError(str(error)) from None


may_write = MAIN and not found.alive
TO_MAKE_AGAIN = to_make_again()
