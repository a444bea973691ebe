rule curate:
    input:
        receipt="results/data/{dataset}/source.json",
    output:
        volumes=f"{DATA}/curated.npz",
        index=f"{DATA}/curated.json",
    log:
        "logs/curate/{dataset}-{form}.log",
    benchmark:
        "results/benchmarks/curate/{dataset}-{form}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        row=from_plan(PLAN.row, "curate"),
        restricted=from_plan(PLAN.restricted),
        code=from_plan(PLAN.reader_code, "curate"),
        folder=subpath(output.index, parent=True),
    shell:
        "atombench curate {wildcards.dataset} --receipt {input.receipt} --form {wildcards.form}"
        " --out {params.folder} --log {log}"
