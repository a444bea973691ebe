rule predict:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        manifest=f"{BOARD}/manifest.parquet",
        weights=trained("weights.safetensors"),
    output:
        predictions=f"{UNIT}/predictions.parquet",
        cost=f"{UNIT}/predicting.json",
        swaps=f"{UNIT}/swaps.parquet",
    log:
        "logs/predict/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.log",
    benchmark:
        "results/benchmarks/predict/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=240,
        gpu=gpus_of,
    params:
        options=method_options,
        code=method_code("predict"),
    shell:
        "atombench predict {wildcards.method} --volumes {input.volumes} --manifest {input.manifest}"
        " --weights {input.weights} --options {params.options:q} --seed {wildcards.seed} --threads {threads}"
        " --out {output.predictions} --cost {output.cost} --swaps {output.swaps} --log {log}"
