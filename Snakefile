# ATOM-Bench: from volumes to a leaderboard. The run matrix is one file, config/config.yaml unless --configfile names another.
from snakemake.utils import min_version

min_version("9.25")


# A file given on the command line takes the default's place as a whole instead of being merged into it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/fetch.smk"
include: "rules/curate.smk"
include: "rules/split.smk"
include: "rules/audit.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/evaluate.smk"
include: "rules/submissions.smk"
include: "rules/track.smk"
include: "rules/board.smk"


onstart:
    begin_call()


onsuccess:
    end_call(failed=False)


onerror:
    end_call(failed=True)


report: "docs/report.rst"


rule all:
    default_target: True
    input:
        run=RUN_LIST,
        board="results/board/index.html",
        table="results/board/results.csv",
        mlflow=MIRROR,
