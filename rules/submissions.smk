# What others send in: queries for them to answer, and records of their answers.
rule write_queries:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        manifest=f"{BOARD}/manifest.parquet",
    output:
        board="results/queries/{dataset}/{gathering}-{split}-x{scale}/board.json",
    log:
        "logs/queries/{dataset}-{gathering}-{split}-x{scale}.log",
    benchmark:
        "results/benchmarks/queries/{dataset}-{gathering}-{split}-x{scale}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        folder=subpath(output.board, parent=True),
        code=code_digest("atombench.commands.queries"),
    shell:
        "atombench queries {wildcards.dataset}/{wildcards.gathering}-{wildcards.split}-x{wildcards.scale}"
        " --training --out {params.folder} --log {log}"


# `snakemake queries` writes those of all boards of the run.
rule queries:
    input:
        all_queries,


# Predictions in leaderboard/submissions; those that are refused become a failed row with the reasons.
rule score:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        manifest=f"{BOARD}/manifest.parquet",
        submission=submitted_files,
    output:
        record=f"{UNIT}/record.json",
    log:
        "logs/score/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.log",
    benchmark:
        "results/benchmarks/score/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.tsv"
    wildcard_constraints:
        method=one_of(SUBMITTED.names),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
    params:
        folder=lambda wildcards: f"leaderboard/submissions/{wildcards.method}",
        state=submission_state,
        restricted=restricted,
        code=code_digest("atombench.commands.score"),
    shell:
        "atombench score {params.folder} --board {wildcards.dataset}/{wildcards.gathering}-{wildcards.split}-x{wildcards.scale}"
        " --seed {wildcards.seed} --out {output.record} --log {log}"
