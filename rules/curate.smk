rule curate:
    input:
        receipt="results/data/{dataset}/source.json",
    output:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
    log:
        "logs/curate/{dataset}-x{scale}.log",
    benchmark:
        "results/benchmarks/curate/{dataset}-x{scale}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        row=row_of("curate"),
        restricted=restricted,
        code=reader_code("curate"),
    shell:
        "atombench curate {wildcards.dataset} --receipt {input.receipt} --scale {wildcards.scale}"
        " --out {output.volumes} --log {log}"
