# Networks; they use a GPU where there is one.
rule train:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        manifest=f"{BOARD}/manifest.parquet",
    output:
        weights=f"{UNIT}/weights.safetensors",
        curve=f"{UNIT}/curve.jsonl",
        cost=f"{UNIT}/training.json",
    log:
        "logs/train/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.log",
    benchmark:
        "results/benchmarks/train/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.tsv"
    wildcard_constraints:
        method=pattern_of(learned=True),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(720),
        gpu=gpus_at_hand,
    params:
        options=method_options,
        code=method_code("train"),
        checkpoint=lambda wildcards: f"results/checkpoints/{'-'.join(wildcards)}.safetensors",
    shell:
        "atombench train {wildcards.method} --volumes {input.volumes} --manifest {input.manifest}"
        " --options {params.options:q} --seed {wildcards.seed} --threads {threads}"
        " --checkpoint {params.checkpoint} --out {output.weights} --curve {output.curve} --cost {output.cost} --log {log}"


# Everything else: the same step without a GPU.
use rule train as train_cpu with:
    wildcard_constraints:
        method=pattern_of(learned=False),
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
