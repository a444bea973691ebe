rule split:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
    output:
        manifest=f"{BOARD}/manifest.parquet",
        summary=f"{BOARD}/manifest.json",
    log:
        "logs/split/{dataset}-{gathering}-{split}-x{scale}.log",
    benchmark:
        "results/benchmarks/split/{dataset}-{gathering}-{split}-x{scale}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        variant=sampler_variant,
        key=key_digest,
        code=code_digest("atombench.commands.split"),
    shell:
        "atombench split --volumes {input.volumes} --gathering {wildcards.gathering} --split {wildcards.split}"
        " --scale {wildcards.scale} --variant {params.variant} --out {output.manifest} --summary {output.summary} --log {log}"
