# Here, not on a compute node, which often has no network.
localrules:
    fetch,


rule fetch:
    output:
        receipt="results/data/{dataset}/source.json",
    log:
        "logs/fetch/{dataset}.log",
    benchmark:
        "results/benchmarks/fetch/{dataset}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        row=from_plan(PLAN.row, "fetch"),
        code=from_plan(PLAN.reader_code, "fetch"),
    shell:
        "atombench fetch {wildcards.dataset} --out {output.receipt} --log {log}"
