# What others send in: queries for them to answer, and records of their answers.
rule write_queries:
    input:
        data=from_plan(PLAN.data),
        manifest=f"{BOARD}/manifest.parquet",
    output:
        board=f"{QUERIES}/board.json",
    log:
        "logs/queries/{task}-{dataset}-{board}.log",
    benchmark:
        "results/benchmarks/queries/{task}-{dataset}-{board}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        folder=subpath(output.board, parent=True),
        code=from_plan(PLAN.step_code, "queries"),
    shell:
        "atombench queries {wildcards.task}/{wildcards.dataset}/{wildcards.board}"
        " --training --out {params.folder} --log {log}"


# `snakemake queries` writes those of all boards of the run.
rule queries:
    input:
        PLAN.queries(),


# Answers in leaderboard/submissions; those that are refused become a failed row with the reasons.
rule score:
    input:
        data=from_plan(PLAN.data),
        manifest=f"{BOARD}/manifest.parquet",
        submission=from_plan(PLAN.submitted_files),
    output:
        record=f"{ANSWERED}/record.json",
    log:
        "logs/score/{task}-{dataset}-{board}-{method}-{seed}-{condition}.log",
    benchmark:
        "results/benchmarks/score/{task}-{dataset}-{board}-{method}-{seed}-{condition}.tsv"
    wildcard_constraints:
        method=one_of(PLAN.submitted.names),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(30),
    params:
        folder=lambda wildcards: f"leaderboard/submissions/{wildcards.method}",
        state=lambda wildcards: PLAN.submitted.state[wildcards.method],
        restricted=from_plan(PLAN.restricted),
        code=from_plan(PLAN.step_code, "score"),
    shell:
        "atombench score {params.folder} --board {wildcards.task}/{wildcards.dataset}/{wildcards.board}"
        " --seed {wildcards.seed} --out {output.record} --log {log}"
