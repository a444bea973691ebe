rule split:
    input:
        data=from_plan(PLAN.data),
    output:
        manifest=f"{BOARD}/manifest.parquet",
        summary=f"{BOARD}/manifest.json",
    log:
        "logs/split/{task}-{dataset}-{board}.log",
    benchmark:
        "results/benchmarks/split/{task}-{dataset}-{board}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        folder=data_folder,
        settings=from_plan(PLAN.settings),
        key=from_plan(PLAN.key_digest),
        code=from_plan(PLAN.step_code, "split"),
    shell:
        "atombench split {wildcards.task}/{wildcards.dataset}/{wildcards.board} --data {params.folder}"
        " --settings {params.settings:q} --out {output.manifest} --summary {output.summary} --log {log}"
