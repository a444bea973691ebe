rule audit_volumes:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        receipt="results/data/{dataset}/source.json",
    output:
        audit="results/data/{dataset}/x{scale}/audit.json",
    log:
        "logs/audit/{dataset}-x{scale}.log",
    benchmark:
        "results/benchmarks/audit/{dataset}-x{scale}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        restricted=restricted,
        code=code_digest("atombench.commands.audit_data"),
    shell:
        "atombench audit-data {wildcards.dataset} --volumes {input.volumes} --receipt {input.receipt}"
        " --out {output.audit} --log {log}"


rule audit_board:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        manifest=f"{BOARD}/manifest.parquet",
    output:
        audit=f"{BOARD}/audit.json",
    log:
        "logs/audit/{dataset}-{gathering}-{split}-x{scale}.log",
    benchmark:
        "results/benchmarks/audit/{dataset}-{gathering}-{split}-x{scale}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        restricted=restricted,
        code=code_digest("atombench.commands.audit_data"),
    shell:
        "atombench audit-data {wildcards.dataset} --volumes {input.volumes} --manifest {input.manifest}"
        " --out {output.audit} --log {log}"
