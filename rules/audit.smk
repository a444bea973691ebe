rule audit_data:
    input:
        volumes=f"{DATA}/curated.npz",
        index=f"{DATA}/curated.json",
        receipt="results/data/{dataset}/source.json",
    output:
        audit=f"{DATA}/audit.json",
    log:
        "logs/audit/{dataset}-{form}.log",
    benchmark:
        "results/benchmarks/audit/{dataset}-{form}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        folder=subpath(input.index, parent=True),
        restricted=from_plan(PLAN.restricted),
        code=code_digest("atombench.commands.audit_data"),
    shell:
        "atombench audit-data {wildcards.dataset} --data {params.folder} --receipt {input.receipt}"
        " --out {output.audit} --log {log}"


rule audit_board:
    input:
        data=from_plan(PLAN.data),
        manifest=f"{BOARD}/manifest.parquet",
    output:
        audit=f"{BOARD}/audit.json",
    log:
        "logs/audit/{task}-{dataset}-{board}.log",
    benchmark:
        "results/benchmarks/audit/{task}-{dataset}-{board}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        folder=data_folder,
        restricted=from_plan(PLAN.restricted),
        code=from_plan(PLAN.step_code, "audit", "audit_data"),
    shell:
        "atombench audit-data {wildcards.dataset} --board {wildcards.task}/{wildcards.dataset}/{wildcards.board}"
        " --data {params.folder} --manifest {input.manifest} --out {output.audit} --log {log}"
