# Networks; they use a GPU where there is one.
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
    wildcard_constraints:
        method=pattern_of(learned=True),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(240),
        gpu=gpus_at_hand,
    params:
        options=method_options,
        code=method_code("predict"),
    shell:
        "atombench predict {wildcards.method} --volumes {input.volumes} --manifest {input.manifest}"
        " --weights {input.weights} --options {params.options:q} --seed {wildcards.seed} --threads {threads}"
        " --out {output.predictions} --cost {output.cost} --swaps {output.swaps} --log {log}"


# Everything else: the same step without a GPU.
use rule predict as predict_cpu with:
    wildcard_constraints:
        method=pattern_of(learned=False),
    resources:
        mem_mb=growing(6000),
        runtime=growing(120),
